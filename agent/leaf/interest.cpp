#include "agent/leaf/interest.h"

#include <algorithm>
#include <charconv>

namespace petiole {

namespace {

constexpr std::uint64_t kWeightMax = 999'999'999;  // nats-server util.go, parseSize: nine digits.
constexpr std::size_t kListKeptMax = 64 * 1024;    // A longer list gives its memory back.

void write_line(Output& output, std::string_view key, bool queued, std::uint32_t weight) {
  output.append(weight == 0 ? "LS- " : "LS+ ");
  output.append(key);
  if (weight != 0 && queued) {
    char digits[12] = {' '};
    const char* const end = std::to_chars(digits + 1, digits + sizeof digits, weight).ptr;
    output.append({digits, static_cast<std::size_t>(end - digits)});
  }
  output.append("\r\n");
}

}  // namespace

std::string_view InterestMap::key(std::string_view subject, std::string_view queue) {
  if (queue.empty()) return subject;
  scratch_.assign(subject).append(1, ' ').append(queue);
  return scratch_;
}

InterestMap::Item& InterestMap::insert(std::string_view name) {
  Item& item = *entries_.emplace(std::string(name), Entry()).first;
  item.second.before = last_;
  (last_ ? last_->second.after : first_) = &item;
  last_ = &item;
  return item;
}

void InterestMap::erase(Item& item) {
  Entry& entry = item.second;
  if (entry.listed != 0) changed_[entry.listed - 1] = nullptr;
  if (scan_ == &item) scan_ = entry.after;
  (entry.before ? entry.before->second.after : first_) = entry.after;
  (entry.after ? entry.after->second.before : last_) = entry.before;
  entries_.erase(entries_.find(item.first));
}

void InterestMap::list(Item& item) {
  if (idle_ || item.second.listed != 0) return;
  changed_.push_back(&item);
  item.second.listed = static_cast<std::uint32_t>(changed_.size());
}

void InterestMap::add(std::string_view subject, std::string_view queue, std::uint32_t weight) {
  const std::string_view name = key(subject, queue);
  const auto found = entries_.find(name);
  Item& item = found == entries_.end() ? insert(name) : *found;
  Entry& entry = item.second;
  if (!queue.empty()) entry.queue_at = static_cast<std::uint32_t>(subject.size()) + 1;
  const bool first = entry.count == 0;
  entry.count += queue.empty() ? 1 : std::max(weight, 1u);
  if (first || !queue.empty()) list(item);
}

void InterestMap::remove(std::string_view subject, std::string_view queue, std::uint32_t weight) {
  const auto found = entries_.find(key(subject, queue));
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  const std::uint64_t gone = queue.empty() ? 1 : std::max(weight, 1u);
  entry.count -= std::min(entry.count, gone);
  if (entry.count == 0 && (idle_ || told(entry) == 0)) return erase(*found);
  if (entry.count == 0 || !queue.empty()) list(*found);
}

void InterestMap::start() {
  idle_ = false;
  ++link_;
  scan_ = first_;
}

void InterestMap::stop() {
  idle_ = true;
  scan_ = nullptr;
  for (; next_ != changed_.size(); ++next_) {
    Item* const item = changed_[next_];
    if (item == nullptr) continue;
    item->second.listed = 0;
    if (item->second.count == 0) erase(*item);
  }
  changed_ = {};
  next_ = 0;
}

InterestMap::Item* InterestMap::take_next() {
  while (next_ != changed_.size()) {
    Item* const item = changed_[next_++];
    if (item == nullptr) continue;
    item->second.listed = 0;
    return item;
  }
  Item* const item = scan_;
  if (item != nullptr) scan_ = item->second.after;
  return item;
}

void InterestMap::settle(Output& output, Item& item, const SubjectFilter& permissions) {
  Entry& entry = item.second;
  const std::string_view name = item.first;
  const bool queued = entry.queue_at != 0;
  const std::string_view subject = queued ? name.substr(0, entry.queue_at - 1) : name;
  const std::string_view queue = queued ? name.substr(entry.queue_at) : std::string_view();
  const bool shown = entry.count != 0 && interest_allowed(permissions, subject, queue);
  const auto weight =
      static_cast<std::uint32_t>(std::min(shown ? entry.count : 0, queued ? kWeightMax : 1));
  if (weight != told(entry)) write_line(output, name, queued, weight);
  entry.told = weight;
  entry.link = link_;
  if (entry.count == 0) erase(item);
}

// On a link that is never done with it the list would grow for ever by what it has said.
void InterestMap::forget_written() {
  if (next_ < kListKeptMax || next_ < changed_.size() / 2) return;
  changed_.erase(changed_.begin(), changed_.begin() + static_cast<std::ptrdiff_t>(next_));
  for (Item* const item : changed_) {
    if (item != nullptr) item->second.listed -= static_cast<std::uint32_t>(next_);
  }
  next_ = 0;
}

void InterestMap::write(Output& output, std::size_t bytes_max, std::size_t visits_max,
                        const SubjectFilter& permissions) {
  while (!idle_ && visits_max-- != 0 && output.size() < bytes_max) {
    Item* const item = take_next();
    if (item == nullptr) break;
    settle(output, *item, permissions);
  }
  if (next_ != changed_.size()) return forget_written();
  changed_.clear();
  next_ = 0;
  if (changed_.capacity() > kListKeptMax) changed_.shrink_to_fit();
}

}  // namespace petiole
