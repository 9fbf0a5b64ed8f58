#include "agent/auth/validity.h"

#include <algorithm>

#include "platform/address.h"
#include "platform/time_zone.h"

namespace petiole {

namespace {

using std::chrono::seconds;

constexpr std::int32_t kDay = 24 * 60 * 60;

WallTime at(std::int64_t since_1970) {
  // Far times would overflow nanoseconds: they are as good as never.
  constexpr std::int64_t kMost = 9'000'000'000;
  return WallTime(seconds(std::clamp<std::int64_t>(since_1970, 0, kMost)));
}

// Seconds that are left of the range at that second of the day; nothing when it is outside.
std::optional<std::int32_t> left_of(const TimeRange& range, std::int32_t now) {
  const bool over_midnight = range.start > range.end;
  if (!over_midnight && now > range.start && now < range.end) return range.end - now;
  if (over_midnight && now > range.start) return kDay - now + range.end;
  if (over_midnight && now < range.end) return range.end - now;
  return std::nullopt;
}

}  // namespace

Validity validity(const Claims& claims, Moment now) {
  if (now.lenient) return Validity::kGood;
  if (claims.expires > 0 && now.time >= at(claims.expires)) return Validity::kExpired;
  if (claims.not_before > 0 && now.time < at(claims.not_before)) return Validity::kNotYet;
  return Validity::kGood;
}

WallTime expiry(const Claims& claims) {
  return claims.expires > 0 ? at(claims.expires) : WallTime::max();
}

bool source_allowed(const UserGrant& grant, std::string_view address) {
  if (grant.sources.empty()) return true;
  for (const std::string& each : grant.sources) {
    const std::optional<bool> inside = network_contains(each, address);
    if (!inside) return false;  // No network: the token is not valid.
    if (*inside) return true;
  }
  return false;
}

std::optional<WallTime> allowed_until(const UserGrant& grant, Moment moment) {
  if (grant.times.empty() || moment.lenient) return WallTime::max();
  const WallTime now = moment.time;
  const std::optional<seconds> offset = utc_offset(grant.times_location, now);
  if (!offset) return std::nullopt;
  const auto local = std::chrono::floor<seconds>(now) + *offset;
  const auto of_day =
      static_cast<std::int32_t>((local - std::chrono::floor<std::chrono::days>(local)).count());
  std::optional<WallTime> until;
  for (const TimeRange& range : grant.times) {
    const auto left = left_of(range, of_day);
    if (left) until = std::max(until.value_or(WallTime{}), now + seconds(*left));
  }
  return until;
}

}  // namespace petiole
