// Writes one flat JSON object as Go's encoding/json prints it, `<`, `>` and `&` as escapes.
//
// Peers compare nothing here byte for byte, but people do: the order of the fields is that of the
// calls.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "platform/time.h"

namespace petiole {

// Appends `text` in quotes.
void append_go_text(std::string& json, std::string_view text);
// RFC 3339 with as many digits of a second as are not zero, as Go prints a time in UTC.
std::string go_time(WallTime time);

class GoJson {
 public:
  void text(std::string_view name, std::string_view value);
  void number(std::string_view name, std::uint64_t value);
  void flag(std::string_view name, bool value);
  void texts(std::string_view name, const std::vector<std::string>& values);
  void raw(std::string_view name, std::string_view json);

  // The same, but nothing for what is empty, zero or false.
  void text_if(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void number_if(std::string_view name, std::uint64_t value) {
    if (value != 0) number(name, value);
  }
  void flag_if(std::string_view name, bool value) {
    if (value) flag(name, true);
  }
  void texts_if(std::string_view name, const std::vector<std::string>& values) {
    if (!values.empty()) texts(name, values);
  }

  std::string take();  // Ends the object.

 private:
  void key(std::string_view name);
  void quoted(std::string_view value) { append_go_text(out_, value); }

  std::string out_ = "{";
};

}  // namespace petiole
