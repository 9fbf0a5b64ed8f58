#include "agent/config/reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "agent/config/units.h"
#include "agent/config/word.h"

namespace petiole {
namespace {

using Kind = ConfigValue::Kind;

// More would not help anyone.
constexpr std::size_t kErrorsMax = 50;

std::string shown(const ConfigValue& value) {
  switch (value.kind) {
    case Kind::kString:
      return "\"" + value.text.substr(0, 60) + "\"";
    case Kind::kArray:
      return "a list";
    case Kind::kMap:
      return "a block";
    case Kind::kBool:
    case Kind::kInteger:
    case Kind::kFloat:
    case Kind::kDate:
      return value.text;
  }
  return {};
}

bool is_scalar(const ConfigValue& value) {
  return !value.is(Kind::kArray) && !value.is(Kind::kMap);
}

// A bare 2m is a number of 2,000,000 to the grammar; where a time is wanted it is two minutes.
std::optional<Duration> duration_of(const ConfigValue& value) {
  if (!is_scalar(value)) return std::nullopt;
  const bool plain =
      value.is(Kind::kFloat) ||
      (value.is(Kind::kInteger) && value.text.find_first_not_of("0123456789") == std::string::npos);
  return parse_duration(plain ? value.text + "s" : value.text);
}

std::string text_of(Duration duration) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (milliseconds % 1000 != 0) return std::to_string(milliseconds) + "ms";
  return std::to_string(milliseconds / 1000) + "s";
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::uint64_t kMegabyte = 1 << 20;
  const bool whole = bytes > 0 && bytes % kMegabyte == 0;
  return whole ? std::to_string(bytes / kMegabyte) + "MB" : std::to_string(bytes);
}

}  // namespace

void Reader::error(const ConfigPlace& place, std::string text) {
  if (errors_.size() < kErrorsMax) errors_.push_back({tree_.place_text(place), std::move(text)});
}

void Reader::warning(const ConfigPlace& place, std::string text) {
  if (warnings_.size() < kErrorsMax)
    warnings_.push_back({tree_.place_text(place), std::move(text)});
}

void Reader::misuse(const ConfigPlace& place, std::string text) {
  if (misuses_.size() < kErrorsMax) misuses_.push_back({tree_.place_text(place), std::move(text)});
}

void Reader::wrong(const ConfigEntry& entry, const ConfigValue& value, std::string_view wanted) {
  error(value.place,
        "\"" + entry.key + "\" must be " + std::string(wanted) + ", not " + shown(value));
}

void Reader::boolean(const ConfigEntry& entry, bool& target) {
  if (!entry.value.is(Kind::kBool)) return wrong(entry, entry.value, "true or false");
  target = entry.value.boolean;
}

void Reader::text(const ConfigEntry& entry, std::string& target) {
  if (!is_scalar(entry.value)) return wrong(entry, entry.value, "a text");
  target = entry.value.text;
}

void Reader::texts(const ConfigEntry& entry, std::vector<std::string>& target) {
  std::vector<std::string> texts;
  if (is_scalar(entry.value)) {
    texts.push_back(entry.value.text);
  } else if (entry.value.is(Kind::kArray)) {
    for (const ConfigValue& item : entry.value.items) {
      if (!is_scalar(item)) return wrong(entry, item, "a list of texts");
      texts.push_back(item.text);
    }
  } else {
    return wrong(entry, entry.value, "a text or a list of texts");
  }
  target = std::move(texts);
}

bool Reader::take_number(const ConfigEntry& entry, std::int64_t& target, std::int64_t least,
                         std::int64_t most) {
  const ConfigValue& value = entry.value;
  if (value.is(Kind::kInteger) && value.integer >= least && value.integer <= most) {
    target = value.integer;
    return true;
  }
  wrong(entry, value, "a number from " + std::to_string(least) + " to " + std::to_string(most));
  return false;
}

void Reader::port(const ConfigEntry& entry, std::uint16_t& target) {
  std::int64_t value = 0;
  // nats-server: -1 is any free port; what 0 is depends on the port.
  if (take_number(entry, value, -1, 65535))
    target = static_cast<std::uint16_t>(value < 0 ? 0 : value);
}

void Reader::duration(const ConfigEntry& entry, Duration& target, Duration least) {
  const auto value = duration_of(entry.value);
  if (!value) {
    return wrong(
        entry, entry.value,
        "a time such as \"500ms\", \"30s\", \"2m\", \"1h30m\", \"7d\" or a number of seconds");
  }
  if (*value < least) {
    return error(entry.value.place, "\"" + entry.key + "\" must be at least " + text_of(least));
  }
  target = *value;
}

void Reader::quoted_duration(const ConfigEntry& entry, Duration& target, Duration least) {
  if (entry.value.is(Kind::kInteger)) {
    misuse(entry.place, "invalid use of field \"" + entry.key + "\": " + entry.key +
                            " should be converted to a duration, such as \"30s\"");
  }
  duration(entry, target, least);
}

void Reader::bytes(const ConfigEntry& entry, std::uint64_t& target, std::uint64_t least,
                   std::uint64_t most) {
  const auto value = is_scalar(entry.value) ? parse_bytes(entry.value.text) : std::nullopt;
  if (!value) {
    return wrong(entry, entry.value,
                 "a size in bytes such as 65536, 64KB, 512MB, 2GB (or k, m, g for powers of 1000)");
  }
  if (*value < least || *value > most) {
    const bool small = *value < least;
    return error(entry.value.place,
                 "\"" + entry.key + "\" must be " +
                     (small ? "at least " + size_text(least) : "at most " + size_text(most)) +
                     ", not " + entry.value.text);
  }
  target = *value;
}

void Reader::percent(const ConfigEntry& entry, int& target) {
  const auto value = is_scalar(entry.value) ? parse_percent(entry.value.text) : std::nullopt;
  if (!value) return wrong(entry, entry.value, "a share from 0% to 100%");
  target = *value;
}

bool Reader::listen(const ConfigEntry& entry, std::string& host, std::uint16_t& port_target) {
  const ConfigValue& value = entry.value;
  const bool any_port = value.is(Kind::kInteger) && value.integer == -1;
  const auto parsed = any_port           ? HostPort{}
                      : is_scalar(value) ? parse_host_port(value.text)
                                         : std::nullopt;
  if (!parsed) {
    wrong(entry, value, "a port or \"host:port\" with a port from 0 to 65535");
    return false;
  }
  if (!parsed->host.empty()) host = parsed->host;
  port_target = parsed->port;
  return any_port || parsed->port != 0 || value.text.ends_with("-1");
}

int Reader::one_of(const ConfigEntry& entry, std::initializer_list<std::string_view> words) {
  std::string list;
  int index = 0;
  for (const std::string_view word : words) {
    if (is_scalar(entry.value) && equal_ignoring_case(entry.value.text, word)) return index;
    list += (list.empty() ? "" : ", ") + std::string(word);
    ++index;
  }
  wrong(entry, entry.value, "one of " + list);
  return -1;
}

bool Reader::is_list(const ConfigEntry& entry) {
  if (entry.value.is(Kind::kArray)) return true;
  wrong(entry, entry.value, "a list of blocks: [ {…}, … ]");
  return false;
}

bool Reader::is_map(const ConfigEntry& entry, const ConfigValue& value) {
  if (value.is(Kind::kMap)) return true;
  wrong(entry, value, "a block: {…}");
  return false;
}

}  // namespace petiole
