#include "agent/config/compression.h"

#include <algorithm>
#include <array>

#include "agent/config/word.h"

namespace petiole {

namespace {

constexpr std::array<std::string_view, 7> kNames = {
    "off", "accept", "s2_auto", "s2_uncompressed", "s2_fast", "s2_better", "s2_best"};

struct Word {
  std::string_view word;
  CompressionMode mode;
};
constexpr Word kOtherWords[] = {
    {"disabled", CompressionMode::kOff},      {"false", CompressionMode::kOff},
    {"not_supported", CompressionMode::kOff}, {"not supported", CompressionMode::kOff},
    {"on", CompressionMode::kAuto},           {"enabled", CompressionMode::kAuto},
    {"true", CompressionMode::kAuto},         {"auto", CompressionMode::kAuto},
    {"fast", CompressionMode::kFast},         {"better", CompressionMode::kBetter},
    {"best", CompressionMode::kBest},
};

std::optional<CompressionMode> named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (equal_ignoring_case(name, kNames[i])) return static_cast<CompressionMode>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(CompressionMode mode) { return kNames[static_cast<std::size_t>(mode)]; }

std::optional<CompressionMode> compression_mode(std::string_view word) {
  for (const Word& each : kOtherWords) {
    if (equal_ignoring_case(word, each.word)) return each.mode;
  }
  const std::optional<CompressionMode> mode = named(word);
  return mode == CompressionMode::kUncompressed ? std::nullopt : mode;  // As nats-server.
}

Result<CompressionMode> select_compression(CompressionMode ours, std::string_view theirs) {
  if (theirs.empty() || theirs == "not supported") return CompressionMode::kOff;
  const std::optional<CompressionMode> other = named(theirs);
  if (!other) return {Errc::kProtocol, "unsupported compression mode"};
  if (ours == CompressionMode::kOff || *other == CompressionMode::kOff)
    return CompressionMode::kOff;
  if (ours != CompressionMode::kAccept) return ours;
  if (*other == CompressionMode::kAccept) return CompressionMode::kOff;
  return *other == CompressionMode::kAuto ? CompressionMode::kFast : *other;
}

CompressionMode compression_for(std::chrono::nanoseconds round_trip,
                                const std::vector<std::chrono::nanoseconds>& thresholds) {
  constexpr std::size_t kLast = 3;  // kBest has no end.
  const auto within = std::find_if(thresholds.begin(), thresholds.end(),
                                   [&](std::chrono::nanoseconds end) { return round_trip <= end; });
  std::size_t place = static_cast<std::size_t>(within - thresholds.begin());
  if (within == thresholds.end() && thresholds.size() < kLast) place = thresholds.size() - 1;
  place = std::min(place, kLast);
  return static_cast<CompressionMode>(static_cast<std::size_t>(CompressionMode::kUncompressed) +
                                      place);
}

}  // namespace petiole
