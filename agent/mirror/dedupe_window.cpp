#include "agent/mirror/dedupe_window.h"

namespace petiole {

bool DedupeWindow::add(std::uint64_t hash, WallTime now) {
  forget_before(now);
  if (!known_.insert(hash).second) return false;
  ids_.push_back({hash, now});
  if (ids_.size() > ids_max_) {
    known_.erase(ids_.front().hash);
    ids_.pop_front();
  }
  return true;
}

void DedupeWindow::forget_before(WallTime now) {
  while (!ids_.empty() && ids_.front().time + window_ < now) {
    known_.erase(ids_.front().hash);
    ids_.pop_front();
  }
}

}  // namespace petiole
