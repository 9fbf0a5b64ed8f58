// Messages of a rule, sent one after another, that share a reply subject: the hub looks up each
// reply subject anew over a leaf link, which is a good part of what a PubAck costs it.
//
// An answer then says that a message of the group is in a stream, not which. So they are confirmed
// together, and only when as many distinct sequences of one stream as there are messages were
// answered: each has an id of its own, so that each has a sequence of its own, and a new one.
// Whatever else comes breaks the group: its messages are looked for at the hub like those of a lost
// link. Groups are used only after a while of answers, to messages with replies of their own, that
// held no surprise, each time a longer while. Loop thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mirror/puback.h"

namespace petiole {

struct AckGroup {
  std::uint64_t number = 0;
  std::uint64_t first = 0;                 // Orders from here on,
  std::size_t count = 0;                   // so many.
  std::string stream{};                    // Of all answers; empty: none yet.
  std::vector<std::uint64_t> sequences{};  // Distinct, and new to the stream.

  std::uint64_t lowest() const;
};

class AckGroups {
 public:
  enum class Verdict : std::uint8_t { kOpen, kConfirmed, kBroken };
  struct Answer {
    Verdict verdict = Verdict::kOpen;
    AckGroup group{};  // Not of kOpen.
  };

  // `after`: answers without a surprise before the first group.
  AckGroups(std::size_t messages_max, std::size_t after)
      : messages_max_(messages_max), after_(after), needed_(after) {}

  // A message of its own was stored; or an answer came that was not awaited.
  void stored(std::string_view stream);
  void surprised() { calm_ = 0; }
  bool usable() const { return messages_max_ > 1 && calm_ >= needed_; }

  // Puts the message that is sent next into a group; its number. Only while usable().
  std::uint64_t join(std::uint64_t order);
  // kBroken: nothing is known of its messages, and it is forgotten.
  Answer answered(std::uint64_t number, const PubAck& ack);
  // Forgets all: their messages are decided otherwise.
  void drop();
  void link_up();

 private:
  const std::size_t messages_max_, after_;
  std::size_t needed_, calm_ = 0;
  std::string stream_;  // Of the answers to messages of their own.
  std::uint64_t next_ = 1;
  bool open_ = false;             // The newest takes more.
  std::vector<AckGroup> groups_;  // Oldest first; few.
};

}  // namespace petiole
