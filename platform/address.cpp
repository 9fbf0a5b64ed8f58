#include "platform/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace petiole {

namespace {

// As IPv6; an IPv4 address in its mapped form.
struct Address {
  std::array<unsigned char, 16> bytes{};
  bool v4 = false;
};

constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<Address> parse(std::string_view text) {
  const std::string copy(text.substr(0, text.find('%')));
  Address address;
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data() + 12) == 1) {
    std::copy(kMapped.begin(), kMapped.end(), address.bytes.begin());
    address.v4 = true;
    return address;
  }
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) != 1) return std::nullopt;
  address.v4 = std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin());
  return address;
}

}  // namespace

std::optional<bool> network_contains(std::string_view network, std::string_view address) {
  const std::size_t slash = network.find('/');
  if (slash == network.npos) return std::nullopt;
  const auto base = parse(network.substr(0, slash));
  const std::string_view length = network.substr(slash + 1);
  unsigned bits = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (!base || length.empty() || error != std::errc() || end != length.data() + length.size()) {
    return std::nullopt;
  }
  const bool dotted = network.substr(0, slash).find(':') == network.npos;
  if (bits > (dotted ? 32u : 128u)) return std::nullopt;
  if (dotted) bits += 96;
  const auto other = parse(address);
  if (!other || other->v4 != base->v4) return false;
  for (std::size_t i = 0; bits > 0 && i < 16; ++i) {
    const unsigned part = std::min(bits, 8u);
    const auto mask = static_cast<unsigned char>(0xffu << (8 - part));
    if (((base->bytes[i] ^ other->bytes[i]) & mask) != 0) return false;
    bits -= part;
  }
  return true;
}

}  // namespace petiole
