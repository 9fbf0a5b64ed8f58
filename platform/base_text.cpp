// Base 64 and base 32, and the comparison of secrets.
#include <cstdint>

#include "platform/crypto.h"

namespace petiole {
namespace {

constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

// Digits of `bits` bits each, most significant first, the last one filled with zeros.
std::string encode(std::string_view bytes, std::string_view alphabet, int bits) {
  std::string text;
  text.reserve((bytes.size() * 8 + 7) / static_cast<std::size_t>(bits));
  std::uint32_t held = 0;
  int held_bits = 0;
  const std::uint32_t mask = (1u << bits) - 1;
  for (const char byte : bytes) {
    held = held << 8 | static_cast<unsigned char>(byte);
    held_bits += 8;
    while (held_bits >= bits) {
      held_bits -= bits;
      text += alphabet[held >> held_bits & mask];
    }
  }
  if (held_bits > 0) text += alphabet[held << (bits - held_bits) & mask];
  return text;
}

int value64(char digit) {
  if (digit >= 'A' && digit <= 'Z') return digit - 'A';
  if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
  if (digit >= '0' && digit <= '9') return digit - '0' + 52;
  if (digit == '-' || digit == '+') return 62;
  return digit == '_' || digit == '/' ? 63 : -1;
}

int value32(char digit) {
  if (digit >= 'A' && digit <= 'Z') return digit - 'A';
  return digit >= '2' && digit <= '7' ? digit - '2' + 26 : -1;
}

// Refuses other characters, a lone digit at the end, and spare bits that are not zero.
std::optional<std::string> decode(std::string_view text, int (*value_of)(char), int bits) {
  std::string bytes;
  bytes.reserve(text.size() * static_cast<std::size_t>(bits) / 8);
  std::uint32_t held = 0;
  int held_bits = 0;
  for (const char digit : text) {
    const int value = value_of(digit);
    if (value < 0) return std::nullopt;
    held = held << bits | static_cast<std::uint32_t>(value);
    held_bits += bits;
    if (held_bits < 8) continue;
    held_bits -= 8;
    bytes += static_cast<char>(held >> held_bits & 0xff);
  }
  const std::uint32_t spare = held & ((1u << held_bits) - 1);
  if (held_bits >= bits || spare != 0) return std::nullopt;
  return bytes;
}

std::string_view without_padding(std::string_view text, std::size_t group) {
  if (text.size() % group != 0) return text;
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  return text;
}

}  // namespace

std::string base64url(std::string_view bytes) { return encode(bytes, kBase64Url, 6); }

std::optional<std::string> base64_decode(std::string_view text) {
  return decode(without_padding(text, 4), value64, 6);
}

std::string base32(std::string_view bytes) { return encode(bytes, kBase32, 5); }

std::optional<std::string> base32_decode(std::string_view text) {
  return decode(without_padding(text, 8), value32, 5);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

}  // namespace petiole
