#include "agent/protocol/go_json.h"

#include <utility>

namespace petiole {

namespace {

bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' ||
         c == '&' || c == 0x7f;
}

}  // namespace

void GoJson::key(std::string_view name) {
  if (out_.size() > 1) out_ += ',';
  quoted(name);
  out_ += ':';
}

void GoJson::quoted(std::string_view value) {
  static constexpr char kHex[] = "0123456789abcdef";
  out_ += '"';
  for (const char c : value) {
    if (!needs_escape(c)) {
      out_ += c;
    } else if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else {
      out_ += "\\u00";
      out_ += kHex[static_cast<unsigned char>(c) >> 4];
      out_ += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  out_ += '"';
}

void GoJson::text(std::string_view name, std::string_view value) {
  key(name);
  quoted(value);
}

void GoJson::number(std::string_view name, std::uint64_t value) {
  key(name);
  out_ += std::to_string(value);
}

void GoJson::flag(std::string_view name, bool value) {
  key(name);
  out_ += value ? "true" : "false";
}

void GoJson::texts(std::string_view name, const std::vector<std::string>& values) {
  key(name);
  out_ += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out_ += ',';
    quoted(values[i]);
  }
  out_ += ']';
}

void GoJson::raw(std::string_view name, std::string_view json) {
  key(name);
  out_ += json;
}

std::string GoJson::take() {
  out_ += '}';
  std::string text = std::move(out_);
  out_.assign(1, '{');
  return text;
}

}  // namespace petiole
