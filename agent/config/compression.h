// How leaf links are compressed: what is configured, and what two ends make of it. Wire document,
// client-and-leaf 3.6; nats-server server.go.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "platform/status.h"

namespace petiole {

enum class CompressionMode : std::uint8_t {
  kOff,
  kAccept,  // As the other end wants it; neither, if both say so.
  kAuto,    // By the round trip.
  kUncompressed,
  kFast,
  kBetter,  // We pack as for kFast; the other end may do more.
  kBest,
};

struct CompressionConfig {
  CompressionMode mode = CompressionMode::kAuto;
  // Of kAuto: up to the first kUncompressed, up to the second kFast and so on; 0: that is left out.
  std::vector<std::chrono::nanoseconds> thresholds{
      std::chrono::milliseconds(10), std::chrono::milliseconds(50), std::chrono::milliseconds(100)};
  bool operator==(const CompressionConfig&) const = default;
};

// As the wire and the monitoring write it: "s2_fast".
std::string_view name_of(CompressionMode mode);
// Of the configuration, with nats-server's other words for it; nothing: no such mode.
std::optional<CompressionMode> compression_mode(std::string_view word);

// What we do when the other end's INFO says `theirs`. Error: a mode that nobody knows.
Result<CompressionMode> select_compression(CompressionMode ours, std::string_view theirs);
// Of kAuto.
CompressionMode compression_for(std::chrono::nanoseconds round_trip,
                                const std::vector<std::chrono::nanoseconds>& thresholds);

}  // namespace petiole
