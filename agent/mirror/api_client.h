// Requests to the hub's JetStream API over the link: numbered, bounded, each with a time-out.
//
// A link that breaks forgets them all: nobody is called, whoever asked starts over. Loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "agent/mirror/inbox.h"
#include "agent/mirror/limits.h"
#include "agent/mirror/uplink.h"
#include "platform/json.h"
#include "platform/time.h"

namespace petiole {

class ApiClient {
 public:
  // The answer's JSON object; kTimeout: none came; kProtocol: not such an object.
  using Done = std::function<void(Result<json::object>)>;

  ApiClient(Inbox& inbox, const MirrorLimits& limits) : inbox_(inbox), limits_(limits) {}

  void link_up(Uplink& link);
  void link_down();
  // The API can be reached over this link: the hub has a domain, and permissions let us ask and
  // hear.
  bool reachable() const;
  // What answers us, a PubAck too, may come over this link.
  bool hears() const;

  // Permissions let us ask this. A hub cuts the link to who asks what he may not.
  bool allows(std::string_view verb) const;

  // `verb` stands behind `$JS.<domain>.API.`, and is allowed.
  void request(std::string_view verb, std::string body, Done done, Time now);
  void answered(std::uint64_t number, const Message& message, Time now);
  void tick(Time now);
  Time deadline() const;
  // How many may be outstanding. A far hub that answers at once has more of them on the way, not
  // more to do; a slow line or a busy hub keeps to the first few.
  std::size_t room() const { return room_; }

 private:
  struct Request {
    std::string subject, body;
    Done done;
    Time sent{}, due{};
  };
  std::string subject_of(std::string_view verb) const;
  void send(Request request, Time now);
  void send_waiting(Time now);

  Inbox& inbox_;
  const MirrorLimits& limits_;
  Uplink* link_ = nullptr;
  std::uint64_t last_number_ = 0;
  std::size_t room_ = 0;
  Duration fastest_ = Duration::max();  // Answer of this link: what the way alone takes.
  std::map<std::uint64_t, Request> sent_;
  std::deque<Request> waiting_;  // As many as those who ask have: each bounds its own.
};

// The code of an API error in `answer`: err_code, 0 when there is none.
std::int64_t api_error(const json::object& answer);

}  // namespace petiole
