// What a leaf's mirror has delivered here already: its repeats are dropped.
//
// After a lost link a mirror sends again what no PONG confirmed, because only the hub can know what
// of it arrived. A hub that is a petiole does know: it remembers the newest marks of mirrors
// (protocol/mirror_mark.h) whose messages reached somebody. The highest number alone would not do
// here: what met nobody while its subscriber was going is to be delivered when it comes again. Kept
// for as long as this process runs, over reconnects of the leaf; what our own mirror captures it
// knows for longer (mirror/repeat_marks.h). Messages that carry a reply are left to who answers
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "agent/protocol/mirror_mark.h"

namespace petiole {

class RepeatFilter {
 public:
  // The newest `marks_max` are kept, some 90 bytes each: 32 mirrors with full windows.
  explicit RepeatFilter(std::size_t marks_max = 128 * 1024) : marks_max_(marks_max) {}

  // `account`: the name of where the leaf delivers; none can have the messages of another dropped,
  // and one that is removed and comes again is the same.
  bool knows(std::string_view account, const MirrorMark& mark) const;
  void add(std::string_view account, const MirrorMark& mark);

 private:
  using Key = std::tuple<std::uint32_t, std::uint64_t, std::uint64_t>;  // Account, origin, number.

  std::map<std::string, std::uint32_t, std::less<>> accounts_;  // To their numbers here.
  std::set<Key> marks_;  // Ordered: a peer chooses the numbers, and could make hashes collide.
  std::deque<Key> order_;
  std::size_t marks_max_;
};

}  // namespace petiole
