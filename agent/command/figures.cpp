#include "agent/command/figures.h"

#include <cstdio>

namespace petiole {

std::string size_text(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, kUnits[unit]);
  return text;
}

std::string count_text(double count) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.0f", count);
  std::string text = digits;
  for (std::size_t place = text.size(); place > 3; place -= 3) {
    if (text[place - 4] != '-') text.insert(place - 3, ",");
  }
  return text;
}

std::string span_text(std::int64_t seconds) {
  const auto two = [](std::int64_t a, const char* a_unit, std::int64_t b, const char* b_unit) {
    return std::to_string(a) + a_unit + (b == 0 ? "" : " " + std::to_string(b) + b_unit);
  };
  if (seconds < 60) return std::to_string(seconds < 0 ? 0 : seconds) + "s";
  if (seconds < 3600) return two(seconds / 60, "m", seconds % 60, "s");
  if (seconds < 86400) return two(seconds / 3600, "h", seconds % 3600 / 60, "m");
  return two(seconds / 86400, "d", seconds % 86400 / 3600, "h");
}

std::string printable(std::string text) {
  for (char& c : text) {
    if ((static_cast<unsigned char>(c) < ' ' && c != '\n') || c == '\x7f') c = '?';
  }
  return text;
}

}  // namespace petiole
