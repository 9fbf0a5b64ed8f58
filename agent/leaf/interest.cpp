#include "agent/leaf/interest.h"

#include <algorithm>
#include <charconv>

namespace petiole {

std::string_view InterestMap::key(std::string_view subject, std::string_view queue) {
  if (queue.empty()) return subject;
  scratch_.assign(subject).append(1, ' ').append(queue);
  return scratch_;
}

void InterestMap::list(Map::value_type& item) {
  if (item.second.listed) return;
  item.second.listed = true;
  changed_.push_back(&item);
}

void InterestMap::add(std::string_view subject, std::string_view queue, std::uint32_t weight) {
  const std::string_view name = key(subject, queue);
  auto found = entries_.find(name);
  if (found == entries_.end()) found = entries_.emplace(std::string(name), Entry()).first;
  Entry& entry = found->second;
  if (!queue.empty()) entry.queue_at = static_cast<std::uint32_t>(subject.size()) + 1;
  const std::uint32_t before = entry.count;
  entry.count += queue.empty() ? 1 : std::max(weight, 1u);
  if (before == 0 || !queue.empty()) list(*found);
}

void InterestMap::remove(std::string_view subject, std::string_view queue, std::uint32_t weight) {
  const auto found = entries_.find(key(subject, queue));
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.count -= std::min(entry.count, queue.empty() ? 1 : std::max(weight, 1u));
  if (entry.count == 0 || !queue.empty()) list(*found);
}

void InterestMap::recheck() {
  for (auto& item : entries_) list(item);
}

void InterestMap::write_one(Output& output, const std::string& key, Entry& entry,
                            std::uint32_t wanted) {
  output.append(wanted == 0 ? "LS- " : "LS+ ");
  output.append(key);
  if (wanted != 0 && entry.queue_at != 0) {
    char digits[12] = {' '};
    const auto end = std::to_chars(digits + 1, digits + sizeof digits, wanted).ptr;
    output.append({digits, static_cast<std::size_t>(end - digits)});
  }
  output.append("\r\n");
  entry.sent = wanted;
}

void InterestMap::write(Output& output, std::size_t bytes_max,
                        const SubjectPermissions& permission) {
  for (; next_ != changed_.size() && output.size() < bytes_max; ++next_) {
    auto& [name, entry] = *changed_[next_];
    entry.listed = false;
    const std::string_view text = name;
    const std::string_view subject = entry.queue_at ? text.substr(0, entry.queue_at - 1) : text;
    const std::string_view queue = entry.queue_at ? text.substr(entry.queue_at) : "";
    const bool known = entry.count != 0 && interest_allowed(permission, subject, queue);
    const std::uint32_t wanted = !known ? 0 : queue.empty() ? 1 : entry.count;
    if (wanted != entry.sent) write_one(output, name, entry, wanted);
    if (entry.count == 0) entries_.erase(entries_.find(name));
  }
  if (next_ != changed_.size()) return;
  changed_.clear();
  next_ = 0;
  if (changed_.capacity() > 64 * 1024) changed_.shrink_to_fit();
}

}  // namespace petiole
