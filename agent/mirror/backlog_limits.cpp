// What a rule may keep: by count, by bytes, by age.
#include <algorithm>

#include "agent/mirror/backlog.h"

namespace petiole {

namespace {

constexpr Duration kJumpMin = std::chrono::seconds(1);  // Less is a clock that is being corrected.
constexpr std::size_t kJumpsMax = 16;
// The first day of 2025. A stamp from before is of a clock that was not set.
constexpr WallTime kDatedSince{std::chrono::hours(24) * 20089};

}  // namespace

// What may be at the hub already, or is about to go, is not counted: its fate is not ours to
// decide. Nor is what is held: it is counted one by one as it is taken.
bool Backlog::at_limit(std::uint64_t more_messages, std::uint64_t more_bytes) const {
  if (rule_.max_messages == 0 && rule_.max_bytes == 0) return false;
  const std::uint64_t exempt = pinned_ + suspects_.count() + unloaded_.messages + held_.size();
  const std::uint64_t exempt_bytes =
      pinned_bytes_ + suspects_.bytes() + unloaded_.bytes + held_.bytes();
  const std::uint64_t count = messages() - std::min(messages(), exempt);
  const std::uint64_t all = bytes();
  const std::uint64_t size = all - std::min(all, exempt_bytes);
  return (rule_.max_messages != 0 && count + more_messages > rule_.max_messages) ||
         (rule_.max_bytes != 0 && size + more_bytes > rule_.max_bytes);
}

// One that takes the place of another needs the room of what it is larger by; as nats-server has it
// for max_msgs_per_subject.
bool Backlog::refuses(std::size_t bytes, const std::optional<Latest>& older) {
  if (rule_.discard != Discard::kNew) return false;
  const auto freed = older ? gives_way(*older) : std::nullopt;
  if (!freed) return at_limit(1, bytes);
  return bytes > *freed && at_limit(0, bytes - *freed);
}

// A limit that was lowered is kept by and by: one turn must not give up a million. discard: new
// keeps what it has.
void Backlog::keep_limits() {
  if (rule_.discard == Discard::kNew) return;
  int left = setup_.limits.evicted_per_turn_max;
  while (left-- > 0 && at_limit(0, 0) && evict_oldest(&LossCounts::limit)) {
  }
}

bool Backlog::evict_oldest(std::uint64_t LossCounts::*cause) {
  return opened_ && ((!behind_disk_ && evict_put_by(cause)) || evict_parked(cause) ||
                     evict_queued(cause) || evict_unloaded(cause) || evict_put_by(cause));
}

bool Backlog::remove_record(Sequence sequence) {
  const std::uint64_t before = log_.state().messages;
  keep_marks(sequence);
  log_.remove(sequence);
  if (reading_) removed_.push_back(sequence);
  return log_.state().messages < before;
}

// What it had superseded goes with it.
bool Backlog::give_up_record(Sequence sequence) {
  if (is_superseded(sequence) || !remove_record(sequence)) return false;
  ++evicted_unseen_;
  drop_older(sequence);
  return true;
}

// Those between the cursor and the window were passed over: the oldest of all.
bool Backlog::evict_parked(std::uint64_t LossCounts::*cause) {
  if (parked_ == 0) return false;
  evict_parked_ = std::max(evict_parked_, state_.cursor + 1);
  while ((evict_parked_ = log_.next(evict_parked_ - 1)) <= state_.settled) {
    if (!give_up_record(evict_parked_++)) continue;
    ++removals_;  // One of its subject may go as soon as none of it waits.
    forget_parked(1);
    count_loss(cause);
    return true;
  }
  forget_parked(parked_);
  return false;
}

bool Backlog::evict_queued(std::uint64_t LossCounts::*cause) {
  if (next_unsent() == nullptr) return false;
  evict_order_ = std::max(evict_order_, send_order_);
  for (; evict_order_ < next_order_; ++evict_order_) {
    Entry& entry = window_[evict_order_ - first_order()];
    if (entry.state != Entry::State::kQueued || entry.maybe || entry.claimed) continue;
    mark_lost(entry, cause);
    pop_settled();
    return true;
  }
  return false;
}

bool Backlog::evict_unloaded(std::uint64_t LossCounts::*cause) {
  const Sequence last = log_.last();
  Sequence from = loaded_upto_ + 1;
  if (unresolved()) from = std::max(from, last_sent_ + 1);
  from = std::max(from, maybe_upto_ + 1);
  evict_next_ = std::max(evict_next_, from);
  while ((evict_next_ = log_.next(evict_next_ - 1)) <= last) {
    const Sequence sequence = evict_next_++;
    if (has_arrived(sequence) || !give_up_record(sequence)) continue;
    ++removals_;
    const std::size_t at = tail_.lower_bound(sequence);
    if (at < tail_.size() && tail_[at].sequence == sequence) {
      tail_[at].state = Entry::State::kGone;
    }
    count_loss(cause);
    return true;
  }
  return false;
}

// Forward, older runs' records move too, for their clock may have been as wrong; but none from a
// time that was still to come. Back, only this run's: the others would seem older than they are.
bool Backlog::ClockJump::moves(Sequence sequence, WallTime stamp, Sequence before_run) const {
  const bool ours = sequence == 0 || sequence > before_run;
  return sequence <= upto && (ours || (by > Duration::zero() && stamp <= from));
}

void Backlog::follow_clock() {
  if (rule_.max_age <= Duration::zero()) return;
  const WallTime wall = setup_.clock.wall();
  const Duration passed = setup_.clock.now().time_since_epoch() + setup_.clock.slept();
  const Duration offset = wall.time_since_epoch() - passed;
  const Duration by = clock_offset_ ? offset - *clock_offset_ : Duration::zero();
  clock_offset_ = offset;
  if (dated_) *dated_ += by;
  if (!dated_ && wall >= kDatedSince) dated_ = wall;
  if (std::chrono::abs(by) < kJumpMin) return;
  const ClockJump jump{appended_, wall - by, by};
  for (EntryRing* ring : {&held_, &window_, &tail_, &put_by_}) {
    for (std::size_t i = 0; i < ring->size(); ++i) {
      Entry& entry = (*ring)[i];
      if (jump.moves(entry.sequence, entry.time, before_run_)) entry.time += by;
    }
  }
  std::erase_if(jumps_, [this](const ClockJump& each) { return each.upto <= state_.cursor; });
  if (jumps_.size() == kJumpsMax) jumps_.erase(jumps_.begin());
  jumps_.push_back(jump);
  if (by > Duration::zero()) keep_jumps();
}

// For the next run, whose clock is right, or as wrong. Those back are not kept: if they were the
// wrong ones, all would seem older than it is.
void Backlog::keep_jumps() {
  std::string text;
  for (const ClockJump& jump : jumps_) {
    if (jump.by <= Duration::zero()) continue;
    const Duration from = std::max(jump.from.time_since_epoch(), Duration::zero());
    for (const std::uint64_t number :
         {jump.upto, static_cast<Sequence>(from.count()), static_cast<Sequence>(jump.by.count())}) {
      append_number(text, number);
      text += ' ';
    }
  }
  setup_.store.set_state(jumps_key_, text);
}

void Backlog::load_jumps() {
  const std::string text = setup_.store.state(jumps_key_).value_or("");
  for (std::string_view rest = text; !rest.empty() && jumps_.size() < kJumpsMax;) {
    const auto upto = parse_number(take_word(rest, ' '));
    const auto from = parse_number(take_word(rest, ' '));
    const auto by = parse_number(take_word(rest, ' '));
    if (!upto || !from || !by) return;
    jumps_.push_back({*upto, WallTime(Duration(*from)), Duration(*by)});
  }
}

// A record's, as the clock on the wall would have it by now.
WallTime Backlog::stamp_of(const RecordView& record) {
  WallTime stamp = record.time;
  for (const ClockJump& jump : jumps_) {
    if (jump.moves(record.sequence, stamp, before_run_)) stamp += jump.by;
  }
  return stamp < kDatedSince && dated_ ? *dated_ : stamp;
}

bool Backlog::expired(const Entry& entry) const {
  return rule_.max_age > Duration::zero() && entry.time + rule_.max_age < setup_.clock.wall();
}

void Backlog::expire() {
  follow_clock();
  if (!opened_ || rule_.max_age <= Duration::zero()) return;
  if (!unresolved()) from_tail();
  while (!put_by_.empty() && expired(put_by_.front())) (void)evict_put_by(&LossCounts::age);
  for (Entry* entry = next_unsent(); entry != nullptr && expired(*entry); entry = next_unsent()) {
    if (entry->maybe || entry->claimed) break;  // Its fate comes first.
    mark_lost(*entry, &LossCounts::age);
  }
  pop_settled();
}

bool Backlog::can_rest() const {
  const auto rests = [](const EntryRing& ring) { return ring.empty() && ring.has_memory(); };
  return messages() == 0 && (rests(window_) || rests(tail_) || rests(put_by_));
}

void Backlog::rest() {
  for (EntryRing* ring : {&window_, &tail_, &put_by_}) {
    if (ring->empty()) ring->clear();
  }
}

}  // namespace petiole
