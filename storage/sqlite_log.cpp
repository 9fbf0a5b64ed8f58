#include "storage/sqlite_log.h"

#include <algorithm>
#include <utility>

namespace petiole {

SqliteLog::SqliteLog(LogOwner& owner, LogWrite row, Directory directory)
    : owner_(owner), row_(std::move(row)), directory_(std::move(directory)), first_(row_.first) {
  last_ = durable_ = std::max({row_.last, directory_.last(), first_ - 1});
  directory_.trim(first_ - 1);
}

Sequence SqliteLog::append(const RecordView& record) {
  const std::size_t bytes = record.subject.size() + record.header.size() + record.payload.size();
  if (!owner_.admit(bytes + kRecordOverheadBytes)) return 0;
  if (open_.head.count == 0 && open_.data.capacity() < kSegmentBytes) open_ = owner_.spare();
  if (last_ == durable_) pending_time_ = record.time.time_since_epoch().count();
  RecordView numbered = record;
  numbered.sequence = ++last_;
  open_.add(numbered);
  pending_bytes_ += bytes + kRecordOverheadBytes;
  if (open_.full()) sealed_.push_back(std::exchange(open_, {}));
  owner_.changed();
  return last_;
}

void SqliteLog::read(Sequence after, std::size_t count_max, std::size_t bytes_max, ReadDone done) {
  owner_.queue_read({this, after, count_max, bytes_max, std::move(done)});
}

void SqliteLog::trim(Sequence upto) {
  upto = std::min(upto, last_);
  if (upto < first_) return;
  for (Sequence s = std::max(first_, durable_ + 1); pending_removed_count_ > 0 && s <= upto; ++s) {
    if (pending_removed(s)) --pending_removed_count_;
  }
  first_ = upto + 1;
  row_dirty_ = true;
  directory_.trim(upto);
  owner_.changed();
}

void SqliteLog::remove(Sequence sequence) {
  if (sequence < first_ || sequence > last_) return;
  if (sequence <= durable_) {
    if (!directory_.remove(sequence)) return;
  } else {
    if (pending_removed(sequence)) return;
    pending_removed_.set(sequence - durable_ - 1);
    ++pending_removed_count_;
  }
  owner_.changed();
}

std::uint64_t SqliteLog::pending_live() const {
  const Sequence below = std::max(durable_, first_ - 1);
  return last_ - below - pending_removed_count_;
}

Sequence SqliteLog::pending_from(Sequence from) const {
  from = std::max({from, durable_ + 1, first_});
  return std::min<Sequence>(durable_ + 1 + pending_removed_.first_clear(from - durable_ - 1),
                            last_ + 1);
}

Sequence SqliteLog::next(Sequence after) const {
  const Sequence stored = directory_.next_live(after);
  return stored != 0 ? stored : pending_from(after + 1);
}

LogState SqliteLog::state() const {
  LogState state;
  const std::uint64_t pending = pending_live();
  const Sequence stored = directory_.first_live();
  state.first = stored != 0 ? stored : pending_from(0);
  state.last = last_;
  state.durable = durable_;
  state.messages = directory_.messages() + pending;
  state.bytes = directory_.bytes();
  if (pending > 0) state.bytes += pending_bytes_ * pending / (last_ - durable_);
  if (stored != 0) {
    state.oldest = WallTime(Duration(directory_.first_live_time()));
  } else if (pending > 0) {
    state.oldest = WallTime(Duration(pending_time_));
  }
  return state;
}

void SqliteLog::drop() {
  trim(last_);
  row_.dropped = row_dirty_ = true;
  owner_.changed();
}

void SqliteLog::revive() {
  if (!std::exchange(row_.dropped, false)) return;
  row_dirty_ = true;
  owner_.changed();
}

LogWrite SqliteLog::row() const {
  LogWrite row = row_;
  row.first = first_;
  row.last = last_;
  return row;
}

void SqliteLog::collect(CommitPlan& plan, SegmentId& next_id, std::size_t compactions_max) {
  if (open_.head.count > 0) sealed_.push_back(std::exchange(open_, {}));
  for (Segment& segment : sealed_) {
    SegmentWrite write{next_id++, row_.id, std::move(segment), {}};
    if (settle_removals(write, plan)) {
      row_dirty_ = true;
    } else {
      plan.inserts.push_back(std::move(write));
    }
  }
  sealed_.clear();
  for (RemovalWrite& removal : directory_.take_removals())
    plan.removals.push_back(std::move(removal));
  for (Compaction& compaction : directory_.plan_compactions(compactions_max, row_.id)) {
    compaction.id = next_id++;
    plan.compactions.push_back(std::move(compaction));
  }
  const std::vector<SegmentId> drops = directory_.take_drops();
  plan.drops.insert(plan.drops.end(), drops.begin(), drops.end());
  // The newest segment may be among those: the row then remembers the last sequence.
  if (std::exchange(row_dirty_, false) || !drops.empty()) plan.logs.push_back(row());
}

bool SqliteLog::settle_removals(SegmentWrite& write, CommitPlan& plan) const {
  const SegmentHead& head = write.segment.head;
  if (head.last < first_) return true;
  if (pending_removed_count_ == 0) return false;
  std::uint32_t gone = 0, trimmed = 0;
  for (std::uint32_t i = 0; i < head.count; ++i) {
    if (head.first + i < first_) {
      ++trimmed;
    } else if (pending_removed(head.first + i)) {
      write.removed.set(i);
      ++gone;
    }
  }
  if (gone + trimmed == head.count) return true;
  if (gone > 0) plan.removals.push_back({write.id, write.removed.encode()});
  return false;
}

void SqliteLog::committed(const SegmentWrite& write) {
  const SegmentHead& head = write.segment.head;
  SegmentInfo info = make_info(write.id, head, {});
  for (std::uint32_t i = 0; i < info.count; ++i) info.removed += write.removed.get(i) ? 1 : 0;
  if (info.removed > 0) info.make_details().removed = write.removed;
  directory_.add(std::move(info));
}

void SqliteLog::durable_upto(Sequence upto) {
  if (upto <= durable_) return;
  const Sequence before = durable_;
  const Bits removed = std::exchange(pending_removed_, {});
  durable_ = upto;
  const bool any = std::exchange(pending_removed_count_, 0) > 0;  // Not when much comes at once.
  directory_.trim(first_ - 1);
  for (Sequence s = before + 1; any && s <= last_; ++s) {
    if (s < first_ || !removed.get(s - before - 1)) continue;
    if (s <= upto) {
      (void)directory_.remove(s);
    } else {
      pending_removed_.set(s - durable_ - 1);
      ++pending_removed_count_;
    }
  }
  pending_bytes_ = open_.head.bytes;
  for (const Segment& segment : sealed_) pending_bytes_ += segment.head.bytes;
  settle();
}

// A compaction or a commit may have left segments that are to be dropped.
void SqliteLog::settle() {
  directory_.trim(first_ - 1);
  if (directory_.has_work()) owner_.changed();
}

std::vector<Sequence> SqliteLog::lose(SegmentId id) {
  std::vector<Sequence> lost = directory_.lose(id);
  if (!lost.empty()) owner_.changed();
  return lost;
}

}  // namespace petiole
