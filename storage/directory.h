// What a log knows of its segments without reading them: ranges, counts, removed records.
//
// Pure memory, some 80 bytes a segment; the loop's side. Only committed segments are listed.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "storage/plan.h"

namespace petiole {

struct SegmentInfo {
  // Most segments have no details: every sequence is there and none was removed.
  struct Details {
    std::vector<std::uint32_t> offsets;  // Of each record from head.first; empty: 0, 1, 2 …
    Bits removed;
  };

  SegmentId id = 0;
  Sequence first = 0, last = 0;
  std::uint32_t count = 0, removed = 0;
  std::uint64_t bytes = 0;
  std::int64_t first_time = 0;
  std::unique_ptr<Details> details;
  bool dirty = false;   // Removals that are not on disk and in no plan.
  bool busy = false;    // In a compaction that is under way: must stay listed.
  bool lost = false;    // Not readable: its row stays, its records are gone.
  bool stuck = false;   // Could not be compacted.
  bool queued = false;  // In the list of those that a compaction may pay for.

  std::uint32_t live() const { return count - removed; }
  std::uint64_t live_bytes() const { return bytes * live() / count; }
  bool is_removed(std::size_t i) const { return details && details->removed.get(i); }
  // The record of that sequence, or count when there is none.
  std::size_t index_of(Sequence sequence) const;
  std::size_t index_behind(Sequence sequence) const;  // Of the first with a larger one, or count.
  Sequence sequence_of(std::size_t i) const;
  Details& make_details();
};

SegmentInfo make_info(SegmentId id, const SegmentHead& head, std::vector<std::uint32_t> offsets);

class Directory {
 public:
  Directory() = default;
  Directory(Directory&&) noexcept = default;
  Directory& operator=(Directory&&) noexcept = default;

  // A committed segment behind all others.
  void add(SegmentInfo info);
  // False when there is no such record, or no more.
  bool remove(Sequence sequence);
  // Removes all up to and with `upto`. On disk the log's `first` says so, not the bits.
  void trim(Sequence upto);

  // Segments without a live record, which leave the list with this call.
  std::vector<SegmentId> take_drops();
  // The removals of which no plan knows.
  std::vector<RemovalWrite> take_removals();
  // Up to `max` groups of neighbours worth rewriting; their segments are busy until
  // compacted() has been called for each.
  std::vector<Compaction> plan_compactions(std::size_t max, LogId log);
  void compacted(const Compaction& plan, const CompactionDone& done);
  // What of its inputs was removed since it was planned.
  LateRemovals removed_since(const Compaction& plan) const;

  // The parts to read for `count_max` records or `bytes_max` bytes behind `after`.
  std::vector<ReadPlan::Part> plan_read(Sequence after, std::size_t count_max,
                                        std::size_t bytes_max) const;
  // A segment that turned out unreadable: its live records are gone. Returns which.
  std::vector<Sequence> lose(SegmentId id);

  // There are drops, removals or compactions to be taken.
  bool has_work() const;
  bool empty() const { return segments_.empty(); }
  Sequence last() const { return segments_.empty() ? 0 : segments_.back().last; }
  std::uint64_t messages() const { return messages_; }
  std::uint64_t bytes() const { return bytes_; }
  // The oldest live record, 0 when there is none; the time is exact at the start of a segment,
  // within it that of the segment's first record.
  Sequence first_live() const { return next_live(0); }
  Sequence next_live(Sequence after) const;  // The same, of those behind it.
  std::int64_t first_live_time() const;
  std::size_t segments() const { return segments_.size(); }

 private:
  using Iterator = std::deque<SegmentInfo>::iterator;

  void keep(Iterator begin, Iterator end, bool damaged);
  std::size_t find(Sequence sequence) const;  // The first segment that ends at or behind it.
  void mark(SegmentInfo& info, std::size_t index);
  void note_small_run();
  void plan_one(std::size_t at, LogId log, std::vector<Compaction>& plans);
  void start(std::size_t begin, std::size_t end, LogId log, std::vector<Compaction>& plans);

  std::deque<SegmentInfo> segments_;
  std::vector<SegmentId> drops_;
  std::vector<RemovalWrite> lost_;
  std::vector<Sequence> dirty_;      // Segments with `dirty`, by their first sequence.
  std::vector<Sequence> half_dead_;  // Segments with `queued`, likewise.
  std::uint64_t messages_ = 0, bytes_ = 0;
  std::uint64_t stored_bytes_ = 0;  // Of all records in listed segments, removed ones too.
  std::size_t small_count_ = 0;     // The run of small segments at the end,
  std::uint64_t small_bytes_ = 0;   // and their live bytes.
};

}  // namespace petiole
