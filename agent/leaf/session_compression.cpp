// Compression of a link: wire document, client-and-leaf 3.6. Who dials and who listens agree on it
// in different ways; what follows is the same.
#include "agent/leaf/session.h"
#include "platform/s2.h"

namespace petiole {

namespace {

CompressionLevel level_of(CompressionMode mode) {
  return mode == CompressionMode::kUncompressed ? CompressionLevel::kRaw
                                                : CompressionLevel::kPacked;
}

// Of a peer that has not logged in: its CONNECT fits many times.
constexpr std::size_t kStrangersBlockMax = 64 * 1024;

}  // namespace

Status LeafSession::compress(CompressionMode mode, const CompressionConfig& config) {
  compression_ = mode;
  if (config.mode == CompressionMode::kAuto) compression_thresholds_ = config.thresholds;
  const std::size_t block_max = solicited() ? kS2BlockBytesMax : kStrangersBlockMax;
  const Status status = wire_->compress({level_of(mode), block_max});
  if (status.ok()) stop_parsing();
  return status;
}

// nats-server reload.go, applyCompressionChanges.
bool LeafSession::change_compression(const CompressionConfig& config) {
  const bool by_round_trip = config.mode == CompressionMode::kAuto;
  const bool off = config.mode == CompressionMode::kOff || config.mode == CompressionMode::kAccept;
  if (config.mode == CompressionMode::kOff && compression_ == CompressionMode::kOff) return true;
  if (off || compression_ == CompressionMode::kOff) return false;
  compression_thresholds_.clear();
  if (by_round_trip) compression_thresholds_ = config.thresholds;
  if (!by_round_trip) compression_ = config.mode;
  adjust_compression();
  return true;
}

void LeafSession::adjust_compression() {
  if (compression_ == CompressionMode::kOff) return;
  if (rtt_.count() > 0 && !compression_thresholds_.empty()) {
    compression_ = compression_for(rtt_, compression_thresholds_);
  }
  (void)wire_->compress({level_of(compression_), kS2BlockBytesMax});
}

}  // namespace petiole
