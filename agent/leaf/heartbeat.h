// Finds out that a link is dead: silence is answered by a PING, silence behind PINGs by the end.
//
// Any arriving byte is a sign of life. Knows no wire; times are given.
#pragma once

#include "platform/time.h"

namespace petiole {

class Heartbeat {
 public:
  enum class Action { kNone, kPing, kGiveUp };

  Heartbeat(Duration interval, int missed_max) : interval_(interval), missed_max_(missed_max) {}

  void start(Time now);
  // Bytes arrived.
  void heard(Time now);

  // Call at or after deadline(). A call that is late by more than an interval means that the
  // machine slept: nothing is held against the peer, which is asked at once.
  Action tick(Time now);
  Time deadline() const { return due_; }
  // Asks the peer with the next tick, which is due now: the network changed.
  void probe(Time now);

  int unanswered() const { return unanswered_; }

 private:
  Duration interval_;
  int missed_max_;
  int unanswered_ = 0;
  Time due_ = kNever;
};

}  // namespace petiole
