#include "agent/session/keepalive.h"

#include <algorithm>

namespace petiole {

namespace {

constexpr Duration kMeasureAgainAfter = 1h;  // nats-server: DEFAULT_RTT_MEASUREMENT_INTERVAL.

}  // namespace

Keepalive::Keepalive(const Limits& limits, Duration first, Time now)
    : interval_(limits.ping_interval),
      out_max_(limits.pings_out_max),
      due_(now + first),
      heard_(now) {}

void Keepalive::pong(Time now) {
  if (out_ != 0) round_trip_ = std::max<Duration>(now - pinged_, 1ns);
  out_ = 0;
}

bool Keepalive::can_skip(Time now) const {
  const bool measured = round_trip_ != Duration{} && now - pinged_ <= kMeasureAgainAfter;
  return measured && now - heard_ < interval_;
}

Keepalive::Action Keepalive::tick(Time now) {
  if (now < due_) return Action::kNone;
  due_ = now + interval_;
  if (can_skip(now)) return Action::kNone;
  if (out_ == out_max_) return Action::kGiveUp;
  ++out_;
  pinged_ = now;
  return Action::kPing;
}

}  // namespace petiole
