// keep: last. Of each subject the newest message waits; and what may be sent while others are being
// given up.
#include <utility>

#include "agent/mirror/backlog.h"

namespace petiole {

namespace {

constexpr std::size_t kClaimMessages = 256;  // A commit's wait is for so many.

}  // namespace

std::optional<Backlog::Latest> Backlog::latest_of(std::string_view subject) const {
  const auto at = latest_.find(subject);
  return at == latest_.end() ? std::nullopt : std::optional(at->second);
}

void Backlog::note_latest(std::string_view subject, const Latest& latest) {
  if (!rule_.keep_last && opened_) return;
  const auto at = latest_.find(subject);
  if (at == latest_.end() && latest_.size() >= setup_.limits.last_subjects_max) sweep_latest();
  if (at != latest_.end()) {
    at->second = latest;
  } else if (latest_.size() < setup_.limits.last_subjects_max) {
    latest_.emplace(subject, latest);
  }
}

// Of a record that a limit took, which was not in memory, nobody knew the subject. Looked for only
// once it is worth it.
void Backlog::sweep_latest() {
  if (8 * evicted_unseen_ < setup_.limits.last_subjects_max) return;
  evicted_unseen_ = 0;
  std::erase_if(latest_, [this](const auto& at) {
    const Sequence sequence = at.second.sequence;
    return sequence != 0 && log_.next(sequence - 1) != sequence;
  });
}

void Backlog::forget_latest(const Entry& entry) {
  if (latest_.empty()) return;
  const auto at = latest_.find(entry.subject());
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

// An older message of the subject that was not sent yet gives way to the one that comes. Its bytes;
// none: it stays, or is gone.
std::optional<std::uint64_t> Backlog::gives_way(const Latest& older) {
  if (const Entry* entry = in_memory(older)) {
    const bool unsent = entry->state == Entry::State::kQueued && !entry->maybe && !entry->claimed;
    return unsent ? std::optional<std::uint64_t>(entry->bytes()) : std::nullopt;
  }
  if (older.sequence <= state_.cursor) return std::nullopt;
  const bool unloaded = older.sequence > state_.settled;
  if (unloaded && older.sequence <= loaded_upto_) return std::nullopt;
  if (log_.next(older.sequence - 1) != older.sequence) return std::nullopt;  // A limit took it.
  return older.bytes;
}

// `newer`: the record of the one that comes; 0: it has none.
void Backlog::supersede(const Latest& older, Sequence newer) {
  if (!gives_way(older)) return;
  if (Entry* entry = in_memory(older)) {
    if (!keep_superseded({entry->sequence, 0, entry->own_id, entry->bytes()}, newer)) {
      return mark_lost(*entry, &LossCounts::superseded);
    }
    note_removal(*entry);
    entry->state = Entry::State::kGone;
    return;
  }
  const bool unloaded = older.sequence > state_.settled;
  if (keep_superseded(older, newer)) {
    ++removals_;
    if (!unloaded) forget_parked(1);
    return;
  }
  if (!remove_record(older.sequence)) return;
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
  unpin(entry);
  if (std::exchange(entry.maybe, false)) --maybe_;
  supersede({entry.sequence, entry.order}, newest->sequence);
}

// Whether its record stays. What it had superseded itself is the newer one's to drop from now on.
bool Backlog::keep_superseded(const Latest& older, Sequence newer) {
  Sequence before = 0;
  if (const auto at = replaced_.find(older.sequence); at != replaced_.end()) {
    before = at->second;
    replaced_.erase(at);
  }
  const Sequence forgotten = ids_behind();
  trim_superseded(forgotten);
  const bool keep = older.own_id && older.sequence > forgotten && newer != 0 &&
                    superseded_.size() < setup_.limits.dedupe_ids_max;
  if (keep) {
    superseded_[older.sequence] = {older.bytes, before};
    superseded_bytes_ += older.bytes;
  }
  const Sequence oldest = keep ? older.sequence : before;
  if (oldest != 0 && newer != 0) replaced_[newer] = oldest;
  return keep;
}

void Backlog::drop_superseded(Sequence sequence) {
  const auto at = superseded_.find(sequence);
  superseded_bytes_ -= at->second.bytes;
  superseded_.erase(at);
  remove_record(sequence);
  count_loss(&LossCounts::superseded);
}

// When the record that took their place goes alone: in the same commit.
void Backlog::drop_older(Sequence newest) {
  const auto at = replaced_.find(newest);
  if (at == replaced_.end()) return;
  Sequence next = at->second;
  replaced_.erase(at);
  for (auto older = superseded_.find(next); older != superseded_.end();
       older = superseded_.find(next)) {
    next = older->second.older;
    drop_superseded(older->first);
  }
}

// Those that no publisher will repeat any more.
void Backlog::trim_superseded(Sequence upto) {
  while (!superseded_.empty() && superseded_.begin()->first <= upto) {
    drop_superseded(superseded_.begin()->first);
  }
}

// The cursor has passed them: the log forgets them with what is around them.
void Backlog::retain_superseded(Sequence upto) {
  while (!superseded_.empty() && superseded_.begin()->first <= upto) {
    const auto [sequence, record] = *superseded_.begin();
    superseded_.erase(superseded_.begin());
    superseded_bytes_ -= record.bytes;
    retained_.push_back({sequence, record.bytes});
    retained_bytes_ += record.bytes;
    ++state_.losses.superseded;
  }
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
    unpin(entry);
    entry.claimed = true;
    pin(entry);
    entry.behind = removals_;
    ++claimed_;
    ++count;
  }
}

void Backlog::unclaim() {
  for (std::size_t i = 0; i < window_.size() && claimed_ > 0; ++i) {
    Entry& entry = window_[i];
    if (!entry.claimed) continue;
    unpin(entry);
    entry.claimed = false;
    pin(entry);
    --claimed_;
    evict_order_ = std::min(evict_order_, entry.order);
  }
  keep_limits();
}

}  // namespace petiole
