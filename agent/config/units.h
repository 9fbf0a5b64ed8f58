// Texts with units: durations, sizes, percentages, host and port.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/time.h"

namespace petiole {

// Go's form, "1h30m", "500ms", "1.5s" (units ns us µs ms s m h), and days, "7d", which are ours.
// Nothing else, no sign, and at most 292 years.
std::optional<Duration> parse_duration(std::string_view text);

// "512MB", "2k", "100": see word.h.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// "50%" or "50".
std::optional<int> parse_percent(std::string_view text);

// "host:port", ":port", "[::1]:port", "port". The host stays empty when it is not given. Port -1 is
// any free one, as 0 is.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
std::optional<HostPort> parse_host_port(std::string_view text);
// What stands in INFO in place of where we listen: the same, but a name alone is a host, and `port`
// stands in for one that is not given, 0 or -1.
std::optional<HostPort> parse_advertised(std::string_view text, std::uint16_t port);
std::optional<std::uint16_t> parse_port(std::string_view text);

// "2.9.0", "v2.9", "2.12.0-dev": what follows the numbers does not count. Missing numbers are 0.
using Version = std::array<int, 3>;
std::optional<Version> parse_version(std::string_view text);

// "host:port", with brackets around an IPv6 address.
std::string join_host_port(std::string_view host, std::uint16_t port);

}  // namespace petiole
