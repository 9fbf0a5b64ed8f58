// One log of a SqliteStore: what is appended and not on disk yet, and the directory of what is.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/directory.h"
#include "storage/log.h"

namespace petiole {

class SqliteLog;

struct PendingRead {
  SqliteLog* log = nullptr;
  Sequence after = 0;
  std::size_t count_max = 0, bytes_max = 0;
  Log::ReadDone done;
};

// What a log asks of its store.
class LogOwner {
 public:
  virtual ~LogOwner() = default;
  virtual bool admit(std::size_t bytes) = 0;  // False: refuse the record.
  virtual void changed() = 0;                 // There is something to commit.
  virtual Segment spare() = 0;                // An empty segment, with memory if there is any.
  virtual void queue_read(PendingRead read) = 0;
};

class SqliteLog : public Log {
 public:
  // `row` as it is on disk, and the committed segments in order.
  SqliteLog(LogOwner& owner, LogWrite row, Directory directory);

  Sequence append(const RecordView& record) override;
  void on_durable(std::function<void(Sequence)> durable) override {
    on_durable_ = std::move(durable);
  }
  void read(Sequence after, std::size_t count_max, std::size_t bytes_max, ReadDone done) override;
  void trim(Sequence upto) override;
  void remove(Sequence sequence) override;
  Sequence next(Sequence after) const override;
  LogState state() const override;

  void drop();
  void revive();

  // Moves all that is to be committed into `plan`; ids are taken from `next_id`.
  void collect(CommitPlan& plan, SegmentId& next_id, std::size_t compactions_max);
  // Notes in `write` and `plan` what of the segment was removed before it came to disk; true when
  // nothing is left to be written.
  bool settle_removals(SegmentWrite& write, CommitPlan& plan) const;
  void committed(const SegmentWrite& write);  // A segment is on disk.
  void compacted(const Compaction& plan, const CompactionDone& done) {
    directory_.compacted(plan, done);
    settle();
  }
  void durable_upto(Sequence upto);  // After the last committed() of a group.
  void notify() const {
    if (on_durable_) on_durable_(durable_);
  }
  std::vector<Sequence> lose(SegmentId id);

  LogId id() const { return row_.id; }
  const std::string& name() const { return row_.name; }
  Sequence last() const override { return last_; }
  Sequence durable() const { return durable_; }
  const Directory& directory() const { return directory_; }
  // The row as of now; written at the end of a clean run.
  LogWrite row() const;

 private:
  void settle();
  bool pending_removed(Sequence sequence) const {
    return pending_removed_.get(sequence - durable_ - 1);
  }
  std::uint64_t pending_live() const;
  Sequence pending_from(Sequence from) const;  // The first there; last_ + 1: none.

  LogOwner& owner_;
  LogWrite row_;
  bool row_dirty_ = false;
  Directory directory_;
  Sequence first_ = 1;  // Everything below was trimmed.
  Sequence last_ = 0;
  Sequence durable_ = 0;
  Segment open_;
  std::vector<Segment> sealed_;
  std::uint64_t pending_bytes_ = 0;          // Of records after durable_.
  std::int64_t pending_time_ = 0;            // Of the oldest of them, about.
  Bits pending_removed_;                     // From durable_ + 1.
  std::uint64_t pending_removed_count_ = 0;  // At or above first_.
  std::function<void(Sequence)> on_durable_;
};

}  // namespace petiole
