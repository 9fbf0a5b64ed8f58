// Properties of the JSON reader and writer that hold for any text:
//  - what was read and written reads as the same value, on one line or indented (but for the last
//    bits of fractions, which Boost.JSON does not read exactly);
//  - any prefix that ends inside of an object or array is an error.
#include <cstdint>
#include <cstdlib>

#include "platform/json.h"

namespace {

bool has_fraction(const petiole::json::value& value) {
  if (const auto* array = value.if_array()) {
    for (const auto& element : *array) {
      if (has_fraction(element)) return true;
    }
  }
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) {
      if (has_fraction(member.value())) return true;
    }
  }
  return value.is_double();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto value = petiole::parse_json(input);
  if (!value.ok()) return 0;
  const std::string text = petiole::to_text(*value), pretty = petiole::to_pretty_text(*value);
  const auto again = petiole::parse_json(text);
  if (!again.ok()) std::abort();
  if (has_fraction(*value)) return 0;
  if (petiole::to_text(*again) != text) std::abort();
  const auto indented = petiole::parse_json(pretty);
  if (!indented.ok() || petiole::to_text(*indented) != text) std::abort();
  if (const auto* object = value->if_object()) {
    if (petiole::parse_json(text.substr(0, text.size() - 1)).ok()) std::abort();
    for (const auto& member : *object) {
      if (petiole::find(*object, {member.key().data(), member.key().size()}) != &member.value()) {
        std::abort();
      }
    }
  }
  return 0;
}
