// What the mirror of a petiole says, to a petiole, of a message that it sends: which of its own
// messages this is, and whether it may be there already.
//
// On the wire it is the first queue name of an LMSG, `_PM.<origin>.<kind><number>`: one that no
// group can have, since interest in it is not taken from a leaf. Only sent to who says `petiole` in
// its INFO.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace petiole {

inline constexpr std::string_view kMarkPrefix = "_PM.";

struct MirrorMark {
  enum class Kind : std::uint8_t {
    kNew,     // Was never sent; higher than all before.
    kRepeat,  // May have been sent before; then in its place among the others.
    kLate,    // Comes after others with higher numbers, which went ahead of it.
  };
  std::uint64_t origin = 0;  // One log of one leaf; 0: no mark.
  std::uint64_t number = 0;
  Kind kind = Kind::kNew;
  explicit operator bool() const { return origin != 0; }
};

// Appends the queue name to `out`.
void append_mark(std::string& out, const MirrorMark& mark);

// Takes a mark off the front of `queues`, the names of an LMSG. No mark: they stay as they are.
MirrorMark take_mark(std::string_view& queues);

// How a mark is kept beside a record's subject, where no subject can say the same: `<subject>
// <origin> <number>`. The kind is not.
void append_marked_subject(std::string& out, std::string_view subject, const MirrorMark& mark);
// Leaves the subject in `subject`; the mark, if there is one, is that of a repeat.
MirrorMark take_subject_mark(std::string_view& subject);
// The same where a second mark may stand behind the first, which is then ` 0 0` if there is none.
MirrorMark take_subject_mark(std::string_view& subject, MirrorMark& second);

}  // namespace petiole
