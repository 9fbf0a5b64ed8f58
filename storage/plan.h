// What passes between the loop and the database: plans go to the worker, results come back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/segment.h"

namespace petiole {

using SegmentId = std::int64_t;

// One bit for each record of a segment, set when it was removed.
class Bits {
 public:
  bool get(std::size_t i) const {
    return i / 64 < words_.size() && (words_[i / 64] >> (i % 64) & 1) != 0;
  }
  void set(std::size_t i) {
    if (words_.size() <= i / 64) words_.resize(i / 64 + 1);
    words_[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  std::size_t first_clear(std::size_t from) const;  // At or behind `from`.
  std::string encode() const;  // Little-endian bytes, without the zeros at the end.
  static Bits decode(std::string_view bytes);

 private:
  std::vector<std::uint64_t> words_;
};

struct SegmentWrite {
  SegmentId id = 0;
  LogId log = 0;
  Segment segment;
  Bits removed;  // Records that were removed before they came to disk.
};

struct RemovalWrite {
  SegmentId id = 0;
  std::string bits;
};

struct LogWrite {
  LogId id = 0;
  std::string name;
  Sequence first = 1;  // Everything below was trimmed.
  Sequence last = 0;   // A floor for the newest sequence; segments may say more.
  bool dropped = false;
};

// Records of the segment that a compaction makes, removed while it was under way.
struct LateRemovals {
  SegmentId id = 0;
  std::vector<Sequence> sequences;  // Ascending.
};

// Writes the live records of neighbours into one segment with a new id, and deletes the old ones.
struct Compaction {
  LogId log = 0;
  SegmentId id = 0;
  std::vector<std::pair<SegmentId, Bits>> inputs;
};

struct CommitPlan {
  std::vector<RemovalWrite> removals;
  std::vector<SegmentId> drops;
  std::vector<SegmentWrite> inserts;
  std::vector<Compaction> compactions;
  std::vector<LogWrite> logs;
  std::vector<std::pair<std::string, std::string>> states;

  bool empty() const {
    return removals.empty() && drops.empty() && inserts.empty() && compactions.empty() &&
           logs.empty() && states.empty();
  }
};

// Of those with one key the last stays.
template <class Item, class Key>
void keep_last(std::vector<Item>& items, Key Item::*key) {
  std::set<Key> seen;
  const auto known = [&](const Item& item) { return !seen.insert(item.*key).second; };
  items.erase(items.begin(), std::remove_if(items.rbegin(), items.rend(), known).base());
}

// `first` and then `second`, as one. However often a group is tried again, it grows by no more than
// what is new.
inline CommitPlan merge(CommitPlan first, CommitPlan second) {
  // Drops run before inserts: what `second` drops of `first` is not inserted at all.
  std::erase_if(first.inserts, [&second](const SegmentWrite& write) {
    return std::find(second.drops.begin(), second.drops.end(), write.id) != second.drops.end();
  });
  const auto join = [](auto& to, auto& from) {
    for (auto& item : from) to.push_back(std::move(item));
  };
  join(first.removals, second.removals);
  join(first.drops, second.drops);
  join(first.inserts, second.inserts);
  join(first.logs, second.logs);
  join(first.states, second.states);
  keep_last(first.removals, &RemovalWrite::id);
  keep_last(first.logs, &LogWrite::id);
  keep_last(first.states, &std::pair<std::string, std::string>::first);
  first.compactions = std::move(second.compactions);  // Those of a group that failed are off.
  return first;
}

// The new segment of a compaction; not ok: nothing was changed.
struct CompactionDone {
  bool ok = false;
  bool damaged = false;                // An input is not readable; do not try again.
  SegmentHead head;                    // count 0: no record was left.
  std::vector<std::uint32_t> offsets;  // As SegmentInfo::offsets.
};

// How large things are after a job, for the limits and the report.
struct DiskUse {
  std::uint64_t used_bytes = 0;  // Pages of the database that hold something.
  std::uint64_t file_bytes = 0;  // All files.
  std::uint64_t bytes_written = 0;
  std::uint64_t bytes_free = UINT64_MAX;  // That the disk still has for us.
  bool wal_empty = true;
  bool reserve = true;  // It is there, or none is wanted.
};

struct CommitResult {
  Status status;  // kStorageFull: rolled back, may be tried again. kStorage: for good.
  std::vector<CompactionDone> compactions;
  DiskUse use;
};

struct ReadPlan {
  struct Part {
    SegmentId id = 0;
    Bits removed;
    std::uint64_t live = 0;  // Records that are lost when the segment is.
    Sequence last = 0;
  };
  Sequence after = 0;
  std::size_t count_max = 0, bytes_max = 0;
  std::vector<Part> parts;
};

struct ReadResult {
  Status status;
  Page page;
  std::vector<std::pair<SegmentId, std::uint64_t>>
      lost;  // Damaged segments and their live records.
};

}  // namespace petiole
