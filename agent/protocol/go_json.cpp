#include "agent/protocol/go_json.h"

#include <cstdio>
#include <utility>

namespace petiole {

namespace {

bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' ||
         c == '&' || c == 0x7f;
}

}  // namespace

void append_go_text(std::string& json, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  json += '"';
  for (const char c : text) {
    if (!needs_escape(c)) {
      json += c;
    } else if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else {
      json += "\\u00";
      json += kHex[static_cast<unsigned char>(c) >> 4];
      json += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  json += '"';
}

std::string go_time(WallTime time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  std::string result = text;
  const long long part = clock.subseconds().count();
  if (part != 0) {
    std::snprintf(text, sizeof text, ".%09lld", part);
    result += text;
    while (result.ends_with('0')) result.pop_back();
  }
  return result + "Z";
}

void GoJson::key(std::string_view name) {
  if (out_.size() > 1) out_ += ',';
  quoted(name);
  out_ += ':';
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
