#include "agent/config/scanner.h"

#include <cstdio>
#include <utility>

namespace petiole {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_space(char c) { return is_blank(c) || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }

bool ends_bare_word(char c) { return is_space(c) || c == ',' || c == ';' || c == ']' || c == '}'; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string shown(char c) {
  if (c == '\0') return "the end of the file";
  if (c == '\n' || c == '\r') return "the end of the line";
  if (static_cast<unsigned char>(c) >= 0x20) return std::string("'") + c + "'";
  char text[8];
  std::snprintf(text, sizeof text, "'\\x%02x'", static_cast<unsigned>(c));
  return text;
}

void Scanner::skip() {
  if (at_end()) return;
  const auto byte = static_cast<unsigned char>(text_[position_++]);
  if (byte == '\n') {
    ++line_;
    column_ = 1;
  } else if ((byte & 0xC0) != 0x80) {  // A column is a character, not a byte, of UTF-8.
    ++column_;
  }
}

bool Scanner::take(char wanted) {
  if (at_end() || peek() != wanted) return false;
  skip();
  return true;
}

void Scanner::skip_blanks() {
  while (!at_end() && is_blank(peek())) skip();
}

bool Scanner::at_comment() const { return peek() == '#' || text_.substr(position_, 2) == "//"; }

void Scanner::skip_comment() {
  while (!at_end() && !at_line_end()) skip();
}

bool Scanner::skip_space() {
  bool line_end = false;
  while (!at_end()) {
    if (at_comment()) {
      skip_comment();
    } else if (is_space(peek())) {
      line_end = line_end || at_line_end();
      skip();
    } else {
      break;
    }
  }
  return line_end;
}

void Scanner::skip_to_line_end() {
  skip_blanks();
  if (at_comment()) skip_comment();
}

bool Scanner::read_key(std::string& key, bool& quoted) {
  quoted = peek() == '"' || peek() == '\'';
  if (quoted) {
    const char quote = peek();
    skip();
    return read_until(quote, key);
  }
  if (peek() == '=' || peek() == ':') return fail("unexpected key separator " + shown(peek()));
  // nats-server takes a brace into the key; no key has one, and "leafnodes{" is easily written.
  while (!at_end() && !is_space(peek()) && peek() != '=' && peek() != ':' && peek() != '{') {
    key += peek();
    skip();
  }
  if (key.empty()) return fail("expected a key, found " + shown(peek()));
  return true;
}

bool Scanner::read_until(char quote, std::string& text) {
  const ConfigPlace begin = place();
  while (!at_end() && peek() != quote) {
    text += peek();
    skip();
  }
  if (at_end()) return fail_at(begin, std::string("this text has no closing ") + quote);
  skip();
  return true;
}

bool Scanner::read_single_quoted(std::string& text) { return read_until('\'', text); }

bool Scanner::read_double_quoted(std::string& text) {
  const ConfigPlace begin = place();
  while (!at_end() && peek() != '"') {
    if (peek() == '\\') {
      if (!read_escape(text)) return false;
      continue;
    }
    text += peek();
    skip();
  }
  if (at_end()) return fail_at(begin, "this text has no closing \"");
  skip();
  return true;
}

bool Scanner::read_escape(std::string& text) {
  const ConfigPlace begin = place();
  skip();
  const char c = peek();
  skip();
  if (c == 't') return text += '\t', true;
  if (c == 'n') return text += '\n', true;
  if (c == 'r') return text += '\r', true;
  if (c == '"' || c == '\\') return text += c, true;
  if (c != 'x') {
    return fail_at(begin, "invalid escape; allowed here: \\xHH, \\t, \\n, \\r, \\\", \\\\");
  }
  int value = 0;
  for (int i = 0; i < 2; ++i) {
    const int digit = hex_digit(peek());
    if (digit < 0) return fail_at(begin, "expected two hexadecimal digits after \\x");
    value = value * 16 + digit;
    skip();
  }
  text += static_cast<char>(value);
  return true;
}

bool Scanner::read_bare(std::string& text, bool& escaped) {
  escaped = false;
  while (!at_end() && !ends_bare_word(peek())) {
    if (peek() == '\\') {
      escaped = true;
      if (!read_escape(text)) return false;
      continue;
    }
    if (peek() == '\'') {  // Ends a word in nats-server too.
      skip();
      break;
    }
    text += peek();
    skip();
  }
  return true;
}

bool Scanner::read_block(std::string& text) {
  const ConfigPlace begin = place();
  while (!at_end()) {
    if (peek() == ')' && column_ == 1) {
      const std::string_view rest = text_.substr(position_ + 1);
      if (rest.empty() || rest[0] == '\n' || rest[0] == '\r') return skip(), true;
    }
    text += peek();
    skip();
  }
  return fail_at(begin, "this block has no closing line \")\"");
}

bool Scanner::fail_at(const ConfigPlace& place, std::string text) {
  if (failed()) return false;
  error_ = std::move(text);
  error_place_ = place;
  return false;
}

}  // namespace petiole
