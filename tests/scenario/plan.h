// What a seed decides before the run begins.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "agent/config/config.h"

namespace petiole::test {

using namespace std::chrono_literals;

enum class HubKind : std::uint8_t {
  kStream,        // A stream whose API can be reached.
  kHiddenStream,  // A stream without a domain: PubAcks come, questions are not answered.
  kPlain,         // No JetStream: a subscriber.
};

struct PublisherPlan {
  bool ids = true;
  std::uint32_t messages = 100;
  std::uint32_t batch_max = 20;
  std::chrono::nanoseconds pause_max = 1s;
  std::vector<std::size_t> rules;  // Of the leaf, that it publishes to.
};

struct Plan {
  std::uint64_t seed = 0;
  HubKind hub = HubKind::kStream;
  std::chrono::nanoseconds duplicate_window = 2min;
  std::chrono::nanoseconds store_delay{}, ack_delay{};  // At most.
  bool drops_repeats = false;                           // The hub is a petiole and says so.
  bool late_interest = false;  // After a start of the hub its subscriber comes later.
  bool others = false;         // Others publish to the hub's stream.
  std::vector<RuleConfig> rules;
  std::vector<PublisherPlan> publishers;
  std::chrono::nanoseconds span = 120s;       // Of the faults.
  std::chrono::nanoseconds fault_pause = 8s;  // Between two, at most.
  bool io_errors = false, full_disk = false, wall_jumps = false, crashes = true;
  std::uint64_t store_bytes_max = 8 << 20;
  bool chain = false;  // Publishers are at a leaf behind the leaf: "edge".
  bool edge_crashes = false;

  std::string describe() const;
};

// `chain`: see Plan.
Plan make_plan(std::uint64_t seed, bool chain);

// What every part draws from: a number below `bound`, a span below `most`.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return bound ? engine_() % bound : 0; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::chrono::nanoseconds span(std::chrono::nanoseconds least, std::chrono::nanoseconds most) {
    const auto range = static_cast<std::uint64_t>((most - least).count());
    return least + std::chrono::nanoseconds(static_cast<std::int64_t>(below(range + 1)));
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace petiole::test
