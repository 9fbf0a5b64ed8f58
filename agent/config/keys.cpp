#include "agent/config/keys.h"

#include <algorithm>
#include <vector>

#include "agent/config/units.h"
#include "agent/config/word.h"

namespace petiole {
namespace {

// How many letters one has to add, leave out, change or swap with the next to make `b` of `a`.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> older, before(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) before[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t other = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({before[j] + 1, row[j - 1] + 1, before[j - 1] + other});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], older[j - 2] + 1);
    }
    older = before;
    before = row;
  }
  return before[b.size()];
}

// The name of a list "one, two" that `key` is most likely meant to be; empty: none is near.
std::string_view nearest_name(std::string_view key, std::string_view list) {
  constexpr std::size_t kKeyMax = 40;  // Longer ones are no slips.
  std::string_view nearest;
  std::size_t least = key.size() > kKeyMax ? 0 : key.size() < 5 ? 2 : 3;
  while (!list.empty()) {
    const std::string_view name = list.substr(0, list.find(','));
    if (const std::size_t count = edits(key.substr(0, kKeyMax), name); count < least) {
      nearest = name;
      least = count;
    }
    list.remove_prefix(std::min(list.size(), name.size() + 2));
  }
  return nearest;
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
  const bool empty = entry.value.is(ConfigValue::Kind::kMap) && entry.value.entries.empty();
  if (empty && name.kind == KeyKind::kUnserved) return;
  const std::string text = "\"" + entry.key + "\" ";
  if (name.kind == KeyKind::kNoEffect) {
    reader.warning(entry.place, text + "has no effect: " + std::string(name.why));
  } else {
    reader.error(entry.place, text + "is not supported by this build: " + std::string(name.why));
  }
}

void append_name(std::string& list, const KeyName& name) {
  if (name.kind == KeyKind::kRefused || name.kind == KeyKind::kUnserved) return;
  if (!list.empty()) list += ", ";
  list += name.names.substr(0, name.names.find('|'));
}

void report_unknown(Reader& reader, const ConfigEntry& entry, const std::string& allowed) {
  std::string text = "unknown field \"" + entry.key + "\"; ";
  const std::string_view meant = nearest_name(entry.key, allowed);
  if (!meant.empty()) text += "is it \"" + std::string(meant) + "\"? ";
  reader.error(entry.place, text + "allowed here: " + allowed);
}

}  // namespace petiole
