// The output of one leaf link, in order of urgency: answers to the peer, interest, messages.
//
// The wire takes only a window of bytes at a time; the rest waits here, so that a PONG stands
// behind one window and not behind all that is queued. The window follows the link: it shrinks
// where it takes long to drain and grows where it does not. What is in the wire ends at a message's
// end always, so control bytes may follow at any time.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

#include "platform/protocol.h"
#include "platform/time.h"

namespace petiole {

class Staging {
 public:
  Staging(ChunkPool& pool, std::size_t window_max);

  void attach(Wire& wire) { wire_ = &wire; }
  void detach() { wire_ = nullptr; }

  // Bytes for the peer ahead of everything that is queued here.
  void control(std::string_view bytes);

  // Where the next message goes: into the wire when nothing waits and there is room, else behind
  // what waits. `hold`: behind what waits in any case. Call written() after it.
  Output& open(bool hold);
  void written();

  // Moves as many messages as there is room for; returns how many marks were passed.
  std::size_t pump();
  // Whether there is room in the wire for more, and how far it may be filled.
  bool room() const { return wire_->output().size() < window_; }
  std::size_t window() const { return window_; }

  // Call after written(): true when that went into the wire; else its end is remembered as a mark.
  bool mark();

  // Asks the wire to tell when half of the window has drained, if that is not asked yet.
  void watch(const Clock& clock);
  // The wire told so. Learns from how long it took.
  void drained(Time now);

  bool waiting() const { return !held_.empty(); }
  std::size_t held_bytes() const { return held_.size(); }
  std::size_t queued_bytes() const { return held_.size() + (wire_ ? wire_->output().size() : 0); }

 private:
  void move_to_wire(std::size_t bytes);

  Wire* wire_ = nullptr;
  Output held_;
  std::deque<std::uint32_t> groups_;  // Bytes of messages that move together.
  std::deque<std::uint64_t> marks_;   // Counted like held_total_.
  std::uint64_t held_total_ = 0;      // Bytes that ever waited; and those that went on.
  std::uint64_t moved_total_ = 0;
  std::size_t window_, window_max_;
  std::size_t before_ = 0;  // Size of held_ at open(), when the message goes there.
  bool holding_ = false;
  bool watching_ = false;
  Time watched_{};
};

}  // namespace petiole
