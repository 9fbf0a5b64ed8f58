#include "agent/monitor/text.h"

#include <chrono>
#include <cmath>
#include <cstdio>

namespace petiole {
namespace {

using namespace std::chrono;

// `count` units of `unit` nanoseconds as a decimal without trailing zeros.
std::string decimal(std::int64_t nanoseconds, std::int64_t unit, const char* name) {
  std::string text = std::to_string(nanoseconds / unit);
  std::int64_t rest = nanoseconds % unit;
  if (rest != 0) {
    std::string digits;
    for (std::int64_t place = unit / 10; place > 0 && rest > 0; place /= 10) {
      digits += static_cast<char>('0' + rest / place);
      rest %= place;
    }
    text += "." + digits;
  }
  return text + name;
}

}  // namespace

std::string go_duration(Duration duration) {
  const std::int64_t nanoseconds_count = duration.count();
  if (nanoseconds_count <= 0) return "0s";
  if (nanoseconds_count < 1000) return std::to_string(nanoseconds_count) + "ns";
  if (duration < 1ms) return decimal(nanoseconds_count, 1000, "\xC2\xB5s");
  if (duration < 1s) return decimal(nanoseconds_count, 1'000'000, "ms");
  std::string text;
  const auto h = duration_cast<hours>(duration);
  const auto m = duration_cast<minutes>(duration - h);
  if (h.count() > 0) text += std::to_string(h.count()) + "h";
  if (duration >= 1min) text += std::to_string(m.count()) + "m";
  return text + decimal((duration - h - m).count(), 1'000'000'000, "s");
}

std::string uptime_text(Duration duration) {
  auto left = std::max<std::int64_t>(0, duration_cast<seconds>(duration).count());
  constexpr struct {
    std::int64_t seconds;
    char name;
  } kUnits[] = {{365 * 86400, 'y'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}};
  std::string text;
  for (const auto& unit : kUnits) {
    if (text.empty() && left < unit.seconds) continue;
    text += std::to_string(left / unit.seconds) + unit.name;
    left %= unit.seconds;
  }
  return text + std::to_string(left) + "s";
}

json::value number_value(double number) {
  if (!std::isfinite(number)) return 0;
  if (std::fabs(number) >= 9e15) return number;
  const auto whole = static_cast<std::int64_t>(number);
  if (static_cast<double>(whole) == number) return whole;
  return number;
}

json::value seconds_value(Duration span) { return number_value(duration<double>(span).count()); }

}  // namespace petiole
