// Remembers publishers' own message ids for a while, so that one who repeats himself after a crash
// is stored once. Bounded; the oldest are forgotten first.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_set>

#include "platform/time.h"

namespace petiole {

class DedupeWindow {
 public:
  DedupeWindow(Duration window, std::size_t ids_max) : window_(window), ids_max_(ids_max) {}

  // Whether `hash` was added and is not older than the window at `now`.
  bool knows(std::uint64_t hash, WallTime now);
  void add(std::uint64_t hash, WallTime time);
  std::size_t size() const { return ids_.size(); }
  Duration window() const { return window_; }

 private:
  struct Id {
    std::uint64_t hash;
    WallTime time;
  };
  void drop_first();

  Duration window_;
  std::size_t ids_max_;
  std::unordered_set<std::uint64_t> known_;
  std::deque<Id> ids_;
};

}  // namespace petiole
