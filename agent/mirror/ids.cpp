#include "agent/mirror/ids.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "agent/protocol/headers.h"

namespace petiole {

namespace {

constexpr std::size_t kEpochDigits = 16;

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
  }
  void add(std::uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  }
};

std::uint64_t load(std::string_view bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    word |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return word;
}

}  // namespace

std::optional<std::string_view> message_id(std::string_view header) {
  const auto id = find_header(header, kMessageIdHeader);
  return id && !id->empty() ? id : std::nullopt;
}

std::uint64_t keyed_hash(const HashKey& key, std::string_view text) {
  SipState state{key.a ^ 0x736f6d6570736575u, key.b ^ 0x646f72616e646f6du,
                 key.a ^ 0x6c7967656e657261u, key.b ^ 0x7465646279746573u};
  const std::uint64_t length = static_cast<std::uint64_t>(text.size()) << 56;
  while (text.size() >= 8) {
    state.add(load(text.substr(0, 8)));
    text.remove_prefix(8);
  }
  state.add(load(text) | length);
  state.v2 ^= 0xff;
  for (int i = 0; i < 3; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

void append_hex(std::string& out, std::uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[(value >> shift) & 15];
}

std::optional<std::uint64_t> parse_hex(std::string_view digits) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
  if (digits.size() != 16 || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

void append_number(std::string& out, std::uint64_t value) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

std::optional<std::uint64_t> parse_number(std::string_view digits) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string_view take_word(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view word = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return word;
}

std::uint64_t origin_of(std::string_view prefix) {
  return std::max<std::uint64_t>(stable_hash(prefix), 1);
}

std::optional<MadeId> made_id(std::string_view leaf_id, std::string_view id) {
  const std::size_t end = leaf_id.size() + 1 + kEpochDigits;
  const bool made = id.size() > end + 1 && id.starts_with(leaf_id) && id[leaf_id.size()] == ':' &&
                    id[end] == ':' && parse_hex(id.substr(leaf_id.size() + 1, kEpochDigits));
  const auto number = made ? parse_number(id.substr(end + 1)) : std::nullopt;
  if (!number) return std::nullopt;
  return MadeId{origin_of(id.substr(0, end + 1)), *number};
}

IdScheme::IdScheme(std::string_view leaf_id, std::uint64_t epoch) : prefix_(leaf_id) {
  prefix_ += ':';
  append_hex(prefix_, epoch);
  prefix_ += ':';
  origin_ = origin_of(prefix_);
}

void IdScheme::append(std::string& out, std::uint64_t number) const {
  out += prefix_;
  append_number(out, number);
}

std::optional<std::uint64_t> IdScheme::number_of(std::string_view id) const {
  if (!id.starts_with(prefix_)) return std::nullopt;
  return parse_number(id.substr(prefix_.size()));
}

void append_header_with_id(std::string& out, std::string_view header, const IdScheme& ids,
                           std::uint64_t number) {
  // The first of the name counts.
  if (find_header(header, kMessageIdHeader)) {
    return append_header_with_id(out, without_message_id(header), ids, number);
  }
  // A block ends with a blank line: the new line goes before it.
  if (header.ends_with("\r\n\r\n")) {
    out += header.substr(0, header.size() - 2);
  } else {
    out += "NATS/1.0\r\n";
  }
  out += kMessageIdHeader;
  out += ": ";
  ids.append(out, number);
  out += "\r\n\r\n";
}

std::string without_message_id(std::string_view header) {
  std::string rest = without_headers(header, "Nats-Msg-Id:");
  return rest != "NATS/1.0\r\n\r\n" ? rest : std::string();
}

}  // namespace petiole
