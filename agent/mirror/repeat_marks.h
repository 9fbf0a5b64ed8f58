// How far the mirrors of leafs behind us have come: the highest number of each origin that a rule
// has captured, refused or found to be a repeat.
//
// A leaf's mirror sends again, in order, what no PONG confirmed, after a lost link of any length;
// what it says may be a repeat and is not above the number of its origin was here. Kept over a
// restart by the records themselves (mirror_mark.h), and for those that are gone by a state that
// goes with their removal. Loop thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/protocol/mirror_mark.h"

namespace petiole {

class RepeatMarks {
 public:
  // Of more origins the one that was silent for longest is forgotten.
  explicit RepeatMarks(std::size_t origins_max) : origins_max_(origins_max) {}

  bool knows(const MirrorMark& mark) const;
  // `on_disk`: a restart finds the message, or it needs no finding. A number that is said to be new
  // counts even when it is lower: the leaf has begun anew.
  void pass(const MirrorMark& mark, bool on_disk);
  // All that was passed counts as on disk from here on.
  void settle();

  // There is something that the last encode() did not say.
  bool changed() const { return changed_; }
  // A line `<origin> <number>` each, of what is on disk.
  std::string encode();
  // Of a state and then, one by one, of records: the highest counts.
  void load(std::string_view text);
  void load(const MirrorMark& mark);
  std::size_t size() const { return marks_.size(); }

 private:
  struct Mark {
    std::uint64_t number = 0, on_disk = 0;
    std::uint64_t used = 0;
  };
  Mark& mark_of(std::uint64_t origin);
  void forget_oldest();

  std::size_t origins_max_;
  std::unordered_map<std::uint64_t, Mark> marks_;
  std::uint64_t uses_ = 0;
  bool changed_ = false;
};

}  // namespace petiole
