#include "agent/config/keys.h"

#include <algorithm>
#include <cctype>

#include "agent/config/units.h"

namespace petiole {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

}  // namespace

bool is_named(const KeyName& names, std::string_view key) {
  std::string_view rest = names.names;
  while (!rest.empty()) {
    const std::size_t bar = rest.find('|');
    if (equal_ignoring_case(rest.substr(0, bar), key)) return true;
    rest = bar == std::string_view::npos ? "" : rest.substr(bar + 1);
  }
  return false;
}

bool turns_off(const ConfigValue& value) {
  if (value.is(ConfigValue::Kind::kBool)) return !value.boolean;
  if (value.is(ConfigValue::Kind::kMap)) {  // jetstream { enabled: false, store_dir: … }
    constexpr KeyName kEnabled{"enabled|enable", KeyKind::kSet, {}};
    return std::any_of(value.entries.begin(), value.entries.end(),
                       [kEnabled](const ConfigEntry& entry) {
                         return is_named(kEnabled, entry.key) && turns_off(entry.value);
                       });
  }
  return value.is(ConfigValue::Kind::kString) &&
         (equal_ignoring_case(value.text, "disabled") ||
          equal_ignoring_case(value.text, "disable") || equal_ignoring_case(value.text, "off"));
}

bool is_zero(const ConfigEntry& entry) {
  const ConfigValue& value = entry.value;
  if (value.is(ConfigValue::Kind::kInteger)) return value.integer == 0;
  if (!value.is(ConfigValue::Kind::kString)) return false;
  const auto duration = parse_duration(value.text);
  return duration && *duration == Duration::zero();
}

void report(Reader& reader, const ConfigEntry& entry, const KeyName& name) {
  if (turns_off(entry.value)) return;
  const std::string text = "\"" + entry.key + "\" ";
  if (name.kind == KeyKind::kNoEffect) {
    reader.warning(entry.place, text + "has no effect: " + std::string(name.why));
  } else {
    reader.error(entry.place, text + "is not supported by this build: " + std::string(name.why));
  }
}

void append_name(std::string& list, const KeyName& name) {
  if (name.kind == KeyKind::kRefused) return;
  if (!list.empty()) list += ", ";
  list += name.names.substr(0, name.names.find('|'));
}

void report_unknown(Reader& reader, const ConfigEntry& entry, const std::string& allowed) {
  reader.error(entry.place, "unknown field \"" + entry.key + "\"; allowed here: " + allowed);
}

}  // namespace petiole
