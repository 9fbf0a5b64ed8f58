#include "agent/leaf/heartbeat.h"

#include <algorithm>

namespace petiole {

void Heartbeat::start(Time now) {
  unanswered_ = 0;
  due_ = now + interval_;
}

void Heartbeat::heard(Time now) { start(now); }

Heartbeat::Action Heartbeat::tick(Time now) {
  if (now < due_) return Action::kNone;
  const bool slept = now > due_ + interval_;
  if (slept) unanswered_ = 0;
  if (unanswered_ == missed_max_) return Action::kGiveUp;
  ++unanswered_;
  due_ = now + interval_;
  return Action::kPing;
}

void Heartbeat::probe(Time now) {
  if (unanswered_ == 0) due_ = std::min(due_, now);
}

}  // namespace petiole
