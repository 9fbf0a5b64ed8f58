#include "agent/leaf/repeat_filter.h"

namespace petiole {

void RepeatFilter::add(const void* account, const MirrorMark& mark) {
  const Key key{account, mark.origin, mark.number};
  if (!marks_.insert(key).second) return;
  order_.push_back(key);
  if (order_.size() <= marks_max_) return;
  marks_.erase(order_.front());
  order_.pop_front();
}

}  // namespace petiole
