#include "agent/leaf/repeat_filter.h"

#include <algorithm>

namespace petiole {

bool RepeatFilter::made_by(std::string_view leaf_id, std::string_view message_id) {
  if (leaf_id.empty() || !message_id.starts_with(leaf_id)) return false;
  const std::size_t colon = message_id.rfind(':');
  if (message_id[leaf_id.size()] != ':' || colon == leaf_id.size()) return false;
  const std::string_view digits = message_id.substr(colon + 1);
  return !digits.empty() &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void RepeatFilter::add(std::string_view message_id) {
  const auto [at, fresh] = ids_.emplace(message_id);
  if (!fresh) return;
  order_.push_back(&*at);
  if (order_.size() <= ids_max_) return;
  ids_.erase(*order_.front());
  order_.pop_front();
}

}  // namespace petiole
