// keep: last. Of each subject the newest message waits; and what may be sent while others are being
// given up.
#include <utility>

#include "agent/mirror/backlog.h"

namespace petiole {

namespace {

constexpr std::size_t kClaimMessages = 256;  // A commit's wait is for so many.

}  // namespace

std::optional<Backlog::Latest> Backlog::latest_of(std::string_view subject) const {
  const auto at = latest_.find(std::string(subject));
  return at == latest_.end() ? std::nullopt : std::optional(at->second);
}

void Backlog::note_latest(std::string_view subject, const Latest& latest) {
  if (!rule_.keep_last || latest_.size() >= setup_.limits.last_subjects_max) return;
  latest_[std::string(subject)] = latest;
}

void Backlog::forget_latest(const Entry& entry) {
  if (latest_.empty()) return;
  const auto at = latest_.find(std::string(entry.subject()));
  if (at == latest_.end()) return;
  const bool same =
      entry.sequence != 0 ? at->second.sequence == entry.sequence : at->second.order == entry.order;
  if (same) latest_.erase(at);
}

Entry* Backlog::in_memory(const Latest& latest) {
  if (latest.sequence == 0) return find(latest.order);
  for (EntryRing* ring : {&window_, &tail_}) {
    const std::size_t index = ring->lower_bound(latest.sequence);
    if (index < ring->size() && (*ring)[index].sequence == latest.sequence) return &(*ring)[index];
  }
  return nullptr;
}

// An older message of the subject that was not sent yet gives way to the one that comes.
void Backlog::supersede(const Latest& latest) {
  if (Entry* entry = in_memory(latest)) {
    const bool unsent = entry->state == Entry::State::kQueued && !entry->maybe && !entry->claimed;
    if (!unsent) return;
    const bool keep = entry->own_id && keep_superseded(entry->sequence, entry->text.size());
    if (!keep) return mark_lost(*entry, &LossCounts::superseded);
    note_removal(*entry);
    entry->state = Entry::State::kGone;
    entry->kept = true;
    return;
  }
  if (latest.sequence <= loaded_upto_ && latest.sequence > state_.settled) return;
  if (latest.sequence <= state_.cursor) return;
  const bool unloaded = latest.sequence > state_.settled;
  if (unloaded && latest.own_id && keep_superseded(latest.sequence, latest.bytes)) {
    superseded_unloaded_.insert(latest.sequence);
    ++removals_;
    return;
  }
  if (!remove_record(latest.sequence)) return;
  ++removals_;
  if (!unloaded) forget_parked(1);
  count_loss(&LossCounts::superseded);
}

// Sent again behind the newer one of its subject, which may be there already, it would come as the
// newest.
void Backlog::drop_if_superseded(Entry& entry) {
  if (latest_.empty()) return;
  const auto newest = latest_of(entry.subject());
  if (!newest) return;
  const bool same =
      newest->sequence != 0 ? newest->sequence == entry.sequence : newest->order == entry.order;
  if (same) return;
  if (std::exchange(entry.maybe, false)) --maybe_;
  supersede({entry.sequence, entry.order});
}

// While messages are passed over records are removed one by one, and a superseded one could be left
// behind alone.
bool Backlog::keep_superseded(Sequence sequence, std::uint64_t bytes) {
  while (!superseded_.empty() && superseded_.front().sequence <= state_.cursor) {
    superseded_.pop_front();
  }
  const bool bounded = superseded_.size() < setup_.limits.dedupe_ids_max;
  if (sequence == 0 || !bounded || !parked_subjects_.empty() || parked_ > 0) return false;
  if (dedupe_.window() <= Duration::zero()) return false;
  superseded_.push_back({sequence, bytes});
  ++kept_messages_;
  kept_bytes_ += bytes;
  return true;
}

void Backlog::drop_superseded(const Retained& record) {
  if (record.sequence <= state_.cursor) return;  // Among the retained now.
  Entry* entry = in_memory({record.sequence, 0});
  if (entry != nullptr) entry->kept = false;
  superseded_unloaded_.erase(record.sequence);
  --kept_messages_;
  kept_bytes_ -= record.bytes;
  remove_record(record.sequence);
  count_loss(&LossCounts::superseded);
}

// Those that no publisher will repeat any more, or all.
void Backlog::trim_superseded(bool all) {
  const Sequence upto = all ? UINT64_MAX : ids_behind();
  while (!superseded_.empty() && superseded_.front().sequence <= upto) {
    const Retained oldest = superseded_.front();
    superseded_.pop_front();
    drop_superseded(oldest);
  }
}

bool Backlog::is_superseded(Sequence sequence) {
  if (kept_messages_ == 0) return false;
  if (superseded_unloaded_.contains(sequence)) return true;
  const std::size_t at = tail_.lower_bound(sequence);
  return at < tail_.size() && tail_[at].sequence == sequence && tail_[at].kept;
}

// Those about to go wait for it too, if they are behind it.
void Backlog::note_removal(const Entry& entry) {
  if (entry.sequence == 0) return;
  ++removals_;
  if (claimed_ == 0 || find(entry.order) != &entry) return;
  for (std::size_t i = entry.order + 1 - first_order(); i < window_.size(); ++i) {
    if (window_[i].claimed)
      window_[i].behind = removals_;
    else if (window_[i].state == Entry::State::kQueued)
      return;
  }
}

bool Backlog::removals_are_durable(Entry& entry) {
  if (removals_ == durable_removals_) return true;
  if (!entry.claimed) claim(entry.order);
  if (entry.behind <= durable_removals_) return true;
  if (removals_asked_) return false;
  removals_asked_ = true;
  setup_.store.when_durable(
      [this, alive = std::weak_ptr<int>(alive_), number = removals_](Status status) {
        if (alive.expired()) return;
        removals_asked_ = false;
        if (!status.ok()) return;  // The next look, by the clock, asks again.
        durable_removals_ = number;
        changed_();
      });
  return false;
}

// The next ones are given up no more: else, over the limit, there would always be a fresh removal
// before the first.
void Backlog::claim(std::uint64_t order) {
  std::size_t count = 0;
  for (std::size_t i = order - first_order(); i < window_.size() && count < kClaimMessages; ++i) {
    Entry& entry = window_[i];
    if (entry.state != Entry::State::kQueued || entry.claimed) continue;
    entry.claimed = true;
    entry.behind = removals_;
    ++claimed_;
    ++count;
  }
}

void Backlog::unclaim() {
  for (std::size_t i = 0; i < window_.size() && claimed_ > 0; ++i) {
    if (std::exchange(window_[i].claimed, false)) --claimed_;
  }
  if (rule_.discard == Discard::kOld) keep_limits();
}

}  // namespace petiole
