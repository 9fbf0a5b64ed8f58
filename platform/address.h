// Numeric addresses and networks in text. RFC 4632, RFC 4291.
#pragma once

#include <optional>
#include <string_view>

namespace petiole {

// Whether `network`, as in "10.0.0.0/8" or "fd00::/8", contains `address`. An IPv4 address that is
// written as IPv6 counts as IPv4. Nothing: `network` is no network. False: no address.
std::optional<bool> network_contains(std::string_view network, std::string_view address);

}  // namespace petiole
