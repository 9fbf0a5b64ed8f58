// What the subject index answered, by subject, so that it is asked once.
//
// A subscription that enters or leaves makes stale only what it can match: a literal one its own
// entry; a pattern the entries that share its first one or two literal tokens, by a generation
// number each; a pattern that begins with a wildcard all. Bounded by entries and by the pointers
// they hold; the one replaced is found by a clock hand, and its memory is used again. Grows with
// use: in an account where nothing is published it holds no memory. Loop thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/limits.h"
#include "agent/routing/match_result.h"

namespace petiole {

struct MatchEntry {
  std::string subject;
  MatchResult result;
  std::uint64_t stamp = 0;  // Sum of the generations that it depends on, when it was filled.
  std::uint32_t hash = 0;
  std::uint16_t first = 0, second = 0;  // Those generations.
  bool recent = false;                  // Used since the hand passed.
  bool filled = false;
  bool listed = false;     // In the table; else a spare of a nested publish.
  std::uint32_t pins = 0;  // Publishes that walk it; not replaced meanwhile.
};

class MatchCache {
 public:
  MatchCache(const Limits& limits, std::uint64_t seed);
  ~MatchCache();

  // The entry of `subject`, pinned; `filled` when its result holds. Else the caller fills it and
  // calls fill_done. Release by unpin.
  MatchEntry& pin(std::string_view subject) {
    MatchEntry* const last = last_;
    if (!last || last->subject != subject || !holds(*last)) return look_up(subject);
    return hit(*last);
  }
  void fill_done(MatchEntry& entry);
  void unpin(MatchEntry& entry) { --entry.pins; }

  // A subscription to `subject` entered or left.
  void invalidate(std::string_view subject);
  void clear() { ++everything_; }

  std::size_t size() const { return entries_.size(); }
  std::size_t targets() const { return targets_; }  // Pointers that its entries hold.
  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t entry = 0;  // Its number plus one; 0: free.
  };

  MatchEntry& look_up(std::string_view subject);
  bool holds(const MatchEntry& entry) const { return entry.filled && entry.stamp == stamp(entry); }
  MatchEntry& hit(MatchEntry& entry) {
    ++hits_;
    entry.recent = true;
    ++entry.pins;
    return entry;
  }
  std::uint32_t hash(std::string_view text) const;
  // Generations only grow, so their sum is the same only when none has changed.
  std::uint64_t stamp(const MatchEntry& entry) const {
    return everything_ + generations_[entry.first] + generations_[entry.second];
  }
  std::uint16_t generation_of(std::string_view prefix) const;
  MatchEntry* find(std::string_view subject, std::uint32_t hash);
  MatchEntry& spare();
  MatchEntry& place_for(std::uint32_t hash);
  void enlist(std::uint32_t number);
  void delist(std::uint32_t number);
  void grow_table();
  void grow_generations();
  bool replaceable(MatchEntry& entry);
  void shed();

  const std::size_t entries_max_;
  const std::size_t targets_max_;
  const std::uint64_t seed_;
  std::vector<Slot> slots_;  // Open addressing; a power of two.
  std::vector<std::unique_ptr<MatchEntry>> entries_;
  std::vector<std::unique_ptr<MatchEntry>> spares_;  // For publishes when all entries are pinned.
  std::uint32_t hand_ = 0;
  std::size_t targets_ = 0;
  std::uint64_t everything_ = 0;
  std::vector<std::uint32_t>
      generations_;  // By hash of the first one or two tokens; a power of two.
  std::uint64_t hits_ = 0, misses_ = 0;
  MatchEntry* last_ = nullptr;  // What was found last: publishers repeat themselves.
};

}  // namespace petiole
