#include "agent/system/encoded_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "agent/protocol/headers.h"

namespace petiole {

namespace {

constexpr std::uint32_t kGzipPolynomial = 0xedb88320;    // CRC-32, reflected.
constexpr std::uint32_t kSnappyPolynomial = 0x82f63b78;  // CRC-32C, the same way.

template <std::uint32_t kPolynomial>
std::uint32_t crc(std::string_view bytes) {
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
      table[i] = i;
      for (int bit = 0; bit < 8; ++bit) {
        table[i] = table[i] >> 1 ^ ((table[i] & 1) != 0 ? kPolynomial : 0);
      }
    }
    return table;
  }();
  std::uint32_t sum = ~std::uint32_t{};
  for (const char c : bytes) sum = kTable[(sum ^ static_cast<unsigned char>(c)) & 255] ^ sum >> 8;
  return ~sum;
}

// The lowest byte first.
void append_number(std::string& out, std::uint32_t number, int bytes) {
  for (; bytes > 0; --bytes, number >>= 8) out += static_cast<char>(number & 255);
}

std::string gzip(std::string_view text) {
  constexpr std::size_t kBlockMax = 65535;  // RFC 1951, 3.2.4.
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
  for (std::string_view rest = text;;) {
    const std::string_view block = rest.substr(0, kBlockMax);
    rest.remove_prefix(block.size());
    out += rest.empty() ? '\1' : '\0';
    const auto size = static_cast<std::uint32_t>(block.size());
    append_number(out, size, 2);
    append_number(out, ~size, 2);
    out += block;
    if (rest.empty()) break;
  }
  append_number(out, crc<kGzipPolynomial>(text), 4);
  append_number(out, static_cast<std::uint32_t>(text.size()), 4);
  return out;
}

std::string snappy(std::string_view text) {
  constexpr std::size_t kChunkMax = 65536;
  std::string out("\xff\x06\0\0sNaPpY", 10);
  for (; !text.empty(); text.remove_prefix(std::min(kChunkMax, text.size()))) {
    const std::string_view chunk = text.substr(0, kChunkMax);
    out += '\1';  // As it is.
    append_number(out, static_cast<std::uint32_t>(chunk.size() + 4), 3);
    const std::uint32_t sum = crc<kSnappyPolynomial>(chunk);
    append_number(out, (sum >> 15 | sum << 17) + 0xa282ead8, 4);
    out += chunk;
  }
  return out;
}

}  // namespace

EncodedText encode(std::string text, MessageTrace::Encoding encoding) {
  using enum MessageTrace::Encoding;
  constexpr std::string_view kHeader = "Content-Encoding";
  switch (encoding) {
    case kGzip:
      return {add_header({}, kHeader, "gzip"), gzip(text)};
    case kSnappy:
      return {add_header({}, kHeader, "snappy"), snappy(text)};
    case kIdentity:
      return {add_header({}, kHeader, "identity"), std::move(text)};
    case kNone:
      break;
  }
  return {{}, std::move(text)};
}

}  // namespace petiole
