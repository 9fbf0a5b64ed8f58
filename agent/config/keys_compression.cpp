// compression: of leaf links, as a word, a truth value or a block.
#include <algorithm>

#include "agent/config/keys.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;
using Kind = ConfigValue::Kind;

constexpr std::size_t kThresholdsMax = 4;  // As nats-server; the fourth has no effect.

void read_mode(Reader& r, E entry, CompressionConfig& c) {
  if (entry.value.is(Kind::kBool)) {
    c.mode = entry.value.boolean ? CompressionMode::kAuto : CompressionMode::kOff;
    return;
  }
  std::string word;
  r.text(entry, word);
  const std::optional<CompressionMode> mode = compression_mode(word);
  if (mode) {
    c.mode = *mode;
    return;
  }
  r.error(entry.value.place, "\"" + entry.key +
                                 "\" must be off, accept, s2_auto, s2_fast, s2_better or "
                                 "s2_best, not \"" +
                                 word.substr(0, 60) + "\"");
}

// Rising, but for those that are 0.
bool in_order(const std::vector<std::chrono::nanoseconds>& thresholds) {
  std::chrono::nanoseconds last{0};
  return std::all_of(thresholds.begin(), thresholds.end(), [&](std::chrono::nanoseconds each) {
    if (each.count() == 0) return true;
    return each > std::exchange(last, each);
  });
}

void read_thresholds(Reader& r, E entry, CompressionConfig& c) {
  std::vector<std::chrono::nanoseconds> thresholds;
  std::vector<ConfigValue> values{entry.value};
  if (entry.value.is(Kind::kArray)) values = entry.value.items;
  for (const ConfigValue& value : values) {
    ConfigEntry each{entry.key, value.place, {}, false};
    each.value = value;
    r.duration(each, thresholds.emplace_back());
  }
  const bool some = std::any_of(thresholds.begin(), thresholds.end(),
                                [](std::chrono::nanoseconds each) { return each.count() != 0; });
  if (!some || thresholds.size() > kThresholdsMax || !in_order(thresholds)) {
    return r.error(entry.value.place, "\"" + entry.key +
                                          "\" must be one to four durations, each longer than the "
                                          "one before, or 0 to leave a level out");
  }
  c.thresholds = std::move(thresholds);
}

constexpr Key<CompressionConfig> kCompressionKeys[] = {
    {"mode", read_mode},
    {"rtt_thresholds|thresholds|rtts|rtt", read_thresholds},
};

}  // namespace

void read_compression(Reader& reader, const ConfigEntry& entry, CompressionConfig& config) {
  if (!entry.value.is(Kind::kMap)) return read_mode(reader, entry, config);
  read_block(reader, entry, std::span<const Key<CompressionConfig>>(kCompressionKeys), config);
}

}  // namespace petiole
