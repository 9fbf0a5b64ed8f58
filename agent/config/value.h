// What a configuration file says, before anyone asks whether it makes sense: a tree of values that
// know where they stand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "platform/time.h"

namespace petiole {

// Line and column count from 1; `file` is an index into ConfigTree::files.
struct ConfigPlace {
  std::uint32_t file = 0;
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

struct ConfigEntry;

struct ConfigValue {
  enum class Kind : std::uint8_t { kString, kBool, kInteger, kFloat, kDate, kArray, kMap };

  Kind kind = Kind::kString;
  ConfigPlace place;
  std::string text;  // kString: the text. Numbers and dates: as they were written, "512MB".
  bool boolean = false;
  std::int64_t integer = 0;  // With its suffix worked in.
  double real = 0;
  WallTime date{};
  std::vector<ConfigValue> items;    // kArray.
  std::vector<ConfigEntry> entries;  // kMap, in the order of the file; keys are unique.

  bool is(Kind other) const { return kind == other; }
  const ConfigEntry* find(std::string_view key) const;
  ConfigEntry* find(std::string_view key);
};

struct ConfigEntry {
  std::string key;
  ConfigPlace place;  // Of the key.
  ConfigValue value;
  bool is_variable = false;  // Some $name took its value: exempt from the unknown-key error.
};

inline ConfigEntry* ConfigValue::find(std::string_view key) {
  for (ConfigEntry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

inline const ConfigEntry* ConfigValue::find(std::string_view key) const {
  return const_cast<ConfigValue*>(this)->find(key);
}

struct ConfigTree {
  std::vector<std::string> files;  // The first one and those that it includes.
  ConfigValue root;                // A map.

  std::string place_text(const ConfigPlace& place) const {
    const std::string& file = files[place.file];
    return file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  }
};

}  // namespace petiole
