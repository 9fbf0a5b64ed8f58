#include "agent/routing/match_result.h"

#include <algorithm>
#include <unordered_set>

#include "agent/subject/subject_index.h"

namespace petiole {

namespace {

bool is_leaf(const Subscription* subscription) {
  return subscription->owner->kind() == PeerKind::kLeaf;
}

}  // namespace

void MatchResult::fill(const SubjectIndex& index, std::string_view subject) {
  clear(plain.capacity() + members.capacity());
  index.match(subject, plain, members);
  std::erase_if(plain, [](const Subscription* each) { return each->closed; });
  std::erase_if(members, [](const Subscription* each) { return each->closed; });
  part_leafs();
  sort_groups();
}

void MatchResult::clear(std::size_t keep) {
  if (plain.capacity() + members.capacity() > keep) {
    *this = {};
    return;
  }
  plain.clear();
  leafs.clear();
  groups.clear();
  members.clear();
  rule = -1;
}

// Takes the leafs out of `plain`; a peer with several matching patterns counts once.
void MatchResult::part_leafs() {
  std::unordered_set<Subscriber*> seen;
  std::erase_if(plain, [&](const Subscription* each) {
    if (!is_leaf(each)) return false;
    if (seen.insert(each->owner).second) leafs.push_back(each->owner);
    return true;
  });
}

void MatchResult::sort_groups() {
  std::stable_sort(members.begin(), members.end(),
                   [](const Subscription* a, const Subscription* b) {
                     const int order = a->queue().compare(b->queue());
                     return order != 0 ? order < 0 : is_leaf(a) < is_leaf(b);
                   });
  for (std::uint32_t i = 0; i < members.size(); ++i) {
    const std::string_view name = members[i]->queue();
    if (groups.empty() || groups.back().name != name) groups.push_back({name, i, i, i});
    groups.back().end = i + 1;
    if (!is_leaf(members[i])) groups.back().leafs = i + 1;
  }
}

}  // namespace petiole
