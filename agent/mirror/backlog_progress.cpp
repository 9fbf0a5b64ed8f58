// How a backlog gets shorter, and how that is noted on disk.
#include <algorithm>
#include <utility>

#include "agent/mirror/backlog.h"

namespace petiole {

void Backlog::note_stream(Entry& entry, std::string_view stream, std::uint64_t made,
                          std::uint64_t sequence) {
  bool fresh = false;
  entry.stream_seq = sequence;
  entry.stream = state_.floors.hear(stream, made, setup_.limits.floors_max, fresh);
  // A new process must know that there is one: Sender::stream_may_be_away.
  if (fresh) note_ledger();
}

void Backlog::bound_floors(const std::function<std::uint64_t(const StreamFloor&)>& last) {
  bool moved = false;
  for (std::size_t i = 0; i < state_.floors.list().size(); ++i) {
    moved |= state_.floors.put_back(i, last(state_.floors.list()[i]));
  }
  if (moved) note_ledger();
}

void Backlog::pop_settled() {
  while (!window_.empty()) {
    const Entry& entry = window_.front();
    if (entry.state == Entry::State::kQueued || entry.state == Entry::State::kSent) break;
    if (state_.holes || state_.order_unknown) close_holes();
    if (entry.state == Entry::State::kParked) {
      if (++parked_ == 1) evict_parked_ = entry.sequence;
      state_.settled = std::max(state_.settled, entry.sequence);
    } else {
      settle(entry);
    }
    window_.pop_front();
  }
}

// Without it a busy flow would never be whole(), and the floor stay where it was at the refusal.
void Backlog::close_holes() {
  if (first_order() > holes_order_ && state_.settled >= holes_upto_) {
    state_.holes = state_.order_unknown = false;
  }
}

void Backlog::settle(const Entry& entry) {
  const bool confirmed = entry.state == Entry::State::kConfirmed;
  forget_latest(entry);
  if (confirmed) {
    unpin(entry);
    ++state_.confirmed;
    state_.floors.raise(entry.stream, entry.stream_seq, state_.holes);
  }
  if (entry.sequence == 0) {  // The disk knows nothing of it.
    if (entry.forgotten) return;
    --memory_messages_;
    memory_bytes_ -= entry.text.size();
    --decided_;
    decided_bytes_ -= entry.text.size();
    return;
  }
  dirty_ = true;
  ++unnoted_;
  state_.settled = std::max(state_.settled, entry.sequence);
  if (parked_ > 0) {
    if (confirmed) {
      keep_marks(entry.sequence);
      log_.remove(entry.sequence);
      drop_older(entry.sequence);
      note_ledger();  // In the same commit: no start will find the record to count it.
    }
    return;
  }
  state_.cursor = entry.sequence;
  replaced_.erase(entry.sequence);
  retain_superseded(entry.sequence);
  if (!confirmed) return;
  retained_.push_back({entry.sequence, entry.bytes()});
  retained_bytes_ += entry.bytes();
}

void Backlog::drop_retained() {
  keep_ids_ = false;
  trim_retained();
  keep_ids_ = true;
}

// Records with a publisher's own id stay for as long as he may repeat them: from them the next
// start learns the ids again.
void Backlog::trim_retained() {
  trim_superseded(ids_behind());
  const bool bounded = retained_.size() <= setup_.limits.dedupe_ids_max;
  const Sequence forgotten = bounded ? ids_behind() : UINT64_MAX;
  Sequence upto = 0;
  while (!retained_.empty() && retained_.front().sequence <= forgotten) {
    const Retained& oldest = retained_.front();
    upto = oldest.sequence;
    retained_bytes_ -= oldest.bytes;
    retained_.pop_front();
  }
  if (upto == 0) return;
  keep_marks(upto);
  log_.trim(upto);
}

// What the hub has is no loss; nor is what a newer one had superseded, and stayed for its id. What
// is still in memory may go to the hub all the same.
void Backlog::lose(const std::vector<Sequence>& records) {
  std::uint64_t lost = 0;
  for (const Sequence sequence : records) {
    const std::size_t at = window_.lower_bound(sequence);
    const bool loaded = at < window_.size() && window_[at].sequence == sequence;
    if (sequence <= state_.cursor || is_superseded(sequence)) continue;
    if (loaded && window_[at].state == Entry::State::kConfirmed) continue;
    has_arrived(sequence) ? ++state_.confirmed : ++lost;
  }
  std::erase_if(retained_, [&](const Retained& each) {
    if (!std::binary_search(records.begin(), records.end(), each.sequence)) return false;
    retained_bytes_ -= each.bytes;
    return true;
  });
  add_corrupt(lost);
}

// From behind this record on the ids are needed by the next start.
Sequence Backlog::ids_behind() {
  return keep_ids_ ? dedupe_.oldest(setup_.clock.now()) : UINT64_MAX;
}

// A commit of its own costs the flash some KiB: little progress waits for company. The last of a
// rule that is gone does not: others may send so much on its subjects now that after a crash nobody
// would find its messages among theirs.
Duration Backlog::note_interval() const {
  const bool over = rule_.priority < 0 && messages() == 0;
  return unnoted_ < 64 && !over ? setup_.limits.note_alone : setup_.limits.note_interval;
}

// Nothing that is not confirmed has confirmed ones behind it.
bool Backlog::whole() const {
  if (in_flight_ != 0 || maybe_ != 0 || unresolved() || arrived_unloaded() != 0) return false;
  for (std::size_t i = 0; i < window_.size(); ++i) {
    if (window_[i].state == Entry::State::kConfirmed) return false;
  }
  return true;
}

// On disk before any goes again: a crash must make neither the later ones vouch for this one, nor
// this one the floor of those.
void Backlog::note_refusal() {
  holes_order_ = sent_order_;
  if (std::exchange(state_.holes, true)) return;
  note(true, !noted_ahead_);
  durable_sent_limit_ = 0;
}

void Backlog::note(bool force, bool idle) {
  if (!opened_ || failed_) return;
  const MirrorLimits& limits = setup_.limits;
  const Time now = setup_.clock.now();
  const bool low = noted_ahead_ && !idle && last_sent_ + limits.sent_ahead / 2 > state_.sent_limit;
  const bool due = unnoted_ >= limits.note_messages || low || (idle && noted_ahead_) ||
                   (dirty_ && now >= last_note_ + note_interval());
  if (!force && !due) return;
  idle = idle || (!force && !noted_ahead_);
  trim_retained();
  state_.holes = state_.holes && !whole();
  state_.sent_limit = idle ? last_sent_ : std::max(last_sent_, next_sent_) + limits.sent_ahead;
  noted_ahead_ = !idle;
  dirty_ = false;
  unnoted_ = 0;
  last_note_ = now;
  durable_sent_limit_ = std::min(durable_sent_limit_, state_.sent_limit);
  note_ledger();
  setup_.store.when_durable([this, alive = std::weak_ptr<int>(alive_), number = ++notes_,
                             limit = state_.sent_limit, settled = state_.settled](Status status) {
    if (alive.expired() || number != notes_) return;
    if (status.ok()) {
      durable_sent_limit_ = limit;
      if (parked_upto_ <= settled) unnoted_park_ = 0;
    } else {
      dirty_ = true;  // No room for it: once more, later.
    }
    changed_();
  });
}

void Backlog::park(Entry& entry) {
  leave_flight(entry);
  drop_if_superseded(entry);  // One came while it was about to go.
  if (entry.state != Entry::State::kQueued) return pop_settled();
  entry.state = Entry::State::kParked;
  if (unnoted_park_ == 0) unnoted_park_ = entry.sequence;
  parked_upto_ = entry.sequence;
  if (parked_subjects_.size() < setup_.limits.parked_subjects_max) {
    parked_subjects_.emplace(entry.subject());
  } else if (!parked_subjects_.contains(entry.subject())) {
    parked_many_ = true;
  }
  dirty_ = true;
  pop_settled();
}

// Those that were passed over are gone: none of their subjects waits for them.
void Backlog::forget_parked(std::uint64_t count) {
  if (parked_ == 0) return;
  parked_ -= std::min(parked_, count);
  if (parked_ != 0) return;
  for (std::size_t i = 0; i < window_.size(); ++i) {
    if (window_[i].state == Entry::State::kParked) return;
  }
  parked_subjects_.clear();
  parked_many_ = false;
}

bool Backlog::behind_parked(const Entry& entry) const {
  if (parked_subjects_.empty()) return false;
  return parked_many_ || parked_subjects_.contains(entry.subject());
}

bool Backlog::parked_wanted(const std::function<bool(std::string_view)>& wants) const {
  return parked_many_ || std::any_of(parked_subjects_.begin(), parked_subjects_.end(), wants);
}

void Backlog::rescan() {
  // Nothing is in flight: what is still there was passed over.
  state_.passed = std::max(state_.passed, last_sent_);
  if (failed_) wait_for_disk();
  for (std::size_t i = 0; i < window_.size(); ++i) {
    if (window_[i].state != Entry::State::kConfirmed) continue;
    keep_marks(window_[i].sequence);
    log_.remove(window_[i].sequence);
    drop_older(window_[i].sequence);
    ++state_.confirmed;
  }
  keep_unwritten();
  maybe_ = claimed_ = 0;
  pinned_ = pinned_bytes_ = 0;
  memory_messages_ = put_by_.size();  // The others are on disk.
  memory_bytes_ = put_by_.bytes();
  decided_ = decided_bytes_ = 0;
  start_over();
}

// Of the window what a commit has not brought to disk yet: perhaps it never will.
void Backlog::keep_unwritten() {
  EntryRing kept;
  Sequence before = durable_;
  while (!window_.empty()) {
    const Entry& front = window_.front();
    if (front.state != Entry::State::kQueued || front.sequence <= durable_) {
      window_.pop_front();
      continue;
    }
    Entry& entry = kept.push_from(window_);
    entry.maybe = entry.claimed = false;
    entry.after = std::exchange(before, entry.sequence);
  }
  window_.clear();
  if (kept.empty()) return;
  while (!tail_.empty()) kept.push_from(tail_);
  tail_ = std::move(kept);
}

// All that is in the log behind the cursor is known not to be at the hub.
void Backlog::start_over() {
  send_order_ = evict_order_ = first_order();  // What came after the disk has failed may be there.
  parked_ = 0;
  unnoted_park_ = parked_upto_ = 0;
  parked_subjects_.clear();
  parked_many_ = false;
  state_.settled = state_.cursor;
  loaded_upto_ = last_sent_ = evict_next_ = state_.cursor;
  // Were the process to end now, the next one would have to ask for these again.
  if (!arrived_.empty()) last_sent_ = std::max(last_sent_, arrived_.back());
  last_sent_ = std::max(last_sent_, maybe_upto_);
  next_sent_ = 0;
  ++read_generation_;
  reading_ = false;
  durable_sent_limit_ = 0;  // Nothing is sent before the note of this is on disk.
  note(true, false);
}

}  // namespace petiole
