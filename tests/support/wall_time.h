// Dates on a simulated clock, as seconds since 1970.
#pragma once

#include <cstdint>

#include "tests/support/sim.h"

namespace petiole::test {

inline WallTime at(std::int64_t since_1970) { return WallTime(std::chrono::seconds(since_1970)); }

// The wall clock says `since_1970` from now on.
inline void set(SimClock& clock, std::int64_t since_1970) {
  clock.set_wall_offset(at(since_1970).time_since_epoch() - clock.now().time_since_epoch());
}

}  // namespace petiole::test
