// What waits in memory until somebody wants it, once the disk has failed: no record keeps it, so it
// cannot be passed over as others are.
#include <string>
#include <unordered_set>
#include <utility>

#include "agent/mirror/backlog.h"

namespace petiole {

// Its place in the window goes, or all that is confirmed behind it would stay there.
void Backlog::put_by(Entry& entry) {
  const std::size_t size = entry.text.size();
  std::string header;
  note_sent_as(entry);
  if (entry.sent != Time{}) keep_id(entry.order - first_order(), header);
  memory_bytes_ += entry.text.size() - size;
  leave_flight(entry);
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
  std::unordered_set<std::string, TokenHash, std::equal_to<>> subjects(0, TokenHash{setup_.key.a});
  for (std::size_t i = 0; i < put_by_.size(); ++i) {
    const std::string_view subject = put_by_[i].subject();
    if (!subjects.contains(subject) && wants(subject)) subjects.emplace(subject);
  }
  if (subjects.empty()) return;
  for (std::uint64_t order = first_order(); order < next_order_; ++order) {
    Entry* entry = find(order);
    const bool waits = entry != nullptr && entry->state == Entry::State::kQueued;
    if (waits && entry->sequence == 0 && subjects.contains(entry->subject())) put_by(*entry);
  }
  for (std::size_t left = put_by_.size(); left > 0; --left) {
    const bool goes = subjects.contains(put_by_.front().subject());
    Entry& entry = goes ? window_.push_from(put_by_) : put_by_.push_from(put_by_);
    if (goes) entry.order = next_order_++;
  }
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
