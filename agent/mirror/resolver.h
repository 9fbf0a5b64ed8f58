// Finds out, by asking the hub, which of our messages it has.
//
// One question a subject: the last message there. If it is one of ours, those before it arrived
// too. If it is somebody else's, the stream is walked from the last sequence known to be ours; so it
// is where the hub refused some of them and took later ones, as then none vouches for another.
// What cannot be answered counts as not arrived: it is sent again under the same message id.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/mirror/api_client.h"
#include "agent/mirror/hub_directory.h"
#include "agent/mirror/ids.h"
#include "agent/mirror/rule_state.h"
#include "agent/mirror/suspects.h"

namespace petiole {

class Resolver {
 public:
  using Done = std::function<void(const SuspectList& suspects)>;

  // `holes`: the hub refused some. `done` is called once, perhaps from inside start(); never after destruction.
  Resolver(ApiClient& api, const HubDirectory& directory, const MirrorLimits& limits, HashKey key,
           SuspectList suspects, std::vector<StreamFloor> floors, bool holes, Done done);

  // Call when the directory knows, or will not.
  void start(Time now);
  bool started() const { return started_; }
  void tick(Time now);  // Retries, and gives up in the end.
  Time deadline() const { return started_ ? retry_ : kNever; }

 private:
  struct Walk {
    std::string stream;
    std::uint64_t last = 0;  // Sequence of the subject's last message.
    std::size_t steps = 0;
  };
  void ask_more(Time now);
  void ask_last(std::size_t subject, Time now);
  void got_last(std::size_t subject, Result<json::object> answer);
  void ask_next(std::size_t subject, Walk walk, std::uint64_t from);
  void got_next(std::size_t subject, Walk walk, Result<json::object> answer);
  void settled();
  std::uint64_t floor_of(const std::string& stream) const;

  ApiClient& api_;
  const HubDirectory& directory_;
  const MirrorLimits& limits_;
  HashKey key_;
  SuspectList suspects_;
  std::vector<StreamFloor> floors_;
  Done done_;
  bool holes_ = false, started_ = false, finished_ = false;
  std::size_t next_ = 0, open_ = 0;
  std::vector<std::size_t> failed_;  // Asked in vain: once more later.
  Time now_{}, give_up_{}, retry_ = kNever;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace petiole
