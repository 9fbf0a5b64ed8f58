// The time in which tokens are judged.
#include <doctest/doctest.h>

#include "agent/auth/validity.h"
#include "tests/support/wall_time.h"

namespace petiole::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("calendar: by each rule, with a clock before and behind the floor") {
  struct Case {
    ClockTrust trust;
    std::int64_t wall, not_before, expires;
    Validity wanted;
  };
  constexpr std::int64_t kFloor = 1'000'000;
  constexpr ClockTrust kFloorRule = ClockTrust::kFloor, kWall = ClockTrust::kWall,
                       kLenient = ClockTrust::kLenient;
  const Case cases[] = {
      {kFloorRule, 5, 0, 0, Validity::kGood},
      {kFloorRule, 5, 900'000, 2'000'000, Validity::kGood},
      {kFloorRule, 5, 100, 900'000, Validity::kExpired},
      {kFloorRule, 5, 1'100'000, 2'000'000, Validity::kNotYet},
      {kFloorRule, 1'500'000, 1'100'000, 2'000'000, Validity::kGood},
      {kFloorRule, 2'500'000, 1'100'000, 2'000'000, Validity::kExpired},
      {kWall, 5, 900'000, 2'000'000, Validity::kNotYet},
      {kWall, 5, 0, 900'000, Validity::kGood},
      {kWall, 1'500'000, 1'100'000, 2'000'000, Validity::kGood},
      {kLenient, 5, 900'000, 2'000'000, Validity::kGood},
      {kLenient, 5, 100, 900'000, Validity::kGood},
      {kLenient, 5, 1'100'000, 2'000'000, Validity::kGood},
      {kLenient, 1'500'000, 100, 900'000, Validity::kExpired},
      {kLenient, 1'050'000, 1'100'000, 0, Validity::kNotYet},
  };
  for (const Case& c : cases) {
    CAPTURE(static_cast<int>(c.trust));
    CAPTURE(c.wall);
    SimClock clock;
    set(clock, c.wall);
    const Calendar calendar(clock, c.trust, at(kFloor));
    CHECK(calendar.is_set() == (c.wall >= kFloor));
    Claims claims;
    claims.not_before = c.not_before;
    claims.expires = c.expires;
    CHECK(validity(claims, calendar.now()) == c.wanted);
  }
}

TEST_CASE("calendar: the floor moves on while the machine runs") {
  SimClock clock;
  set(clock, 5);
  const Calendar calendar(clock, ClockTrust::kFloor, at(1000));
  clock.move_to(clock.now() + 100s);
  CHECK(calendar.now().time == at(1100));
  set(clock, 2000);
  CHECK(calendar.now().time == at(2000));
}

TEST_CASE("calendar: hours of the day do not count while nobody knows the hour") {
  UserGrant grant;
  grant.times = {{10, 20}};
  grant.times_location = "UTC";
  CHECK_FALSE(allowed_until(grant, at(5)));
  CHECK(allowed_until(grant, Moment(at(5), true)) == WallTime::max());
}

}  // namespace
}  // namespace petiole::test
