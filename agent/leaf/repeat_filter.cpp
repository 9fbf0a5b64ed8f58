#include "agent/leaf/repeat_filter.h"

namespace petiole {

bool RepeatFilter::knows(std::string_view account, const MirrorMark& mark) const {
  const auto found = accounts_.find(account);
  return found != accounts_.end() && marks_.contains({found->second, mark.origin, mark.number});
}

void RepeatFilter::add(std::string_view account, const MirrorMark& mark) {
  auto found = accounts_.find(account);
  if (found == accounts_.end()) {
    const auto number = static_cast<std::uint32_t>(accounts_.size());
    found = accounts_.emplace(account, number).first;
  }
  const Key key{found->second, mark.origin, mark.number};
  if (!marks_.insert(key).second) return;
  order_.push_back(key);
  if (order_.size() <= marks_max_) return;
  marks_.erase(order_.front());
  order_.pop_front();
}

}  // namespace petiole
