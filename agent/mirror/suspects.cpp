#include "agent/mirror/suspects.h"

#include <algorithm>

namespace petiole {

bool SuspectSubject::found(std::uint64_t id_hash, bool alone) {
  for (std::size_t i = items.size(); i-- > 0;) {
    if (items[i].id_hash != id_hash) continue;
    items[i].arrived = true;
    while (!alone && i-- > 0) items[i].arrived = true;
    return true;
  }
  return false;
}

void SuspectList::add(std::string_view subject, std::uint64_t key, std::uint64_t id_hash) {
  const auto [at, fresh] = index_.try_emplace(std::string(subject), subjects_.size());
  if (fresh) subjects_.push_back({std::string(subject), {}});
  subjects_[at->second].items.push_back({key, id_hash, false});
  ++count_;
}

void SuspectList::clear() { *this = {}; }

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

}  // namespace petiole
