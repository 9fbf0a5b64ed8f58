#include "agent/config/digest.h"

#include <algorithm>

#include "agent/protocol/go_json.h"
#include "platform/crypto.h"
#include "platform/json.h"

namespace petiole {
namespace {

using Kind = ConfigValue::Kind;

// append_go_text writes all escapes by their number, which reads the same; a digest tells them
// apart.
void append_text(std::string& json, const std::string& text) {
  constexpr std::string_view kOther = "\n\r\t\b\f\x7f";
  constexpr std::string_view kWritten[] = {"\\n", "\\r", "\\t", "\\b", "\\f", "\x7f"};
  json += '"';
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find_first_of(kOther, begin), text.size());
    std::string plain;
    append_go_text(plain, std::string_view(text).substr(begin, end - begin));
    json.append(plain, 1, plain.size() - 2);
    if (end < text.size()) json += kWritten[kOther.find(text[end])];
    begin = end + 1;
  }
  json += '"';
}

void append_value(std::string& json, const ConfigValue& value);

void append_map(std::string& json, const ConfigValue& map) {
  std::vector<const ConfigEntry*> sorted;
  for (const ConfigEntry& entry : map.entries) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(),
            [](const ConfigEntry* a, const ConfigEntry* b) { return a->key < b->key; });
  json += '{';
  for (const ConfigEntry* entry : sorted) {
    if (json.back() != '{') json += ',';
    append_text(json, entry->key);
    json += ':';
    append_value(json, entry->value);
  }
  json += '}';
}

void append_value(std::string& json, const ConfigValue& value) {
  switch (value.kind) {
    case Kind::kString:
      return append_text(json, value.text);
    case Kind::kBool:
      json += value.boolean ? "true" : "false";
      return;
    case Kind::kInteger:
      json += std::to_string(value.integer);
      return;
    case Kind::kFloat:
      json += to_text(value.real);
      return;
    case Kind::kDate:
      json += '"' + go_time(value.date) + '"';
      return;
    case Kind::kMap:
      return append_map(json, value);
    case Kind::kArray:
      json += '[';
      for (const ConfigValue& item : value.items) {
        if (&item != value.items.data()) json += ',';
        append_value(json, item);
      }
      json += ']';
  }
}

}  // namespace

std::string digest_of(const ConfigValue& root) {
  std::string json;
  append_value(json, root);
  json += '\n';  // Go's Encoder ends with one.
  std::string text = "sha256:";
  for (const unsigned char byte : sha256(json)) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

}  // namespace petiole
