#include "agent/mirror/dedupe_window.h"

namespace petiole {

void DedupeWindow::drop_first() {
  known_.erase(ids_.front().hash);
  ids_.pop_front();
}

void DedupeWindow::expire(Time now) {
  while (!ids_.empty() && ids_.front().time + window_ < now) drop_first();
}

bool DedupeWindow::knows(std::uint64_t hash, Time now) {
  expire(now);
  return known_.contains(hash);
}

void DedupeWindow::add(std::uint64_t hash, Time now, Sequence after) {
  if (window_ <= Duration::zero() || !known_.insert(hash).second) return;
  ids_.push_back({hash, now, after});
  if (ids_.size() > ids_max_) drop_first();
}

Sequence DedupeWindow::oldest(Time now) {
  expire(now);
  return ids_.empty() ? UINT64_MAX : ids_.front().after;
}

}  // namespace petiole
