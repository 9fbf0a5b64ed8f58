#include "platform/deadlines.h"

namespace petiole {

void Deadline::arm(Time when) {
  if (when == due_at_) return;
  disarm();
  if (when == kNever) return;
  due_at_ = when;
  deadlines_->insert(*this);
}

void Deadline::disarm() {
  if (place_ != kNowhere) deadlines_->remove(*this);
  due_at_ = kNever;
}

void Deadlines::run(Time now) {
  for (std::size_t left = heap_.size(); left > 0 && next() <= now; --left) {
    Deadline* first = heap_.front();
    first->disarm();
    first->due(now);
  }
}

void Deadlines::insert(Deadline& deadline) {
  heap_.push_back(nullptr);
  sift_up(&deadline, heap_.size() - 1);
}

void Deadlines::remove(Deadline& deadline) {
  const std::size_t place = deadline.place_;
  Deadline* last = heap_.back();
  heap_.pop_back();
  deadline.place_ = Deadline::kNowhere;
  if (last == &deadline) return;
  const bool earlier = last->due_at_ < deadline.due_at_;
  earlier ? sift_up(last, place) : sift_down(last, place);
}

void Deadlines::put(Deadline* deadline, std::size_t place) {
  heap_[place] = deadline;
  deadline->place_ = static_cast<std::uint32_t>(place);
}

void Deadlines::sift_up(Deadline* deadline, std::size_t place) {
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (heap_[parent]->due_at_ <= deadline->due_at_) break;
    put(heap_[parent], place);
    place = parent;
  }
  put(deadline, place);
}

void Deadlines::sift_down(Deadline* deadline, std::size_t place) {
  while (2 * place + 1 < heap_.size()) {
    std::size_t child = 2 * place + 1;
    const bool right =
        child + 1 < heap_.size() && heap_[child + 1]->due_at_ < heap_[child]->due_at_;
    if (right) ++child;
    if (deadline->due_at_ <= heap_[child]->due_at_) break;
    put(heap_[child], place);
    place = child;
  }
  put(deadline, place);
}

}  // namespace petiole
