// When to ping a peer, and when to give it up. Rules: wire/client-and-leaf.md section 1.10.
#pragma once

#include "agent/limits.h"
#include "platform/time.h"

namespace petiole {

class Keepalive {
 public:
  enum class Action : std::uint8_t { kNone, kPing, kGiveUp };

  // The first ping is due after `first`; it measures the round trip.
  Keepalive(const Limits& limits, Duration first, Time now);

  // From the next ping on that is due: the configuration may have changed.
  void set(Duration interval, int out_max) { interval_ = interval, out_max_ = out_max; }
  void restart(Duration first, Time now) { due_ = now + first; }  // After CONNECT.
  void heard(Time now) { heard_ = now; }
  void pong(Time now);
  void assume(Duration round_trip) { assumed_ = round_trip; }  // Until a ping has measured it.
  Action tick(Time now);

  Time due() const { return due_; }
  // Zero: not known yet.
  Duration round_trip() const { return round_trip_ == Duration{} ? assumed_ : round_trip_; }

 private:
  bool can_skip(Time now) const;

  Duration interval_;
  int out_max_;
  int out_ = 0;
  Time due_, heard_, pinged_{};
  Duration round_trip_{}, assumed_{};
};

}  // namespace petiole
