// Reads the characters of one configuration text: blanks, comments, keys, quoted and bare words.
//
// Every call leaves the scanner behind what it took. A call that fails sets error() and answers
// false; nothing may be read after that.
#pragma once

#include <string>
#include <string_view>

#include "agent/config/value.h"

namespace petiole {

class Scanner {
 public:
  Scanner(std::string_view text, std::uint32_t file) : text_(text), file_(file) {
    // What Windows' editors put before UTF-8.
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  bool at_end() const { return position_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[position_]; }
  void skip();  // One character.
  bool take(char wanted);

  void skip_blanks();  // Spaces and tabs.
  // Blanks, line ends and comments; true when a line end was among them.
  bool skip_space();
  // Blanks and comments up to the end of the line, which stays.
  void skip_to_line_end();
  bool at_line_end() const { return peek() == '\n' || peek() == '\r'; }

  // A bare or quoted key; `quoted` tells which.
  bool read_key(std::string& key, bool& quoted);
  // Behind the opening quote.
  bool read_single_quoted(std::string& text);
  bool read_double_quoted(std::string& text);
  // Up to a blank, line end, `,`, `;`, `]` or `}`; `escaped` when a backslash was worked in.
  bool read_bare(std::string& text, bool& escaped);
  // Behind "(": up to a line that is ")".
  bool read_block(std::string& text);

  ConfigPlace place() const { return {file_, line_, column_}; }
  bool fail(std::string text) { return fail_at(place(), std::move(text)); }
  bool fail_at(const ConfigPlace& place, std::string text);
  bool failed() const { return !error_.empty(); }
  const std::string& error() const { return error_; }
  const ConfigPlace& error_place() const { return error_place_; }

 private:
  bool at_comment() const;
  void skip_comment();
  bool read_escape(std::string& text);
  bool read_until(char quote, std::string& text);

  std::string_view text_;
  std::size_t position_ = 0;
  std::uint32_t file_ = 0, line_ = 1, column_ = 1;
  std::string error_;
  ConfigPlace error_place_;
};

// A character as an error message shows it.
std::string shown(char c);

}  // namespace petiole
