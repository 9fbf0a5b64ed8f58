#include "agent/monitor/query.h"

#include <charconv>
#include <utility>

namespace petiole {
namespace {

// What came with the request is shown again, so not all of it.
std::string in_quotes(std::string_view text) {
  return "\"" + std::string(text.substr(0, 64)) + "\"";
}

}  // namespace

std::string_view Query::text(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (key == name) return value;
  }
  return {};
}

std::vector<std::string_view> Query::texts(std::string_view name) const {
  std::vector<std::string_view> found;
  for (const auto& [key, value] : items_) {
    if (key == name && !value.empty()) found.emplace_back(value);
  }
  return found;
}

bool Query::flag(std::string_view name) {
  const std::string_view value = text(name);
  if (value.empty()) return false;
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (value == yes) return true;
  }
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (value == no) return false;
  }
  fail("Error decoding boolean for '" + std::string(name) + "': strconv.ParseBool: parsing " +
       in_quotes(value) + ": invalid syntax");
  return false;
}

std::int64_t Query::number(std::string_view name, std::int64_t otherwise) {
  const std::string_view value = text(name);
  if (value.empty()) return otherwise;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error == std::errc() && end == value.data() + value.size()) return number;
  fail("Error decoding int for '" + std::string(name) + "': strconv.Atoi: parsing " +
       in_quotes(value) + ": invalid syntax");
  return otherwise;
}

std::uint64_t Query::identifier(std::string_view name) {
  const std::string_view value = text(name);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (value.empty() || (error == std::errc() && end == value.data() + value.size())) return number;
  fail("Error decoding uint64 for '" + std::string(name) + "': strconv.ParseUint: parsing " +
       in_quotes(value) + ": invalid syntax");
  return 0;
}

std::size_t Query::count(std::string_view name, std::size_t otherwise) {
  const std::int64_t value = number(name, 0);
  return value <= 0 ? otherwise : static_cast<std::size_t>(value);
}

void Query::fail(std::string text) {
  if (error_.empty()) error_ = std::move(text);
}

}  // namespace petiole
