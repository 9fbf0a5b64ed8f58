#include "platform/json.h"

#include <algorithm>
#include <boost/json/src.hpp>
#include <limits>

namespace petiole {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view view(json::string_view text) { return {text.data(), text.size()}; }

void write(const json::value& value, std::size_t indent, std::string& out);

void new_line(std::size_t indent, std::string& out) { out.append("\n").append(indent, ' '); }

void write_object(const json::object& object, std::size_t indent, std::string& out) {
  out += '{';
  bool first = true;
  for (const json::key_value_pair& member : object) {
    if (!first) out += ',';
    first = false;
    new_line(indent + 2, out);
    out.append(json::serialize(member.key())).append(": ");
    write(member.value(), indent + 2, out);
  }
  if (!first) new_line(indent, out);
  out += '}';
}

void write_array(const json::array& array, std::size_t indent, std::string& out) {
  out += '[';
  bool first = true;
  for (const json::value& element : array) {
    if (!first) out += ',';
    first = false;
    new_line(indent + 2, out);
    write(element, indent + 2, out);
  }
  if (!first) new_line(indent, out);
  out += ']';
}

void write(const json::value& value, std::size_t indent, std::string& out) {
  if (const json::object* object = value.if_object()) return write_object(*object, indent, out);
  if (const json::array* array = value.if_array()) return write_array(*array, indent, out);
  out += json::serialize(value);
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error == json::error::too_deep) return {Errc::kTooLarge, "json: nested too deeply"};
  if (error == json::error::incomplete) return {Errc::kProtocol, "json: cut short"};
  if (error) return {Errc::kProtocol, "json: not valid"};
  return value;
}

std::string to_text(const json::value& value) { return json::serialize(value); }

std::string to_pretty_text(const json::value& value) {
  std::string out;
  write(value, 0, out);
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
