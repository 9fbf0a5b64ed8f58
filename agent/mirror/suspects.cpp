#include "agent/mirror/suspects.h"

#include <algorithm>
#include <cctype>

#include "agent/protocol/headers.h"

namespace petiole {

namespace {

constexpr Duration kRepeatTime = std::chrono::seconds(30);  // Until a repeat is at the hub.

}  // namespace

bool StreamFacts::removed_between(std::uint64_t before, std::uint64_t behind) const {
  if (before + 1 >= behind) return false;
  if (first > before + 1 || !removed) return true;
  const auto at = std::upper_bound(removed->begin(), removed->end(), before);
  return at != removed->end() && *at < behind;
}

// As nats-server reads it: in any case.
Rollup rollup_of(std::string_view header) {
  std::string value(find_header(header, "Nats-Rollup").value_or(""));
  std::transform(value.begin(), value.end(), value.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return value == "sub" ? Rollup::kSubject : value == "all" ? Rollup::kAll : Rollup::kNone;
}

bool SuspectSubject::found(std::uint64_t id_hash, std::uint64_t at, bool elsewhere) {
  for (std::size_t i = items.size(); i-- > 0;) {
    if (items[i].id_hash != id_hash) continue;
    if (elsewhere)
      items[i].elsewhere = true;
    else
      items[i].sequence = at;
    return true;
  }
  return false;
}

std::size_t SuspectSubject::reach() const {
  std::size_t count = items.size();
  while (count > 0 && items[count - 1].sequence == 0) --count;
  return count;
}

bool SuspectSubject::proven() const {
  return std::all_of(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(reach()),
                     [](const Item& item) { return item.sequence != 0; });
}

bool SuspectSubject::all_seen() const {
  return std::all_of(items.begin(), items.end(), [](const Item& item) { return item.seen(); });
}

void SuspectSubject::judge(const StreamFacts* facts, Duration since, bool holes) {
  const std::size_t count = reach();
  for (const Item& item : items) {
    if (item.seen() && item.rollup != Rollup::kNone) rolled_up = std::max(rolled_up, item.key);
  }
  // Not where nothing was removed; and one that was refused, and rolls up nothing, may come late.
  const bool whole = looked && facts != nullptr && !facts->removed_between(base, UINT64_MAX);
  for (Item& item : items) {
    const bool late = whole || (holes && item.rollup == Rollup::kNone);
    const bool gone = item.key < rolled_up && !late;
    item.arrived = item.elsewhere || gone;
  }
  std::uint64_t before = base, behind = 0;
  for (std::size_t i = 0, next = 0; i < count; ++i) {
    Item& item = items[i];
    if (item.sequence != 0) before = item.sequence;
    item.arrived = item.arrived || item.sequence != 0;
    if (item.arrived) continue;
    if (next <= i) {
      for (next = i; items[next].sequence == 0;) ++next;
      behind = items[next].sequence;
    }
    const std::uint64_t from = before < behind ? before : base;  // Late ones are out of order.
    if (looked && facts != nullptr) {
      if (!facts->removed_between(from, behind)) continue;
      const bool oldest = before == base;
      item.arrived = oldest && facts->per_subject != 0 && there >= facts->per_subject;
      if (item.arrived) continue;
    }
    const bool dropped = facts != nullptr && item.age < facts->duplicate_window &&
                         item.age + since + kRepeatTime < facts->duplicate_window;
    item.arrived = !holes && !dropped;
  }
}

void SuspectList::add(std::string_view subject, std::uint64_t key, std::uint64_t id_hash,
                      Duration age, std::uint64_t bytes, Rollup rollup) {
  const auto [at, fresh] = index_.try_emplace(std::string(subject), subjects_.size());
  if (fresh) {
    subjects_.emplace_back();
    subjects_.back().subject = subject;
  }
  subjects_[at->second].items.push_back(
      {.key = key, .id_hash = id_hash, .age = age, .bytes = bytes, .rollup = rollup});
  ++count_;
  bytes_ += bytes;
}

void SuspectList::forget(std::string_view subject) {
  const auto at = index_.find(subject);
  if (at == index_.end()) return;
  count_ -= subjects_[at->second].items.size();
  for (const SuspectSubject::Item& item : subjects_[at->second].items) bytes_ -= item.bytes;
  subjects_[at->second].items.clear();
}

void SuspectList::clear() {
  count_ = 0;
  bytes_ = 0;
  subjects_ = {};
  index_.clear();
}

std::vector<std::uint64_t> SuspectList::arrived() const {
  std::vector<std::uint64_t> keys;
  for (const SuspectSubject& subject : subjects_) {
    for (const SuspectSubject::Item& item : subject.items) {
      if (item.arrived) keys.push_back(item.key);
    }
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

bool SuspectList::missing_before(const std::vector<std::uint64_t>& arrived) const {
  if (arrived.empty()) return false;
  std::size_t upto = 0;
  for (const SuspectSubject& subject : subjects_) {
    for (const SuspectSubject::Item& item : subject.items)
      upto += item.key <= arrived.back() ? 1 : 0;
  }
  return upto > arrived.size();
}

}  // namespace petiole
