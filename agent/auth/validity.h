// When and from where a token is good: the only place that compares tokens with the clock.
#pragma once

#include <optional>
#include <string_view>

#include "agent/auth/claims.h"
#include "platform/time.h"

namespace petiole {

// Wall time in which tokens are judged. A box without a battery starts years ago: then the floor,
// a time that has certainly passed, is a better guess.
class Calendar {
 public:
  // `clock` outlives it.
  explicit Calendar(const Clock& clock, WallTime floor = WallTime{})
      : clock_(&clock), floor_(floor) {}
  WallTime now() const { return std::max(clock_->wall(), floor_); }

 private:
  const Clock* clock_;
  WallTime floor_;
};

enum class Validity : std::uint8_t { kGood, kNotYet, kExpired };
Validity validity(const Claims& claims, WallTime now);

// The end of a token; WallTime::max() without one.
WallTime expiry(const Claims& claims);

// Whether `grant` lets its user in from `address` (numeric).
bool source_allowed(const UserGrant& grant, std::string_view address);

// Until when `grant` lets its user stay: max() without times, nothing outside of them, and nothing
// when the times are of a place that this machine does not know.
std::optional<WallTime> allowed_until(const UserGrant& grant, WallTime now);

}  // namespace petiole
