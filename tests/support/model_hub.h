// A hub at the other end of a leaf link, without a wire: a stream, plain subscribers, the part of
// the JetStream API that the mirror uses, and all that can go wrong with them.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/mirror/uplink.h"
#include "agent/routing/account.h"
#include "tests/support/sim.h"

namespace petiole::test {

struct HubOptions {
  std::string domain = "hub";          // Empty: the API cannot be reached.
  std::string stream_subject = "t.>";  // Empty: no stream.
  Duration duplicate_window = std::chrono::minutes(2);
  Duration latency = std::chrono::milliseconds(5);
  Duration ack_delay = std::chrono::milliseconds(1);
  bool work_queue = false;      // What is stored is consumed at once.
  std::size_t per_subject = 0;  // Keeps so many of a subject; 0: any number.
  bool deleted_details = true;  // Tells what it has removed.
  std::string transform{};      // Not empty: what the stream keeps its messages under, of "t.*".
  bool drops_repeats = false;   // Says that it is a petiole.
  std::size_t payload_bytes_max = 1 << 20;
  std::string service{};                    // Not empty: plain subscribers answer requests with it.
  std::string list{};                       // Not empty: each page of STREAM.LIST.
  std::size_t payload_taken_max = 1 << 30;  // Of what it does not say: it wants to end the link.
  std::string denied{};                     // Not empty: what begins so may not be sent to it.
  bool unheard = false;                     // The link may not receive what answers the mirror.
  std::string beyond{};         // Not empty: what a stream of a server beyond it answers to each.
  std::size_t waiting_max = 0;  // Not 0: the stream holds so many and takes ten a millisecond.
};

class ModelHub {
 public:
  struct Stored {
    std::string subject, id, payload;
    std::uint64_t sequence = 0;
    bool consumed = false;
    std::string reply{};
  };

  ModelHub(SimLoop& loop, HubOptions options);
  ~ModelHub();

  // A link into `account`; replies are published there. Valid until the next connect or cut.
  Uplink& connect(Account& account);
  void cut();
  bool connected() const { return link_ != nullptr; }
  // What is on its way in either direction.
  std::size_t in_pipe() const { return in_pipe_; }

  void store(std::string subject, std::string id, std::string payload);  // Another's publish.
  void make_anew(const std::string& name = "S");  // Deletes the stream and makes another.
  void forget_ids();  // As a nats-server that begins anew, of what its stream has not any more.
  void put_back(std::size_t count) { stored.resize(count); }  // From a copy of when it had so many.
  void forget_birth() { ++born_; }  // As a nats-server 2.9.10 of a stream that was updated.

  const HubOptions& options() const { return options_; }
  HubOptions& options() { return options_; }
  std::vector<Stored> stored;         // The stream, in order.
  std::vector<Stored> heard;          // By plain subscribers.
  std::set<std::string> missed;       // Payloads that met nobody.
  std::set<std::string> interest;     // Patterns of plain subscribers.
  std::string error;                  // Not empty: each publish to the stream gets this answer.
  std::set<std::string> refuse_once;  // Payloads that get this one once: no room.
  std::set<std::string> refused;      // Payloads that were answered so.
  std::uint64_t crowded = 0;          // Answers that too many are waiting.
  std::uint64_t refusals = 0;         // For what was expected of the stream, and is not so.
  std::set<std::string> vanish_once;  // Payloads that get none: no leader was there to take them.
  // What the API says to a verb, in place of the usual; "": nothing.
  std::function<std::optional<std::string>(std::string_view verb)> api_says;
  double drop_acks = 0;           // Share of PubAcks that get lost in the hub;
  int acks_to_drop = 0;           // so many of the next ones.
  std::set<std::string> replies;  // Reply subjects of what the stream was sent.
  std::vector<MirrorMark> marks;  // Of what was sent with one, as it left.
  std::uint64_t api_requests = 0;
  std::size_t payload_refused = 0;  // What it wants to end the link for.
  std::uint64_t violations = 0;     // Sent though it is denied: a nats-server would cut the link.
  std::mt19937_64 random{1};

 private:
  class Link;
  friend class Link;
  struct Packet {
    std::string subject, reply, header, payload;
  };
  void later(Duration delay, std::function<void()> task);
  void receive(const Packet& packet);
  void capture(const Packet& packet);
  std::string kept_as(const std::string& subject) const;
  void roll_up(const std::string& header);
  bool overrun();
  bool wrong_sequence(const Packet& packet) const;
  std::uint64_t wrong_id(const Packet& packet) const;  // An error's code; 0: none.
  void answer(const std::string& reply, std::string text);
  std::string api(std::string_view verb, std::string_view body);
  std::string list_answer() const;
  std::string state_text() const;
  std::string info_answer(bool deleted) const;
  std::string message_answer(std::string_view body) const;

  SimLoop& loop_;
  HubOptions options_;
  Account* account_ = nullptr;
  std::unique_ptr<Link> link_;
  std::uint64_t generation_ = 0;
  std::size_t in_pipe_ = 0;
  std::map<std::string, std::pair<Time, std::uint64_t>> ids_;
  Time taken_{};  // When all that waits will have been taken.
  std::string stream_ = "S";
  int made_ = 0;  // So many times.
  int born_ = 0;  // As it says; its messages tell otherwise.
};

}  // namespace petiole::test
