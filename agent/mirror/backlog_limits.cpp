// What a rule may keep: by count, by bytes, by age, and of each subject the last.
#include <algorithm>

#include "agent/mirror/backlog.h"

namespace petiole {

// What may be at the hub already is not counted: its fate is not ours to decide.
bool Backlog::at_limit(std::uint64_t more_messages, std::uint64_t more_bytes) const {
  const std::uint64_t pinned = in_flight_ + maybe_ + suspects_.count();
  const std::uint64_t count = messages() - std::min(messages(), pinned);
  const std::uint64_t size = bytes() - std::min<std::uint64_t>(bytes(), in_flight_bytes_);
  return (rule_.max_messages != 0 && count + more_messages > rule_.max_messages) ||
         (rule_.max_bytes != 0 && size + more_bytes > rule_.max_bytes);
}

bool Backlog::evict_oldest(std::uint64_t LossCounts::*cause) {
  return opened_ && (evict_parked(cause) || evict_queued(cause) || evict_unloaded(cause));
}

bool Backlog::remove_record(Sequence sequence) {
  const std::uint64_t before = log_.state().messages;
  log_.remove(sequence);
  if (reading_) removed_.push_back(sequence);
  return log_.state().messages < before;
}

// Those between the cursor and the window were passed over: the oldest of all.
bool Backlog::evict_parked(std::uint64_t LossCounts::*cause) {
  if (parked_ == 0) return false;
  evict_next_ = std::max(evict_next_, state_.cursor + 1);
  while (evict_next_ <= state_.settled) {
    if (!remove_record(evict_next_++)) continue;
    --parked_;
    count_loss(cause);
    return true;
  }
  parked_ = 0;
  return false;
}

bool Backlog::evict_queued(std::uint64_t LossCounts::*cause) {
  if (next_unsent() == nullptr) return false;
  for (std::size_t i = send_order_ - first_order(); i < window_.size(); ++i) {
    if (window_[i].state != Entry::State::kQueued || window_[i].maybe) continue;
    mark_lost(window_[i], cause);
    pop_settled();
    return true;
  }
  return false;
}

bool Backlog::evict_unloaded(std::uint64_t LossCounts::*cause) {
  if (parked_ != 0 && evict_next_ <= state_.settled) return false;
  const Sequence last = log_.state().last;
  Sequence from = loaded_upto_ + 1;
  if (!suspects_.empty()) from = std::max(from, last_sent_ + 1);
  from = std::max(from, maybe_upto_ + 1);
  const bool first =
      window_.empty() && retained_.empty() && parked_ == 0 && from <= loaded_upto_ + 1;
  // A crash leaves a wide gap in the sequences.
  if (first) from = std::max(from, log_.state().first);
  evict_next_ = std::max(evict_next_, from);
  while (evict_next_ <= last) {
    const Sequence sequence = evict_next_++;
    if (!remove_record(sequence)) continue;
    const std::size_t at = tail_.lower_bound(sequence);
    if (at < tail_.size() && tail_[at].sequence == sequence) {
      tail_[at].state = Entry::State::kGone;
    }
    count_loss(cause);
    return true;
  }
  return false;
}

bool Backlog::expired(const Entry& entry) const {
  return rule_.max_age > Duration::zero() && entry.time + rule_.max_age < setup_.clock.wall();
}

void Backlog::expire() {
  if (!opened_ || rule_.max_age <= Duration::zero()) return;
  if (suspects_.empty()) from_tail();
  for (Entry* entry = next_unsent(); entry != nullptr && expired(*entry); entry = next_unsent()) {
    if (entry->maybe) break;  // Its fate comes first.
    mark_lost(*entry, &LossCounts::age);
  }
  pop_settled();
}

std::optional<Backlog::Latest> Backlog::latest_of(std::string_view subject) const {
  const auto at = latest_.find(std::string(subject));
  return at == latest_.end() ? std::nullopt : std::optional(at->second);
}

// An older message of the subject that was not sent yet gives way to the one that comes.
void Backlog::supersede(const Latest& latest) {
  Entry* entry = latest.sequence == 0 ? find(latest.order) : nullptr;
  if (latest.sequence != 0) {
    for (EntryRing* ring : {&window_, &tail_}) {
      const std::size_t index = ring->lower_bound(latest.sequence);
      if (index < ring->size() && (*ring)[index].sequence == latest.sequence)
        entry = &(*ring)[index];
    }
  }
  if (entry != nullptr) {
    const bool unsent = entry->state == Entry::State::kQueued && !entry->maybe;
    if (unsent) mark_lost(*entry, &LossCounts::superseded);
    return;
  }
  if (latest.sequence <= loaded_upto_ && latest.sequence > state_.settled) return;
  if (latest.sequence <= state_.cursor || !remove_record(latest.sequence)) return;
  if (latest.sequence <= state_.settled && parked_ > 0) --parked_;
  count_loss(&LossCounts::superseded);
}

void Backlog::forget_latest(const Entry& entry) {
  if (latest_.empty()) return;
  const auto at = latest_.find(std::string(entry.subject()));
  if (at == latest_.end()) return;
  const bool same =
      entry.sequence != 0 ? at->second.sequence == entry.sequence : at->second.order == entry.order;
  if (same) latest_.erase(at);
}

}  // namespace petiole
