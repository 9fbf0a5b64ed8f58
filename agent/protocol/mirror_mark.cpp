#include "agent/protocol/mirror_mark.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "agent/protocol/parser.h"

namespace petiole {

namespace {

constexpr std::string_view kKinds = "nrl";  // In the order of Kind.

void append_digits(std::string& out, std::uint64_t value, int base) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value, base).ptr);
}

// All of `text` must be one number; 0 is none.
std::uint64_t number_in(std::string_view text, int base) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  return error == std::errc() && stop == end ? value : 0;
}

// Takes `<origin> <number>`, and the blank behind, off the front of `text`.
MirrorMark take_numbers(std::string_view& text) {
  const std::string_view origin = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(origin.size() + 1, text.size()));
  const std::string_view digits = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(digits.size() + 1, text.size()));
  const std::uint64_t number = number_in(digits, 10);
  if (number == 0) return {};
  return {number_in(origin, 16), number, MirrorMark::Kind::kRepeat};
}

MirrorMark parse_mark(std::string_view name) {
  name.remove_prefix(kMarkPrefix.size());
  const std::size_t dot = name.find('.');
  if (dot == name.npos || name.size() < dot + 3) return {};
  const std::size_t kind = kKinds.find(name[dot + 1]);
  const std::uint64_t number = number_in(name.substr(dot + 2), 10);
  if (kind == kKinds.npos || number == 0) return {};
  return {number_in(name.substr(0, dot), 16), number, static_cast<MirrorMark::Kind>(kind)};
}

}  // namespace

void append_mark(std::string& out, const MirrorMark& mark) {
  out += kMarkPrefix;
  append_digits(out, mark.origin, 16);
  out += '.';
  out += kKinds[static_cast<std::size_t>(mark.kind)];
  append_digits(out, mark.number, 10);
}

MirrorMark take_mark(std::string_view& queues) {
  std::string_view rest = queues;
  const std::string_view name = next_queue(rest);
  if (!name.starts_with(kMarkPrefix)) return {};
  queues = rest;
  return parse_mark(name);
}

void append_marked_subject(std::string& out, std::string_view subject, const MirrorMark& mark) {
  out += subject;
  out += ' ';
  append_digits(out, mark.origin, 16);
  out += ' ';
  append_digits(out, mark.number, 10);
}

MirrorMark take_subject_mark(std::string_view& subject) {
  MirrorMark second;
  return take_subject_mark(subject, second);
}

MirrorMark take_subject_mark(std::string_view& subject, MirrorMark& second) {
  std::string_view text = subject;
  subject = subject.substr(0, subject.find(' '));
  text.remove_prefix(std::min(subject.size() + 1, text.size()));
  const MirrorMark first = take_numbers(text);
  second = take_numbers(text);
  return first;
}

}  // namespace petiole
