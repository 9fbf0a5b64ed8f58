#include "platform/json.h"

#include <algorithm>
#include <boost/json/src.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace petiole {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view view(json::string_view text) { return {text.data(), text.size()}; }

// Numbers as Go prints them, with the fewest digits that read back the same; Boost.JSON writes 0.5
// as 5E-1, and the tables behind std::to_chars for doubles take 150 KB.
void write_number(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  char text[64];
  int decimals = 0;  // Behind the first digit.
  do {
    std::snprintf(text, sizeof text, "%.*e", decimals, number);
  } while (std::strtod(text, nullptr) != number && ++decimals < 17);
  const double size = std::abs(number);
  if (size == 0 || (size >= 1e-6 && size < 1e21)) {
    const int exponent = std::atoi(std::strchr(text, 'e') + 1);
    std::snprintf(text, sizeof text, "%.*f", std::max(decimals - exponent, 0), number);
  }
  if (char* const zero = std::strstr(text, "e-0"))
    std::memmove(zero + 2, zero + 3, std::strlen(zero + 2));
  out += text;
}

// Writes a document, indented or on one line. Recursion is as deep as the value.
class Writer {
 public:
  Writer(bool pretty, std::string& out) : pretty_(pretty), out_(out) {}

  void write(const json::value& value, std::size_t indent) {
    if (const json::object* object = value.if_object()) return write_object(*object, indent + 2);
    if (const json::array* array = value.if_array()) return write_array(*array, indent + 2);
    if (value.is_double()) return write_number(value.get_double(), out_);
    out_ += json::serialize(value);
  }

 private:
  void write_object(const json::object& object, std::size_t indent) {
    const char* comma = "{";
    for (const json::key_value_pair& member : object) {
      out_ += std::exchange(comma, ",");
      new_line(indent);
      out_.append(json::serialize(member.key())).append(pretty_ ? ": " : ":");
      write(member.value(), indent);
    }
    if (object.empty()) out_ += '{';
    if (!object.empty()) new_line(indent - 2);
    out_ += '}';
  }

  void write_array(const json::array& array, std::size_t indent) {
    const char* comma = "[";
    for (const json::value& element : array) {
      out_ += std::exchange(comma, ",");
      new_line(indent);
      write(element, indent);
    }
    if (array.empty()) out_ += '[';
    if (!array.empty()) new_line(indent - 2);
    out_ += ']';
  }

  void new_line(std::size_t indent) {
    if (pretty_) out_.append("\n").append(indent, ' ');
  }

  bool pretty_;
  std::string& out_;
};

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error == json::error::too_deep) return {Errc::kTooLarge, "json: nested too deeply"};
  if (error == json::error::incomplete) return {Errc::kProtocol, "json: cut short"};
  if (error) return {Errc::kProtocol, "json: not valid"};
  return value;
}

std::string to_text(const json::value& value) {
  std::string out;
  Writer(false, out).write(value, 0);
  return out;
}

std::string to_pretty_text(const json::value& value) {
  std::string out;
  Writer(true, out).write(value, 0);
  return out;
}

const json::value* find(const json::object& object, std::string_view name) {
  if (const json::value* exact = object.if_contains(json::string_view(name.data(), name.size()))) {
    return exact;
  }
  for (const json::key_value_pair& member : object) {
    if (equal_ignoring_case(view(member.key()), name)) return &member.value();
  }
  return nullptr;
}

std::string_view get_string(const json::object& object, std::string_view name,
                            std::string_view otherwise) {
  const json::value* value = find(object, name);
  if (value == nullptr || !value->is_string()) return otherwise;
  return {value->get_string().data(), value->get_string().size()};
}

bool get_bool(const json::object& object, std::string_view name, bool otherwise) {
  const json::value* value = find(object, name);
  return value != nullptr && value->is_bool() ? value->get_bool() : otherwise;
}

std::int64_t get_int(const json::object& object, std::string_view name, std::int64_t otherwise) {
  const json::value* value = find(object, name);
  if (value != nullptr && value->is_int64()) return value->get_int64();
  // A uint64 of Boost.JSON is a number that an int64 does not hold.
  return otherwise;
}

}  // namespace petiole
