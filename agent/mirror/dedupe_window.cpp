#include "agent/mirror/dedupe_window.h"

namespace petiole {

void DedupeWindow::drop_first() {
  known_.erase(ids_.front().hash);
  ids_.pop_front();
}

bool DedupeWindow::knows(std::uint64_t hash, WallTime now) {
  while (!ids_.empty() && ids_.front().time + window_ < now) drop_first();
  return known_.contains(hash);
}

void DedupeWindow::add(std::uint64_t hash, WallTime time) {
  if (window_ <= Duration::zero() || !known_.insert(hash).second) return;
  ids_.push_back({hash, time});
  if (ids_.size() > ids_max_) drop_first();
}

}  // namespace petiole
