// Go's %q: strconv.Quote.
#include <cstdint>

#include "agent/protocol/writer.h"

namespace petiole {

namespace {

struct Rune {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  // 0: no valid UTF-8.
};

Rune first_rune(std::string_view text) {
  const auto at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = at(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  std::uint32_t code = lead & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((at(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (at(i) & 0x3fu);
  }
  const bool too_long = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return too_long || surrogate || code > 0x10ffff ? Rune{} : Rune{code, bytes};
}

// Near enough to unicode.IsPrint.
bool is_printed(std::uint32_t code) {
  if (code < 0xa1) return code >= 0x20 && code < 0x7f;
  const bool blank = code == 0xad || code == 0x1680 || (code >= 0x2000 && code <= 0x200f) ||
                     (code >= 0x2028 && code <= 0x202f) || (code >= 0x205f && code <= 0x206f) ||
                     code == 0x3000;
  return !blank && code != 0xfeff && (code < 0xe000 || code > 0xf8ff) && code < 0xe0000;
}

void append_hex(std::string& to, std::uint32_t value, int digits) {
  static constexpr char kHex[] = "0123456789abcdef";
  while (digits-- > 0) to += kHex[value >> (4 * digits) & 15];
}

void append_escaped(std::string& to, std::uint32_t code) {
  constexpr std::string_view kNamed = "\a\b\f\n\r\t\v";
  if (const std::size_t place = code < 0x20 ? kNamed.find(static_cast<char>(code)) : kNamed.npos;
      place != kNamed.npos) {
    to += '\\';
    to += "abfnrtv"[place];
  } else if (code < 0x20 || code == 0x7f) {
    append_hex(to += "\\x", code, 2);
  } else if (code < 0x10000) {
    append_hex(to += "\\u", code, 4);
  } else {
    append_hex(to += "\\U", code, 8);
  }
}

}  // namespace

std::string go_quoted(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const Rune rune = first_rune(text);
    if (rune.bytes == 0) {
      append_hex(quoted += "\\x", static_cast<unsigned char>(text[0]), 2);
      text.remove_prefix(1);
      continue;
    }
    if (rune.code == '"' || rune.code == '\\') quoted += '\\';
    if (is_printed(rune.code)) {
      quoted += text.substr(0, rune.bytes);
    } else {
      append_escaped(quoted, rune.code);
    }
    text.remove_prefix(rune.bytes);
  }
  return quoted += '"';
}

}  // namespace petiole
