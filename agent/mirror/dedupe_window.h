// Remembers publishers' own message ids for a while, so that one who repeats himself after a crash
// is stored once. Bounded; the oldest are forgotten first.
//
// The while is of the monotonic clock: the one on the wall may be set at any time, and says nothing
// of how long a publisher was kept from repeating. What a restart finds counts as new.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_set>

#include "platform/time.h"
#include "storage/log.h"

namespace petiole {

class DedupeWindow {
 public:
  DedupeWindow(Duration window, std::size_t ids_max) : window_(window), ids_max_(ids_max) {}

  // Whether `hash` was added and is not older than the window at `now`.
  bool knows(std::uint64_t hash, Time now);
  // `after`: what was in the log before its record.
  void add(std::uint64_t hash, Time now, Sequence after);
  // Records behind this one may have ids that are remembered; none up to it has.
  Sequence oldest(Time now);
  std::size_t size() const { return ids_.size(); }
  Duration window() const { return window_; }

 private:
  struct Id {
    std::uint64_t hash;
    Time time;
    Sequence after;
  };
  void drop_first();
  void expire(Time now);

  Duration window_;
  std::size_t ids_max_;
  std::unordered_set<std::uint64_t> known_;
  std::deque<Id> ids_;
};

}  // namespace petiole
