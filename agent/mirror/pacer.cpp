#include "agent/mirror/pacer.h"

#include <algorithm>

namespace petiole {

namespace {

constexpr double kBurst = 0.1;  // Seconds of the rate that may be saved up.
constexpr double kQueueSeconds = 0.1;
constexpr std::size_t kQueueBytesMin = 4 << 10;  // 0.7 s at 50 kbit/s.
constexpr std::size_t kQueueBytesMax = 1 << 20;

double seconds(Duration span) { return std::chrono::duration<double>(span).count(); }

}  // namespace

Pacer::Pacer(const ReplayConfig& config, Time now)
    : rate_(static_cast<double>(config.max_rate)),
      live_share_(std::clamp(config.live_share, 0, 99) / 100.0),
      refilled_(now) {
  live_rate_ = rate_ * live_share_;
  tokens_ = rate_ * kBurst;
}

void Pacer::refill(Time now) {
  const double span = seconds(now - refilled_);
  refilled_ = now;
  tokens_ = std::min(tokens_ + rate_ * span, rate_ * kBurst);
  live_tokens_ = std::min(live_tokens_ + live_rate_ * span, live_rate_ * kBurst);
}

bool Pacer::ready(std::size_t queued, Time now) {
  next_ = kNever;
  if (queued > queue_bytes_max()) {
    next_ = now + std::chrono::milliseconds(20);
    return false;
  }
  if (rate_ <= 0) return true;
  refill(now);
  if (tokens_ > 0) return true;
  const double wait = std::max(1e-3, -tokens_ / rate_);
  next_ = now + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(wait));
  return false;
}

void Pacer::sent(std::size_t bytes, bool replayed) {
  if (rate_ <= 0) return;
  double cost = static_cast<double>(bytes);
  if (!replayed) {  // Live traffic is not held, and takes no more than its share from replay.
    cost = std::min(cost, live_tokens_);
    live_tokens_ -= cost;
  }
  tokens_ -= cost;
}

void Pacer::measured(std::size_t bytes, Duration elapsed) {
  const double rate = static_cast<double>(bytes) / std::max(seconds(elapsed), 1e-4);
  // Small batches say little of a fast link, so faster is believed at once, slower by and by.
  link_rate_ = rate > link_rate_ ? rate : link_rate_ * 0.8 + rate * 0.2;
}

void Pacer::link_up() { link_rate_ = 0; }

std::size_t Pacer::queue_bytes_max() const {
  if (link_rate_ <= 0) return 4 * kQueueBytesMin;
  const double bytes = link_rate_ * kQueueSeconds * (1 - live_share_) * 2;
  return std::clamp(static_cast<std::size_t>(std::min(bytes, 1e9)), kQueueBytesMin, kQueueBytesMax);
}

std::size_t Pacer::in_flight_bytes_max(Duration round_trip, std::size_t most) const {
  if (link_rate_ <= 0) return std::min<std::size_t>(most, 256 << 10);
  const double bytes = link_rate_ * (seconds(round_trip) * 2 + 0.5);
  return std::clamp(static_cast<std::size_t>(std::min(bytes, 1e9)), std::size_t{64 << 10},
                    std::max(most, std::size_t{64 << 10}));
}

}  // namespace petiole
