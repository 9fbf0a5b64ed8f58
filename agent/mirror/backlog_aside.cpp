// What waits in memory until somebody wants it, once the disk has failed: no record keeps it, so it
// cannot be passed over as others are.
#include <string>
#include <unordered_set>
#include <utility>

#include "agent/mirror/backlog.h"

namespace petiole {

namespace {

constexpr int kReadTries = 20;  // More than a segment needs to count as damaged: see Log::read.

}  // namespace

std::size_t Backlog::unwritten() const {
  std::size_t count = 0;
  for (std::size_t i = tail_.lower_bound(durable_ + 1); failed_ && i < tail_.size(); ++i) {
    if (tail_[i].state == Entry::State::kQueued) ++count;
  }
  for (std::size_t i = window_.lower_bound(durable_ + 1); failed_ && i < window_.size(); ++i) {
    const Entry& entry = window_[i];
    const bool open = entry.state == Entry::State::kQueued || entry.state == Entry::State::kSent;
    if (open && entry.sequence != 0) ++count;
  }
  return count;
}

// Its place in the window goes, or all that is confirmed behind it would stay there.
void Backlog::put_by(Entry& entry) {
  const std::size_t size = entry.text.size();
  std::string header;
  note_sent_as(entry);
  // A restart may find the record after all: it is to be known then.
  if (entry.sent != Time{} || entry.sequence != 0) {
    keep_id(entry.order - first_order(), header, ids_of(entry), number_of(entry));
  }
  memory_bytes_ += entry.text.size() - size;
  leave_flight(entry);
  if (entry.sequence != 0) {
    ++memory_messages_;
    memory_bytes_ += size;
    (void)remove_record(entry.sequence);
  }
  Entry& by = put_by_.push(entry.subject(), entry.header(), entry.payload());
  by.time = entry.time;
  by.sent = entry.sent;
  by.own_id = entry.own_id;
  by.made = entry.made;
  by.doubted = entry.doubted;
  by.late = true;
  by.mark = entry.mark;
  by.sent_as = entry.sent_as;
  by.reply = std::move(entry.reply);
  entry.state = Entry::State::kGone;
  entry.forgotten = true;
  pop_settled();
}

void Backlog::take_up(const std::function<bool(std::string_view)>& wants) {
  if (behind_disk_) return;
  std::unordered_set<std::string, TokenHash, std::equal_to<>> subjects(0, TokenHash{setup_.key.a});
  for (std::size_t i = 0; i < put_by_.size(); ++i) {
    const std::string_view subject = put_by_[i].subject();
    if (!subjects.contains(subject) && wants(subject)) subjects.emplace(subject);
  }
  if (subjects.empty()) return;
  for (std::uint64_t order = first_order(); order < next_order_; ++order) {
    Entry* entry = find(order);
    const bool waits = entry != nullptr && entry->state == Entry::State::kQueued;
    if (waits && off_disk(*entry) && subjects.contains(entry->subject())) put_by(*entry);
  }
  for (std::size_t left = put_by_.size(); left > 0; --left) {
    const bool goes = subjects.contains(put_by_.front().subject());
    Entry& entry = goes ? window_.push_from(put_by_) : put_by_.push_from(put_by_);
    if (goes) entry.order = next_order_++;
  }
}

// Those that a failed disk has are read again: what it does not have leaves the window meanwhile.
void Backlog::wait_for_disk() {
  for (std::uint64_t order = first_order(); order < next_order_; ++order) {
    Entry* entry = find(order);
    if (entry == nullptr || entry->state != Entry::State::kQueued) continue;
    if (off_disk(*entry)) put_by(*entry);
  }
  behind_disk_ = true;
  refused_reads_ = 0;
}

// All that the disk has is in the window, or it gives nothing, or too much waits for it: then what
// memory has goes ahead of the rest.
void Backlog::follow_disk() {
  const MirrorLimits& limits = setup_.limits;
  const bool much = memory_messages_ > limits.outage_messages_max / 2 ||
                    memory_bytes_ > limits.outage_bytes_max / 2;
  if (loaded_upto_ < durable_ && refused_reads_ < kReadTries && !much) return;
  behind_disk_ = false;
  while (!put_by_.empty()) window_.push_from(put_by_).order = next_order_++;
}

// Of a commit that failed memory has the newest; what is behind the last one on disk, and has left
// memory, is gone.
void Backlog::skip_lost() {
  if (tail_.empty() || loaded_upto_ < durable_ || tail_.front().after <= loaded_upto_) return;
  std::uint64_t lost = 0;
  const Sequence end = tail_.front().sequence;
  for (Sequence at = log_.next(loaded_upto_); at < end; at = log_.next(at)) {
    if (remove_record(at)) ++lost;
  }
  loaded_upto_ = tail_.front().after;
  if (lost != 0) count_loss(&LossCounts::corrupt, lost);
}

bool Backlog::evict_put_by(std::uint64_t LossCounts::*cause) {
  if (put_by_.empty()) return false;
  --memory_messages_;
  memory_bytes_ -= put_by_.front().text.size();
  put_by_.pop_front();
  count_loss(cause);
  return true;
}

}  // namespace petiole
