// The two times. Timers, time-outs and order use Time, which only moves forward; certificates,
// log lines and message stamps use WallTime, which a device may have wrong by years.
#pragma once

#include <chrono>

namespace petiole {

using Duration = std::chrono::nanoseconds;

struct MonotonicClock {
  using rep = Duration::rep;
  using period = Duration::period;
  using duration = Duration;
  using time_point = std::chrono::time_point<MonotonicClock, Duration>;
  static constexpr bool is_steady = true;
};

using Time = MonotonicClock::time_point;
using WallTime = std::chrono::sys_time<Duration>;

inline constexpr Time kNever = Time::max();

// Both times, real or simulated.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
  virtual WallTime wall() const = 0;
  // What now() has not counted since it began: how long the machine was asleep.
  virtual Duration slept() const { return {}; }
};

}  // namespace petiole
