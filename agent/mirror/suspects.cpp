#include "agent/mirror/suspects.h"

#include <algorithm>

namespace petiole {

bool SuspectSubject::found(std::uint64_t id_hash) {
  for (std::size_t i = items.size(); i-- > 0;) {
    if (items[i].id_hash != id_hash) continue;
    items[i].seen = true;
    arrived = std::max(arrived, i + 1);
    return true;
  }
  return false;
}

bool SuspectSubject::proven() const {
  return std::all_of(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(arrived),
                     [](const Item& item) { return item.seen; });
}

void SuspectList::add(std::string_view subject, std::uint64_t key, std::uint64_t id_hash) {
  const auto [at, fresh] = index_.try_emplace(std::string(subject), subjects_.size());
  if (fresh) subjects_.push_back({.subject = std::string(subject), .items = {}});
  subjects_[at->second].items.push_back({key, id_hash});
  ++count_;
}

void SuspectList::forget(std::string_view subject) {
  const auto at = index_.find(std::string(subject));
  if (at == index_.end()) return;
  count_ -= subjects_[at->second].items.size();
  subjects_[at->second].items.clear();
}

void SuspectList::clear() { *this = {}; }

std::vector<std::uint64_t> SuspectList::arrived() const {
  std::vector<std::uint64_t> keys;
  for (const SuspectSubject& subject : subjects_) {
    for (std::size_t i = 0; i < subject.arrived; ++i) {
      if (!subject.exact || subject.items[i].seen) keys.push_back(subject.items[i].key);
    }
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace petiole
