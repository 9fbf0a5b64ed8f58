#include "agent/leaf/reconnect.h"

#include <algorithm>
#include <utility>

namespace petiole {

Reconnect::Reconnect(const LinkLimits& limits, Entropy& entropy)
    : min_(limits.reconnect_min),
      max_(std::max(limits.reconnect_max, limits.reconnect_min)),
      stable_after_(limits.stable_after),
      entropy_(entropy),
      last_(min_) {}

Duration Reconnect::between(Duration low, Duration high) {
  if (high <= low) return low;
  const auto span = static_cast<std::uint64_t>((high - low).count());
  return low + Duration(static_cast<Duration::rep>(entropy_.number() % span));
}

// A peer's demand is spread too: otherwise all that it refused come back at one moment.
Duration Reconnect::with_floor(Duration wait) {
  const Duration floor = std::exchange(floor_, Duration{});
  return floor > wait ? between(floor, floor + floor / 4) : wait;
}

Duration Reconnect::failed(bool round_over) {
  ++attempt_;
  if (!round_over) return with_floor(between(min_ / 2, min_));
  last_ = std::min(max_, between(min_, last_ * 3));
  return with_floor(last_);
}

Duration Reconnect::lost(Duration up) {
  if (up >= stable_after_) {
    attempt_ = 0;
    last_ = min_;
  }
  return failed(true);
}

}  // namespace petiole
