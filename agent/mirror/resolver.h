// Finds out, by asking the hub, which of our messages it has.
//
// First one question a subject: the last message there. If it is not one of ours, or others of ours
// should be before it, the subject is walked from the last sequence known to be ours: a hub may
// refuse one message and take the next. If some are missing then, the stream is asked what it has
// removed: see SuspectSubject::judge. What did not arrive is sent again under the same message id.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
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

  struct Order {
    bool holes = false;    // The hub is known to have refused some: none vouches for another.
    bool unknown = false;  // The last may be one that was sent again behind others.
  };
  // `done` is called once, perhaps from inside start(); never after destruction.
  Resolver(ApiClient& api, const HubDirectory& directory, const MirrorLimits& limits, HashKey key,
           SuspectList suspects, Order order, Done done);

  // Call when the directory knows, or will not. `patient`: a stream that is away is waited for.
  void start(Time now, bool patient, StreamFloors floors);
  bool started() const { return started_; }
  void tick(Time now);  // Retries, and gives up in the end.
  Time deadline() const { return started_ ? retry_ : kNever; }

 private:
  // The walk of one subject, in rounds of parts side by side: a round trip is long on some links.
  struct Walk {
    std::string stream;
    std::uint64_t low = 0, high = 0;  // From here to before there is still to be looked at.
    std::uint64_t width = 0;          // Of a part.
    std::size_t rounds = 0;
    bool whole = true;     // No part was given up.
    std::size_t open = 0;  // Parts under way.
    std::size_t steps = 0;
    std::uint64_t there = 1, seen = 1;  // Messages, with the last; before this round.
  };
  using WalkPointer = std::shared_ptr<Walk>;
  void ask_more(Time now);
  const std::string* askable(std::string_view subject) const;
  void ask_last(std::size_t subject, Time now);
  void got_last(std::size_t subject, Result<json::object> answer);
  void walk(std::size_t subject, const std::string& stream, std::uint64_t last);
  void ask_next(std::size_t subject, WalkPointer walk, std::uint64_t from, std::uint64_t end);
  void got_next(std::size_t subject, const WalkPointer& walk, std::uint64_t end,
                Result<json::object> answer);
  void next_round(std::size_t subject, const WalkPointer& pointer);
  void walked(std::size_t subject, const Walk& walk);
  void part_done(std::size_t subject, const WalkPointer& walk, bool whole);
  void ask_again(std::size_t subject);
  void settled();
  void answered();
  void ask_health();
  void got_health(bool good);
  void look_back();
  std::vector<std::string> streams_of(const std::vector<std::size_t>& subjects) const;
  void ask_facts();
  void ask_info(const std::string& stream, bool removed);
  void got_info(const std::string& stream, bool removed, Result<json::object> answer);
  void roll_up();
  void finish();

  ApiClient& api_;
  const HubDirectory& directory_;
  const MirrorLimits& limits_;
  HashKey key_;
  SuspectList suspects_;
  StreamFloors floors_;
  Done done_;
  Order order_;
  bool started_ = false, finished_ = false, facts_asked_ = false, patient_ = true;
  // What was not found is looked for once more, where its subject went before.
  bool looks_back_ = false, looked_back_ = false;
  std::size_t next_ = 0, open_ = 0;
  std::map<std::string, StreamFacts> facts_;
  std::vector<std::size_t> failed_;  // Asked in vain: once more later.
  std::vector<std::string> untold_;  // Streams whose facts were: the same.
  std::size_t health_open_ = 0;      // Answers awaited, of streams that were silent:
  bool ill_ = false;                 // one cannot answer at all.
  Duration ask_again_after_;
  int silent_rounds_ = 0;  // All could, and have not said what was asked.
  Time now_{}, asked_{}, give_up_{}, retry_ = kNever;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace petiole
