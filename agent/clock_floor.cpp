#include "agent/clock_floor.h"

#include <algorithm>
#include <charconv>

#include "agent/build_time.h"
#include "agent/protocol/go_json.h"

namespace petiole {

namespace {

using std::chrono::seconds;

constexpr std::string_view kKey = "clock-floor";  // Seconds since 1970.
constexpr Duration kDay = std::chrono::hours(24);

// A clock that jumps far ahead must not make all certificates expire for good.
constexpr Duration kAheadMax = std::chrono::hours(24 * 365 * 15);

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<seconds>(time).time_since_epoch().count();
}

WallTime noted(const Store* store) {
  const auto text = store ? store->state(kKey) : std::nullopt;
  std::int64_t number = 0;
  if (!text ||
      std::from_chars(text->data(), text->data() + text->size(), number).ec != std::errc()) {
    return {};
  }
  constexpr std::int64_t kMost = 9'000'000'000;  // More would overflow nanoseconds.
  return WallTime(seconds(std::clamp<std::int64_t>(number, 0, kMost)));
}

}  // namespace

WallTime build_time() { return WallTime(seconds(kBuildTime)); }

ClockFloor::ClockFloor(Loop& loop, Store* store, WallTime build)
    : loop_(loop), store_(store), build_(build) {
  const WallTime known = noted(store);
  floor_ = known - build <= kAheadMax ? std::max(build, known) : build;
}

void ClockFloor::keep(const Calendar& calendar) {
  calendar_ = &calendar;
  if (!store_) return;
  commits_ = store_->usage().commits;
  timer_ = loop_.make_timer([this] { look(); });
  looked_ = calendar.monotonic();
  timer_->arm(looked_ + kDay);
}

void ClockFloor::look() {
  const std::uint64_t commits = store_->usage().commits;
  const bool noted = commits != commits_ && note();
  commits_ = commits + (noted ? 1 : 0);  // With the one that this will be.
  looked_ += kDay;
  timer_->arm(looked_ + kDay);
}

// Nothing that is not beyond what is known.
bool ClockFloor::note() {
  if (!store_ || !calendar_) return false;
  const WallTime now = std::max(calendar_->now().time, calendar_->floor());
  if (now <= floor_ || now - build_ > kAheadMax) return false;
  floor_ = now;
  store_->set_state(kKey, std::to_string(seconds_of(now)));
  return true;
}

std::string describe_unset(const Calendar& calendar) {
  std::string text =
      "the clock is behind " + go_time(std::chrono::floor<seconds>(calendar.floor()));
  switch (calendar.trust()) {
    case ClockTrust::kFloor:
      return text + ", which has passed: certificates and tokens are judged by that time";
    case ClockTrust::kLenient:
      return text +
             ", which has passed: certificates and tokens are not judged by their dates "
             "until it is set";
    case ClockTrust::kWall:
      break;
  }
  return text + "; certificates and tokens are judged by the clock all the same (clock { trust })";
}

}  // namespace petiole
