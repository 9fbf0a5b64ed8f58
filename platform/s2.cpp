#include "platform/s2.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace petiole {

namespace {

// The low two bits of an element.
enum Tag : unsigned { kLiteral = 0, kCopy1 = 1, kCopy2 = 2, kCopy4 = 3 };

constexpr std::size_t kMatchMin = 4;
constexpr std::size_t kCopyMax = 64;        // Of a copy with its offset.
constexpr std::size_t kShortMax = 11;       // Of one of two bytes,
constexpr std::size_t kShortOffset = 2048;  // which looks back less than so far.
constexpr unsigned kSkipShift = 5;          // After 32 misses each second byte is tried, and so on.

std::uint32_t load(const char* at) {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

void put(std::string& block, std::size_t value, std::size_t bytes) {
  for (; bytes > 0; --bytes, value >>= 8) block.push_back(static_cast<char>(value & 0xff));
}

void put_varint(std::string& block, std::size_t value) {
  for (; value >= 0x80; value >>= 7) block.push_back(static_cast<char>(value | 0x80));
  block.push_back(static_cast<char>(value));
}

void put_literal(std::string& block, std::string_view bytes) {
  if (bytes.empty()) return;
  const std::size_t less = bytes.size() - 1;
  if (less < 60) {
    put(block, less << 2 | kLiteral, 1);
  } else {
    const std::size_t wide = less < 0x100 ? 1 : 2;
    put(block, (59 + wide) << 2 | kLiteral, 1);
    put(block, less, wide);
  }
  block.append(bytes);
}

// `length` more bytes from the offset of the copy before: a short copy with the offset 0.
void put_repeat(std::string& block, std::size_t length) {
  if (length <= 8) return put(block, (length - 4) << 2 | kCopy1, 2);
  const bool wide = length >= 260;
  put(block, (wide ? 6u : 5u) << 2 | kCopy1, 2);
  put(block, length - (wide ? 260 : 8), wide ? 2 : 1);
}

void put_copy(std::string& block, std::size_t offset, std::size_t length) {
  if (length <= kShortMax && offset < kShortOffset) {
    put(block, (offset >> 8) << 5 | (length - 4) << 2 | kCopy1, 1);
    return put(block, offset & 0xff, 1);
  }
  // What is left for the repeat is at least kMatchMin.
  const std::size_t first = length <= kCopyMax ? length : kCopyMax - kMatchMin;
  put(block, (first - 1) << 2 | kCopy2, 1);
  put(block, offset, 2);
  if (length > first) put_repeat(block, length - first);
}

// What is left of a block to be read.
struct Reader {
  const char* at;
  const char* end;

  // False: there are less.
  bool number(std::size_t bytes, std::size_t& value) {
    if (static_cast<std::size_t>(end - at) < bytes) return false;
    value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value |= static_cast<std::size_t>(static_cast<unsigned char>(at[i])) << (8 * i);
    }
    at += bytes;
    return true;
  }

  bool varint(std::size_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 32; shift += 7) {
      std::size_t byte = 0;
      if (!number(1, byte)) return false;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
};

struct Element {
  bool literal = false;
  std::size_t length = 0;
  std::size_t offset = 0;  // Of a copy; stays for a repeat.
};

// The length of a repeat: wire document 3.6.
bool read_repeat(Reader& reader, std::size_t code, std::size_t& length) {
  constexpr std::size_t kAdded[] = {8, 260, 65540};
  if (code < 5) return length = code + 4, true;
  const std::size_t wide = code - 5;
  if (!reader.number(wide + 1, length)) return false;
  length += kAdded[wide];
  return true;
}

bool read_element(Reader& reader, Element& element) {
  std::size_t tag = 0, low = 0;
  if (!reader.number(1, tag)) return false;
  const std::size_t upper = tag >> 2;
  element.literal = (tag & 3) == kLiteral;
  element.length = upper + 1;
  switch (tag & 3) {
    case kLiteral:
      if (upper < 60) return true;
      if (!reader.number(upper - 59, element.length)) return false;
      return ++element.length, true;
    case kCopy1:
      if (!reader.number(1, low)) return false;
      if (((tag & 0xe0) << 3 | low) == 0) return read_repeat(reader, upper & 7, element.length);
      element.offset = (tag & 0xe0) << 3 | low;
      element.length = (upper & 7) + 4;
      return true;
    case kCopy2:
      return reader.number(2, element.offset);
    default:
      return reader.number(4, element.offset);
  }
}

// A copy may overlap what it makes: then its bytes come again and again.
void copy(char* to, std::size_t offset, std::size_t length) {
  const char* from = to - offset;
  while (length > 0) {
    const std::size_t count = std::min(length, static_cast<std::size_t>(to - from));
    std::memcpy(to, from, count);
    to += count;
    length -= count;
  }
}

}  // namespace

void S2Encoder::encode(std::string_view plain, std::string& block) {
  put_varint(block, plain.size());
  const unsigned bits = static_cast<unsigned>(
      std::clamp<std::size_t>(std::bit_width(plain.size()), 8, std::bit_width(seen_.size()) - 1));
  std::fill_n(seen_.begin(), std::size_t{1} << bits, std::uint16_t{0});
  const char* const begin = plain.data();
  const char* const end = begin + plain.size();
  const char* told = begin;  // Up to here it is in the block.
  for (const char* at = begin + 1; end - at >= static_cast<std::ptrdiff_t>(kMatchMin);) {
    const std::uint32_t word = load(at);
    std::uint16_t& seen = seen_[(word * 0x9e3779b1u) >> (32 - bits)];
    const char* match = begin + seen;
    seen = static_cast<std::uint16_t>(at - begin);
    if (load(match) != word || match == at) {
      at += 1 + (static_cast<std::size_t>(at - told) >> kSkipShift);
      continue;
    }
    const std::size_t offset = static_cast<std::size_t>(at - match);
    while (at > told && match > begin && at[-1] == match[-1]) --at, --match;
    put_literal(block, {told, static_cast<std::size_t>(at - told)});
    const char* last = at + kMatchMin;
    while (last < end && *last == last[-static_cast<std::ptrdiff_t>(offset)]) ++last;
    put_copy(block, offset, static_cast<std::size_t>(last - at));
    told = at = last;
  }
  put_literal(block, {told, static_cast<std::size_t>(end - told)});
}

Status decode_s2(std::string_view block, std::size_t bytes_max, std::string& plain) {
  constexpr Status kDamaged(Errc::kProtocol, "S2: damaged block");
  Reader reader{block.data(), block.data() + block.size()};
  std::size_t size = 0;
  if (!reader.varint(size)) return kDamaged;
  if (size > bytes_max) return {Errc::kTooLarge, "S2: block too large"};
  const std::size_t before = plain.size();
  plain.resize(before + size);
  char* const begin = plain.data() + before;
  char* to = begin;
  char* const end = begin + size;
  Element element;
  while (reader.at != reader.end) {
    if (!read_element(reader, element)) return kDamaged;
    if (element.length > static_cast<std::size_t>(end - to)) return kDamaged;
    if (element.literal) {
      if (element.length > static_cast<std::size_t>(reader.end - reader.at)) return kDamaged;
      std::memcpy(to, reader.at, element.length);
      reader.at += element.length;
    } else {
      if (element.offset == 0 || element.offset > static_cast<std::size_t>(to - begin)) {
        return kDamaged;
      }
      copy(to, element.offset, element.length);
    }
    to += element.length;
  }
  return to == end ? Status() : kDamaged;
}

}  // namespace petiole
