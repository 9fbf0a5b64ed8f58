#include "agent/subject/subject.h"

namespace petiole {

namespace {

bool is_wildcard(std::string_view token) { return token == "*" || token == ">"; }

}  // namespace

bool is_valid_subject(std::string_view subject) {
  Tokens tokens{subject};
  while (tokens.more) {
    const std::string_view token = tokens.next();
    if (token.empty() || (token == ">" && tokens.more)) return false;
  }
  return true;
}

bool is_valid_literal(std::string_view subject) {
  return is_valid_published(subject) && !has_wildcard(subject);
}

bool is_valid_destination(std::string_view subject) {
  return is_valid_literal(subject) && subject.find_first_of(" \t\n\f\r") == subject.npos;
}

bool is_valid_published(std::string_view subject) {
  return !subject.empty() && subject.front() != '.' && subject.back() != '.' &&
         subject.find("..") == subject.npos;
}

bool has_wildcard(std::string_view subject) {
  if (subject.find_first_of("*>") == subject.npos) return false;
  Tokens tokens{subject};
  while (tokens.more) {
    if (is_wildcard(tokens.next())) return true;
  }
  return false;
}

bool matches(std::string_view pattern, std::string_view subject) {
  Tokens wanted{pattern}, given{subject};
  while (wanted.more && given.more) {
    const std::string_view token = wanted.next();
    if (token == ">") return true;
    if (given.next() != token && token != "*") return false;
  }
  return wanted.more == given.more;
}

bool covers(std::string_view pattern, std::string_view other) {
  Tokens wide{pattern}, narrow{other};
  while (wide.more && narrow.more) {
    const std::string_view token = wide.next();
    if (token == ">") return true;
    const std::string_view inner = narrow.next();
    if (inner == ">" || (inner != token && token != "*")) return false;
  }
  return wide.more == narrow.more;
}

bool overlaps(std::string_view a, std::string_view b) {
  Tokens left{a}, right{b};
  while (left.more && right.more) {
    const std::string_view x = left.next(), y = right.next();
    if (x == ">" || y == ">") return true;
    if (x != y && x != "*" && y != "*") return false;
  }
  return left.more == right.more;
}

}  // namespace petiole
