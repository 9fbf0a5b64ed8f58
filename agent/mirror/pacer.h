// How fast a backlog is replayed: never faster than configured, never so fast that live traffic
// waits behind it in the link's queue.
//
// The link's speed is taken from barriers: what the hub had taken as one was sent and as its PONG
// came, and the time between. Not less a round trip: the last one measured holds the same queue.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/config/config.h"
#include "platform/time.h"

namespace petiole {

class Pacer {
 public:
  Pacer(const ReplayConfig& config, Time now);

  // Whether a replayed message may be sent now; `queued` bytes are before it.
  bool ready(std::size_t queued, Time now);
  void sent(std::size_t bytes, bool replayed);
  // When ready() may change by the clock alone.
  Time next() const { return next_; }

  // What the hub took in `elapsed`.
  void measured(std::size_t bytes, Duration elapsed);
  void link_up();
  std::size_t queue_bytes_max() const;  // Ahead of live traffic: a tenth of a second.
  std::size_t in_flight_bytes_max(Duration round_trip, std::size_t most) const;

 private:
  void refill(Time now);

  double rate_ = 0;       // Bytes a second; 0: as fast as the link.
  double live_rate_ = 0;  // Of it, what live traffic takes from replay at most.
  double tokens_ = 0, live_tokens_ = 0;
  double link_rate_ = 0;  // Measured; 0: unknown.
  double live_share_ = 0.5;
  Time refilled_{}, next_ = kNever;
};

}  // namespace petiole
