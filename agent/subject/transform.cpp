#include "agent/subject/transform.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "agent/subject/subject.h"

namespace petiole {

// Writes into the buffer; once something does not fit, nothing does.
class SubjectTransform::Pen {
 public:
  explicit Pen(std::span<char> buffer) : buffer_(buffer) {}

  void put(std::string_view text) {
    if (text.size() > buffer_.size() - used_) full_ = true;
    if (full_) return;
    std::memcpy(buffer_.data() + used_, text.data(), text.size());
    used_ += text.size();
  }
  void number(std::uint32_t value) {
    char digits[10];
    put({digits, std::to_chars(digits, digits + sizeof digits, value).ptr});
  }
  std::string_view text() const {
    return full_ ? std::string_view() : std::string_view(buffer_.data(), used_);
  }

 private:
  std::span<char> buffer_;
  std::size_t used_ = 0;
  bool full_ = false;
};

// What the wildcards of the source stand for.
struct SubjectTransform::Tokens {
  std::array<std::string_view, kTransformWildcardsMax + 1> wildcard;  // [0]: the first token.
  std::string_view tail;
};

namespace {

struct Fnv {  // FNV-1a, 32 bits, as nats-server's partition().
  std::uint32_t state = 2166136261u;
  void add(std::string_view text) {
    for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 16777619u;
  }
};

// The bytes of the UTF-8 character at the front of `text`, 1 for what is none.
std::size_t character_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t bytes = lead < 0xc2   ? 1
                            : lead < 0xe0 ? 2
                            : lead < 0xf0 ? 3
                            : lead < 0xf5 ? 4
                                          : 1;
  if (bytes > text.size()) return 1;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 1;
  }
  return bytes;
}

// Takes one part off `rest`, up to the delimiter; an empty one parts all characters.
std::string_view next_part(std::string_view& rest, std::string_view delimiter, bool& more) {
  std::size_t end =
      delimiter.empty() ? (rest.empty() ? 0 : character_bytes(rest)) : rest.find(delimiter);
  more = delimiter.empty() ? end < rest.size() : end != rest.npos;
  end = std::min(end, rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(more ? end + delimiter.size() : rest.size());
  return part;
}

template <class Pen>
void put_split(std::string_view token, std::string_view delimiter, Pen& pen) {
  bool more = true;
  bool first = true;
  while (more) {
    const std::string_view part = next_part(token, delimiter, more);
    pen.put(part);
    if (!more) return;
    std::string_view ahead = token;
    bool unused = false;
    const bool next_empty = next_part(ahead, delimiter, unused).empty();
    if (!next_empty && !(first && part.empty())) pen.put(".");
    first = false;
  }
}

// In slices of `bytes`; what is left over comes first or last.
template <class Pen>
void put_slices(std::string_view token, std::size_t bytes, bool from_right, Pen& pen) {
  std::size_t next = from_right ? token.size() % bytes : bytes;
  if (next == 0) next = bytes;
  while (token.size() > next) {
    pen.put(token.substr(0, next));
    pen.put(".");
    token.remove_prefix(next);
    next = bytes;
  }
  pen.put(token);
}

}  // namespace

void SubjectTransform::write(const Step& step, const Tokens& tokens, std::string_view subject,
                             std::uint32_t random, Pen& pen) const {
  if (step.function == Function::kText) return pen.put(step.text);
  if (step.function == Function::kRandom) {
    if (step.number == 0) return pen.put("0");
    const std::int64_t picked = static_cast<std::int64_t>(random >> 1) % step.number;
    return pen.number(static_cast<std::uint32_t>(picked));
  }
  if (step.function == Function::kPartition) {
    if (step.number == 0) return pen.put("0");
    Fnv hash;
    for (const std::uint16_t each : step.wildcards) hash.add(tokens.wildcard[each]);
    if (step.wildcards.empty()) hash.add(subject);
    return pen.number(hash.state % static_cast<std::uint32_t>(step.number));
  }
  const std::string_view token = tokens.wildcard[step.wildcards[0]];
  if (step.function == Function::kWildcard) return pen.put(token);
  if (step.function == Function::kSplit) return put_split(token, step.text, pen);
  if (step.number <= 0 || static_cast<std::size_t>(step.number) >= token.size()) {
    return pen.put(token);
  }
  const auto count = static_cast<std::size_t>(step.number);
  const auto cut = [&](std::size_t at) {
    pen.put(token.substr(0, at));
    pen.put(".");
    pen.put(token.substr(at));
  };
  switch (step.function) {
    case Function::kSplitFromLeft:
      return cut(count);
    case Function::kSplitFromRight:
      return cut(token.size() - count);
    case Function::kSliceFromLeft:
      return put_slices(token, count, false, pen);
    case Function::kSliceFromRight:
      return put_slices(token, count, true, pen);
    case Function::kLeft:
      return pen.put(token.substr(0, count));
    default:
      return pen.put(token.substr(token.size() - count));
  }
}

std::string_view SubjectTransform::apply(std::string_view subject, std::span<char> buffer,
                                         std::uint32_t random) const {
  Tokens tokens;
  petiole::Tokens pattern{source_}, given{subject};
  std::size_t wildcards = 0;
  for (std::size_t i = 0; i < source_tokens_ && given.more; ++i) {
    if (tail_ && i == tail_token_) {
      tokens.tail = given.rest;
      if (i == 0) tokens.wildcard[0] = token_at(subject, 0);
      break;
    }
    const std::string_view token = given.next();
    if (i == 0) tokens.wildcard[0] = token;
    if (pattern.next() == "*") tokens.wildcard[++wildcards] = token;
  }
  Pen pen(buffer);
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (i != 0) pen.put(".");
    write(steps_[i], tokens, subject, random, pen);
  }
  if (!tail_) return pen.text();
  if (!steps_.empty()) pen.put(".");
  pen.put(tokens.tail);
  return pen.text();
}

std::string_view intersect(std::string_view a, std::string_view b, SubjectBuffer& buffer) {
  std::size_t used = 0;
  const auto put = [&](std::string_view text) {
    if (text.size() + 1 > sizeof buffer.bytes - used) return false;
    if (used != 0) buffer.bytes[used++] = '.';
    std::memcpy(buffer.bytes + used, text.data(), text.size());
    used += text.size();
    return true;
  };
  Tokens left{a}, right{b};
  while (left.more && right.more) {
    const std::string_view left_rest = left.rest, right_rest = right.rest;
    const std::string_view x = left.next(), y = right.next();
    if (x == ">" || y == ">") {
      if (!put(x == ">" ? right_rest : left_rest)) return {};
      return {buffer.bytes, used};
    }
    if (x != y && x != "*" && y != "*") return {};
    if (!put(x == "*" ? y : x)) return {};
  }
  return left.more == right.more ? std::string_view(buffer.bytes, used) : std::string_view();
}

}  // namespace petiole
