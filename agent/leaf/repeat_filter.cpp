#include "agent/leaf/repeat_filter.h"

#include <charconv>

namespace petiole {

bool RepeatFilter::repeated(std::string_view leaf_id, std::string_view message_id) {
  if (leaf_id.empty() || !message_id.starts_with(leaf_id)) return false;
  const std::size_t colon = message_id.rfind(':');
  if (message_id[leaf_id.size()] != ':' || colon == leaf_id.size()) return false;
  const std::string_view digits = message_id.substr(colon + 1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return false;
  const std::string_view epoch = message_id.substr(0, colon);
  if (const auto known = highest_.find(epoch); known != highest_.end()) {
    if (number <= known->second) return true;
    known->second = number;
    return false;
  }
  if (highest_.size() == entries_max_) highest_.clear();
  highest_.emplace(epoch, number);
  return false;
}

}  // namespace petiole
