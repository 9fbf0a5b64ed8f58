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
#include <unordered_set>

#include "agent/protocol/mirror_mark.h"
#include "agent/subject/token_hash.h"

namespace petiole {

class RepeatFilter {
 public:
  // The newest `marks_max` are kept, some 70 bytes each: 32 mirrors with full windows.
  explicit RepeatFilter(std::size_t marks_max = 128 * 1024, std::uint64_t hash_seed = 0)
      : marks_(0, Hash{hash_seed}), marks_max_(marks_max) {}

  bool knows(const MirrorMark& mark) const { return marks_.contains(key_of(mark)); }
  void add(const MirrorMark& mark);

 private:
  struct Key {
    std::uint64_t origin, number;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::uint64_t seed;
    std::size_t operator()(const Key& key) const {
      return token_hash(seed, {reinterpret_cast<const char*>(&key), sizeof key});
    }
  };
  static Key key_of(const MirrorMark& mark) { return {mark.origin, mark.number}; }

  std::unordered_set<Key, Hash> marks_;
  std::deque<Key> order_;
  std::size_t marks_max_;
};

}  // namespace petiole
