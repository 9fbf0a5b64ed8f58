#include "agent/leaf/repeat_filter.h"

namespace petiole {

void RepeatFilter::add(const MirrorMark& mark) {
  if (!marks_.insert(key_of(mark)).second) return;
  order_.push_back(key_of(mark));
  if (order_.size() <= marks_max_) return;
  marks_.erase(order_.front());
  order_.pop_front();
}

}  // namespace petiole
