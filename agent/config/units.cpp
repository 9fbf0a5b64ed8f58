#include "agent/config/units.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

#include "agent/config/word.h"

namespace petiole {
namespace {

struct Unit {
  std::string_view name;
  double nanoseconds;
};

constexpr Unit kUnits[] = {
    // Longer names first: "ms" before "m".
    {"ns", 1},  {"us", 1e3}, {"\xC2\xB5s", 1e3}, {"\xCE\xBCs", 1e3}, {"ms", 1e6},
    {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},      {"d", 86400e9},
};

// Takes digits with an optional point off the front.
std::optional<double> take_number(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() &&
         ((text[length] >= '0' && text[length] <= '9') || text[length] == '.')) {
    ++length;
  }
  const std::string word(text.substr(0, length));
  char* end = nullptr;
  const double number = std::strtod(word.c_str(), &end);
  if (length == 0 || end != word.c_str() + length) return std::nullopt;
  text.remove_prefix(length);
  return number;
}

std::optional<double> take_unit(std::string_view& text) {
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.nanoseconds;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration::zero();
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    const auto unit = take_unit(text);
    if (!unit) return std::nullopt;
    total += *number * *unit;
  }
  if (total > 9.2e18) return std::nullopt;
  return Duration(std::llround(total));
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::int64_t number = 0;
  if (!parse_integer(text, number) || number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(number);
}

std::optional<int> parse_percent(std::string_view text) {
  if (text.ends_with('%')) text.remove_suffix(1);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (number < 0 || number > 100) return std::nullopt;
  return number;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<HostPort> parse_host_port(std::string_view text) {
  HostPort result;
  const std::size_t colon = text.rfind(':');
  const std::string_view port = colon == std::string_view::npos ? text : text.substr(colon + 1);
  const auto number = port == "-1" ? std::optional<std::uint16_t>(0) : parse_port(port);
  if (!number) return std::nullopt;
  result.port = *number;
  std::string_view host = colon == std::string_view::npos ? "" : text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;  // An IPv6 address without brackets.
  }
  if (host.find_first_of(" \t/[]") != std::string_view::npos) return std::nullopt;
  result.host = host;
  return result;
}

std::optional<HostPort> parse_advertised(std::string_view text, std::uint16_t port) {
  const bool alone = text.find(':') == text.npos || text.ends_with(']');
  auto parsed = parse_host_port(std::string(text) + (alone ? ":0" : ""));
  if (parsed && parsed->port == 0) parsed->port = port;
  return parsed;
}

std::optional<Version> parse_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  Version version{};
  for (std::size_t i = 0; i < version.size(); ++i) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version[i]);
    if (error != std::errc{} || version[i] < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  const bool over = text.empty() || text[0] == '-' || text[0] == '+';
  return over ? std::optional(version) : std::nullopt;
}

std::string join_host_port(std::string_view host, std::uint16_t port) {
  const bool bracket = host.find(':') != host.npos;
  return (bracket ? "[" : "") + std::string(host) + (bracket ? "]:" : ":") + std::to_string(port);
}

}  // namespace petiole
