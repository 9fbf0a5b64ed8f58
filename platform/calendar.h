// The time in which certificates and tokens are judged.
//
// A box without a battery starts in 1970, or jumps by years. Then the floor, a time that has
// certainly passed, is a better guess than the clock on the wall: the time of the build, or one
// that was noted since. Any thread: it does not change once connections exist.
#pragma once

#include <algorithm>
#include <cstdint>

#include "platform/time.h"

namespace petiole {

enum class ClockTrust : std::uint8_t {
  kFloor,    // The later of the clock and the floor.
  kWall,     // The clock, whatever it says.
  kLenient,  // The clock; while it is before the floor nothing is too late or too early.
};

// As the configuration names them.
inline constexpr const char* kClockTrustNames[] = {"floor", "wall", "ignore_expiry_until_set"};

// When something is judged. From a bare time: strictly.
struct Moment {
  // NOLINTNEXTLINE(google-explicit-constructor): a time is a moment.
  Moment(WallTime wall, bool ignore_dates = false) : time(wall), lenient(ignore_dates) {}
  WallTime time;
  bool lenient;
};

class Calendar {
 public:
  // `clock` outlives it.
  explicit Calendar(const Clock& clock, ClockTrust trust = ClockTrust::kWall, WallTime floor = {})
      : clock_(&clock), trust_(trust), floor_(floor), started_(clock.now()) {}

  Moment now() const {
    const WallTime wall = clock_->wall();
    switch (trust_) {
      case ClockTrust::kWall:
        return wall;
      case ClockTrust::kFloor:
        return std::max(wall, floor());
      case ClockTrust::kLenient:
        break;
    }
    return {wall, !is_set()};
  }

  // The clock has been set: it is not before what has certainly passed.
  bool is_set() const { return clock_->wall() >= floor_; }
  // It moves on with the machine.
  WallTime floor() const { return floor_ + (clock_->now() - started_); }
  ClockTrust trust() const { return trust_; }
  Time monotonic() const { return clock_->now(); }

 private:
  const Clock* clock_;
  ClockTrust trust_;
  WallTime floor_;
  Time started_;
};

}  // namespace petiole
