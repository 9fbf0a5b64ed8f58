// Who gets a message of one subject, sorted so that publishing only walks arrays.
//
// Points at subscriptions; valid until one of them leaves the account.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/routing/subscription.h"

namespace petiole {

class SubjectIndex;

// One queue group over all patterns that match: its name is the group (wire 1.8).
struct QueueGroup {
  std::string_view name;    // In the text of a member.
  std::uint32_t begin = 0;  // Of the local members in MatchResult::members.
  std::uint32_t leafs = 0;  // Where the members that are leafs begin.
  std::uint32_t end = 0;
};

struct MatchResult {
  std::vector<Subscription*> plain;  // Local, one delivery each.
  std::vector<Subscriber*> leafs;    // With plain interest, one line each.
  std::vector<QueueGroup> groups;
  std::vector<Subscription*> members;  // Of all groups; see QueueGroup.
  int rule = -1;                       // Capture::rule_of.

  bool empty() const { return plain.empty() && leafs.empty() && groups.empty(); }
  std::size_t target_count() const { return plain.size() + leafs.size() + groups.size(); }
  std::size_t pointer_count() const { return plain.size() + leafs.size() + members.size(); }
  // Fills this from the index; keeps the memory of what was here.
  void fill(const SubjectIndex& index, std::string_view subject);
  // Empties this; gives back the memory when it is for more than `keep` pointers.
  void clear(std::size_t keep);

 private:
  void part_leafs();
  void sort_groups();
};

}  // namespace petiole
