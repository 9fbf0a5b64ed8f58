// When and from where a token is good: the only place that compares tokens with the clock.
#pragma once

#include <optional>
#include <string_view>

#include "agent/auth/claims.h"
#include "platform/calendar.h"

namespace petiole {

enum class Validity : std::uint8_t { kGood, kNotYet, kExpired };
Validity validity(const Claims& claims, Moment now);

// The end of a token; WallTime::max() without one.
WallTime expiry(const Claims& claims);

// Whether `grant` lets its user in from `address` (numeric).
bool source_allowed(const UserGrant& grant, std::string_view address);

// Until when `grant` lets its user stay: max() without times, nothing outside of them, and nothing
// when the times are of a place that this machine does not know.
std::optional<WallTime> allowed_until(const UserGrant& grant, Moment now);

}  // namespace petiole
