// When to dial again. Decorrelated jitter, exponential to a cap; never gives up.
//
// After "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): ten thousand leafs that
// lost one hub do not come back in step.
#pragma once

#include <cstdint>

#include "agent/limits.h"
#include "platform/entropy.h"
#include "platform/time.h"

namespace petiole {

class Reconnect {
 public:
  Reconnect(const LinkLimits& limits, Entropy& entropy);

  // The wait after a failed attempt; `round_over` when every URL was tried since the last wait
  // grew: within a round the waits stay short, so that a living hub behind dead ones is found soon.
  Duration failed(bool round_over);
  // The wait after a link that was up for `up`. A stable one starts the back-off over.
  Duration lost(Duration up);
  // At least this for the next wait: what the hub's answer calls for.
  void at_least(Duration wait) { floor_ = wait; }

  std::uint64_t attempt() const { return attempt_; }  // Failed ones since the last stable link.

 private:
  Duration between(Duration low, Duration high);
  Duration with_floor(Duration wait);

  Duration min_, max_, stable_after_;
  Entropy& entropy_;
  Duration last_;
  Duration floor_{};
  std::uint64_t attempt_ = 0;
};

}  // namespace petiole
