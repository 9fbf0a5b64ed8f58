#include "agent/mirror/backlog.h"

#include <algorithm>
#include <utility>

#include "agent/protocol/headers.h"

namespace petiole {

namespace {

// Of a record that is kept, beside what it was captured as.
std::uint32_t more_bytes(const RecordView& record, std::string_view subject) {
  return static_cast<std::uint32_t>(record.subject.size() - subject.size() + kRecordOverheadBytes);
}

std::uint64_t disk_epoch(const Store& store, std::string_view log_name) {
  return stable_hash(log_name) ^ (std::uint64_t{store.epoch()} * 0x9e3779b97f4a7c15u);
}

}  // namespace

Backlog::Backlog(BacklogSetup setup, RuleConfig rule, std::string log_name,
                 std::function<void()> changed)
    : setup_(std::move(setup)),
      rule_(std::move(rule)),
      state_key_("mirror/" + log_name),
      marks_key_(state_key_ + "/from"),
      epochs_key_(state_key_ + "/ids"),
      jumps_key_(state_key_ + "/clock"),
      log_(setup_.store.log(log_name)),
      changed_(std::move(changed)),
      epochs_({{0, {setup_.leaf_id, disk_epoch(setup_.store, log_name)}}}),
      memory_ids_(setup_.leaf_id, setup_.memory_epoch),
      dedupe_(rule_.duplicate_window, setup_.limits.dedupe_ids_max),
      marks_(setup_.limits.origins_max),
      latest_(0, TokenHash{setup_.key.a}),
      parked_subjects_(0, TokenHash{setup_.key.a}),
      suspects_(setup_.key.a) {
  log_.on_durable([this, alive = std::weak_ptr<int>(alive_)](Sequence upto) {
    if (alive.expired()) return;
    durable_ = std::max(durable_, upto);
    changed_();
  });
}

Backlog::Taken Backlog::capture(const Message& message, bool memory, const MirrorMark& mark) {
  follow_clock();
  if (opened_ && held_.empty()) return take(message, memory, mark);
  Entry& entry = held_.push(message.subject, message.header, message.payload);
  entry.time = setup_.clock.wall();
  entry.set_reply(message.reply);
  entry.mark = mark;
  return Taken::kStored;
}

// Behind less than half a queue goes one of any size, as in the store: what others add all the time
// must not make a large one wait for ever.
bool Backlog::must_wait(const Store& store, const MirrorLimits& limits, std::size_t bytes) {
  const Errc code = store.status().code();
  if (code == Errc::kBusy) return true;
  if (code != Errc::kOk) return false;  // Nothing to wait for.
  const std::uint64_t queued = store.queued_bytes(), most = limits.queued_bytes_max;
  return queued > most / 2 && queued + bytes > most;
}

// As the queue has room: to their publishers they are not safe yet.
void Backlog::take_held() {
  EntryRing taken;
  while (opened_ && !held_.empty()) {
    if (must_wait(setup_.store, setup_.limits, held_.front().text.size())) return;
    const Entry& entry = taken.push_from(held_);
    (void)take({entry.subject(), entry.reply_subject(), entry.header(), entry.payload(), {}},
               failed_, entry.mark);
    taken.pop_front();
  }
}

bool Backlog::repeated(const Message& message, const MirrorMark& mark) {
  if (!opened_ || mark.kind == MirrorMark::Kind::kNew) return false;
  if (!marks_.knows(mark)) {
    const auto own = message_id(message.header);
    const Time now = setup_.clock.now();
    if (!own || !dedupe_.knows(keyed_hash(setup_.key, *own), now)) return false;
    marks_.pass(mark, memory_messages() == 0);
  }
  ++state_.duplicates;
  return true;
}

Backlog::Taken Backlog::take(const Message& message, bool memory, const MirrorMark& mark) {
  const auto own = message_id(message.header);
  const std::uint64_t hash = own ? keyed_hash(setup_.key, *own) : 0;
  const Time now = own ? setup_.clock.now() : Time{};
  if (marks_.knows(mark) || (own && dedupe_.knows(hash, now))) {
    ++state_.duplicates;
    marks_.pass(mark, memory_messages() == 0);
    return Taken::kDuplicate;
  }
  const auto older = rule_.keep_last ? latest_of(message.subject) : std::nullopt;
  const std::size_t size = message.subject.size() + message.header.size() + message.payload.size();
  const Sequence before = appended_;
  if (memory && fits_memory(size)) {
    if (refuses(size, older)) {
      marks_.pass(mark, memory_messages() == 0);
      return refuse();
    }
    hold_in_memory(message, mark);
  } else {
    spill();
    if (unspilled()) {  // It would go ahead of them.
      marks_.pass(mark, false);
      return refuse();
    }
    if (append(message, mark, older) == Taken::kRefused) return Taken::kRefused;
    // Progress goes with the commit that is due now.
    if (dirty_ && setup_.clock.now() >= last_note_ + setup_.limits.note_interval) {
      note(true, !noted_ahead_);
    }
  }
  ++state_.captured;
  if (older) supersede(*older, appended_ > before ? appended_ : 0);
  keep_limits();
  if (own) dedupe_.add(hash, now, before);
  if ((own || mark) && !state_.own_ids) {
    state_.own_ids = true;
    note(true, !noted_ahead_);
  }
  return Taken::kStored;
}

bool Backlog::fits_memory(std::size_t bytes) const {
  const MirrorLimits& limits = setup_.limits;
  if (memory_messages_ >= limits.outage_messages_max ||
      memory_bytes_ + bytes > limits.outage_bytes_max) {
    return false;
  }
  if (failed_) return true;
  return log_.state().messages <= retained_.size() && tail_.empty() && parked_ == 0 &&
         !unresolved();
}

void Backlog::hold_in_memory(const Message& message, const MirrorMark& mark) {
  EntryRing& ring = behind_disk_ ? put_by_ : window_;
  Entry& entry = ring.push(message.subject, message.header, message.payload);
  if (!behind_disk_) entry.order = next_order_++;
  entry.time = setup_.clock.wall();
  entry.own_id = message_id(message.header).has_value();
  entry.set_reply(message.reply);
  entry.mark = mark;
  marks_.pass(mark, false);
  ++memory_messages_;
  memory_bytes_ += entry.text.size();
  if (!behind_disk_) note_latest(message.subject, {0, entry.order});
}

Backlog::Taken Backlog::refuse() {
  ++state_.losses.refused;  // Written with the next note: nothing on disk goes with it.
  dirty_ = refusals_unnoted_ = true;
  return Taken::kRefused;
}

// A publisher gave it an id like those that we make: a mark made of that would let him have what
// others send dropped as repeats.
bool Backlog::feigns_ours(std::string_view header) const {
  const auto own = message_id(header);
  return own && made_id(setup_.leaf_id, *own);
}

// How a record's subject is kept: with the mark that it came with, or one that says `feigned`; and
// with that under which it may be at the hub.
std::string_view Backlog::kept_subject(std::string_view subject, const MirrorMark& mark,
                                       bool feigned, const MirrorMark& sent_as) {
  const bool marked = mark && mark.kind != MirrorMark::Kind::kLate && !feigned;
  if (!marked && !feigned && !sent_as) return subject;
  kept_subject_.clear();
  append_marked_subject(kept_subject_, subject, marked ? mark : MirrorMark{});
  if (sent_as) append_marked_subject(kept_subject_, {}, sent_as);
  return kept_subject_;
}

// Before a record goes: what a restart would learn from it is in the state by then, and the ledger
// tells of those that the state covers and no record ever held.
void Backlog::keep_marks(Sequence going) {
  if (going <= marks_upto_ || !marks_.changed()) return;
  if (memory_messages() == 0) marks_.settle();
  if (refusals_unnoted_) note_ledger();
  setup_.store.set_state(marks_key_, marks_.encode());
  marks_upto_ = appended_;
}

Backlog::Taken Backlog::append(const Message& message, const MirrorMark& mark,
                               const std::optional<Latest>& older) {
  const auto& [subject, reply, header, payload, shared] = message;
  const WallTime now = setup_.clock.wall();
  const RecordView record{0, now, kept_subject(subject, mark, feigns_ours(header)), header,
                          payload};
  const std::size_t size =
      subject.size() + header.size() + payload.size() + more_bytes(record, subject);
  if (failed_ || refuses(size, older)) {
    marks_.pass(mark, true);
    return refuse();
  }
  const Sequence after = log_.last();
  const Sequence sequence = log_.append(record);
  marks_.pass(mark, true);
  if (sequence == 0) return refuse();
  // The mark of this one covers those that were refused: the ledger must tell of them by then.
  if (mark && refusals_unnoted_) note_ledger();
  appended_ = sequence;
  Entry& entry = tail_.push(subject, header, payload);
  entry.sequence = sequence;
  entry.after = after;
  entry.more_bytes = more_bytes(record, subject);
  entry.time = now;
  entry.own_id = message_id(header).has_value();
  entry.set_reply(reply);
  const MirrorLimits& limits = setup_.limits;
  note_latest(subject, {sequence, 0, entry.own_id, size});
  while (tail_.size() > limits.tail_messages_max || tail_.bytes() > limits.tail_bytes_max) {
    tail_.pop_front();
  }
  return Taken::kStored;
}

void Backlog::spill() {
  if (memory_messages() == 0 || failed_) return;
  // Told at the end of this turn; by then the window would be given up.
  if (setup_.store.status().code() == Errc::kStorage) return fail();
  std::string header;
  for (std::size_t i = 0; i < window_.size(); ++i) {
    const Entry& entry = window_[i];
    const bool open = entry.state == Entry::State::kQueued || entry.state == Entry::State::kSent;
    if (entry.sequence == 0 && open && !spill_entry(i, header)) break;  // No room for now.
  }
  pop_settled();
  if (last_sent_ > state_.sent_limit) note(true, !noted_ahead_);
}

// The id that it is sent with goes into its header.
void Backlog::keep_id(std::size_t index, std::string& header, const IdScheme& ids,
                      std::uint64_t number) {
  Entry& entry = window_[index];
  if (entry.own_id) return;
  const std::size_t size = entry.text.size();
  header.clear();
  append_header_with_id(header, entry.header(), ids, number);
  unpin(entry);
  window_.rewrite_header(index, header);
  pin(entry);
  entry.own_id = entry.made = true;
  if (entry.state == Entry::State::kSent) in_flight_bytes_ += entry.text.size() - size;
}

// No id of ours says it, and a hub that knows its messages by marks is to know it again.
void Backlog::note_sent_as(Entry& entry) const {
  const bool sent = (entry.sequence == 0 || off_disk(entry)) && entry.sent != Time{};
  if (!sent || !entry.own_id || entry.made || entry.sent_as) return;
  entry.sent_as = {ids_of(entry).origin(), number_of(entry), MirrorMark::Kind::kRepeat};
}

bool Backlog::spill_entry(std::size_t index, std::string& header) {
  Entry& entry = window_[index];
  const std::size_t size = entry.text.size();
  const bool feigned = entry.own_id && !entry.made && feigns_ours(entry.header());
  if (!entry.own_id && entry.state == Entry::State::kSent) state_.own_ids = true;
  note_sent_as(entry);
  keep_id(index, header, ids_of(entry), number_of(entry));
  RecordView record = entry.record();
  record.subject = kept_subject(record.subject, entry.mark, feigned, entry.sent_as);
  const Sequence sequence = log_.append(record);
  memory_bytes_ -= size;
  if (sequence == 0) {
    memory_bytes_ += entry.text.size();
    return false;
  }
  --memory_messages_;
  unpin(entry);
  entry.more_bytes = more_bytes(record, entry.subject());
  pin(entry);
  entry.sequence = appended_ = loaded_upto_ = sequence;
  if (entry.state == Entry::State::kSent) last_sent_ = std::max(last_sent_, sequence);
  const auto latest = latest_.find(entry.subject());
  if (latest != latest_.end() && latest->second.order == entry.order) {
    latest->second = {sequence, 0, entry.own_id, entry.bytes()};
  }
  return true;
}

void Backlog::give_up_memory() {
  if (failed_) return;
  for (std::size_t i = 0; i < window_.size(); ++i) {
    Entry& entry = window_[i];
    const bool open = entry.state == Entry::State::kQueued || entry.state == Entry::State::kSent;
    if (entry.sequence == 0 && open) mark_lost(entry, &LossCounts::refused);
  }
  pop_settled();
}

Entry* Backlog::find(std::uint64_t order) {
  const std::uint64_t first = first_order();
  return order >= first && order < next_order_ ? &window_[order - first] : nullptr;
}

Entry* Backlog::next_unsent() {
  send_order_ = std::max(send_order_, first_order());
  while (send_order_ < next_order_) {
    Entry& entry = window_[send_order_ - first_order()];
    if (entry.state == Entry::State::kQueued) return &entry;
    ++send_order_;
  }
  return nullptr;
}

bool Backlog::may_send(Entry& entry) {
  // Under a note that is on disk, or the mark of doubt: the next start asks the hub for it.
  if (failed_ && entry.sequence != 0) {
    return entry.sequence <= durable_sent_limit_ || setup_.store.doubt_noted();
  }
  if (failed_) return true;
  if (!removals_are_durable(entry)) return false;
  if (entry.sequence == 0) return true;
  if (entry.sequence > durable_sent_limit_) {
    next_sent_ = entry.sequence;  // Sequences have gaps.
    note(entry.sequence > state_.sent_limit, false);
  }
  return entry.sequence <= durable_ && entry.sequence <= durable_sent_limit_;
}

bool Backlog::room_in_flight(std::size_t bytes_max) const {
  return in_flight_ < setup_.limits.in_flight_messages_max && in_flight_bytes_ < bytes_max;
}

std::string_view Backlog::id_of(const Entry& entry, std::string& scratch) const {
  if (entry.own_id) {
    if (const auto own = message_id(entry.header())) return *own;
  }
  scratch.clear();
  ids_of(entry).append(scratch, number_of(entry));
  return scratch;
}

bool Backlog::was_passed(const Entry& entry) const {
  return entry.late || (entry.sequence != 0 && entry.sequence <= state_.passed);
}

bool Backlog::may_be_there(const Entry& entry) const {
  return was_passed(entry) || entry.doubted || entry.sent != Time{} ||
         (entry.sequence != 0 && entry.sequence <= sent_before_);
}

// What was in memory keeps the number it had there. What goes ahead of one that was passed over is
// late itself until that is noted: a restart would send the other as a repeat, below this number.
MirrorMark Backlog::mark_of(const Entry& entry) const {
  using Kind = MirrorMark::Kind;
  const bool ahead = unnoted_park_ != 0 && entry.sequence > unnoted_park_;
  const Kind kind = was_passed(entry) || ahead ? Kind::kLate
                    : may_be_there(entry)      ? Kind::kRepeat
                                               : Kind::kNew;
  if (entry.sent_as) return {entry.sent_as.origin, entry.sent_as.number, kind};
  const auto id = entry.made ? message_id(entry.header()) : std::nullopt;
  const auto made = id ? made_id(setup_.leaf_id, *id) : std::nullopt;
  if (made) return {made->origin, made->number, kind};
  return {ids_of(entry).origin(), number_of(entry), kind};
}

void Backlog::mark_sent(Entry& entry, Time now) {
  leave_flight(entry);
  entry.again = may_be_there(entry);
  entry.state = Entry::State::kSent;
  pin(entry);
  entry.sent = now;
  entry.missed = false;
  ++in_flight_;
  in_flight_bytes_ += entry.text.size();
  last_sent_ = std::max(last_sent_, entry.sequence);
  sent_order_ = std::max(sent_order_, entry.order);
}

void Backlog::mark_confirmed(Entry& entry) {
  leave_flight(entry);
  decided(entry);
  entry.state = Entry::State::kConfirmed;
  pin(entry);
}

void Backlog::mark_lost(Entry& entry, std::uint64_t LossCounts::*cause) {
  if (entry.state == Entry::State::kQueued) note_removal(entry);
  leave_flight(entry);
  decided(entry);
  entry.state = Entry::State::kGone;
  if (entry.sequence != 0) {
    (void)remove_record(entry.sequence);
    if (cause != &LossCounts::superseded) drop_older(entry.sequence);
  }
  forget_latest(entry);
  count_loss(cause);
}

// It keeps its place in memory, but nobody waits for it: the next may go to disk.
void Backlog::decided(const Entry& entry) {
  if (entry.sequence != 0) return;
  ++decided_;
  decided_bytes_ += entry.text.size();
}

void Backlog::pin(const Entry& entry) {
  if (!entry.pinned()) return;
  ++pinned_;
  pinned_bytes_ += entry.bytes();
}

void Backlog::unpin(const Entry& entry) {
  if (!entry.pinned()) return;
  --pinned_;
  pinned_bytes_ -= entry.bytes();
}

void Backlog::leave_flight(Entry& entry) {
  unpin(entry);
  if (std::exchange(entry.maybe, false)) --maybe_;
  if (std::exchange(entry.claimed, false)) --claimed_;
  if (entry.state != Entry::State::kSent) return;
  --in_flight_;
  in_flight_bytes_ -= entry.text.size();
}

void Backlog::requeue(Entry& entry, bool maybe) {
  leave_flight(entry);
  entry.state = Entry::State::kQueued;
  entry.maybe = entry.doubted = maybe || entry.doubted;
  if (entry.maybe) ++maybe_;
  pin(entry);
  entry.barrier = 0;
  entry.late = entry.late || entry.missed;
  send_order_ = std::min(send_order_, entry.order);
  evict_order_ = std::min(evict_order_, entry.order);
  drop_if_superseded(entry);
}

// In the same commit as the removal that it accounts for.
void Backlog::count_loss(std::uint64_t LossCounts::*cause, std::uint64_t count) {
  state_.losses.*cause += count;
  note_ledger();
}

void Backlog::note_ledger() {
  refusals_unnoted_ = false;
  setup_.store.set_state(state_key_, encode_state(state_));
}

// Among them may be one that took the place of others: those must not come back.
void Backlog::add_corrupt(std::uint64_t count) {
  trim_superseded(UINT64_MAX);
  count_loss(&LossCounts::corrupt, count);
}

void Backlog::add_uncounted() { count_loss(&LossCounts::uncounted); }

std::uint64_t Backlog::messages() const {
  const std::uint64_t in_log = log_.state().messages;
  const std::uint64_t for_ids = retained_.size() + superseded_.size();
  return in_log - std::min(in_log, for_ids) + memory_messages() + held_.size();
}

std::uint64_t Backlog::bytes() const {
  const std::uint64_t in_log = log_.state().bytes;
  if (messages() == 0) return 0;  // A removed record is counted at its segment's mean: see Log.
  const std::uint64_t for_ids = retained_bytes_ + superseded_bytes_;
  return in_log - std::min(in_log, for_ids) + memory_bytes_ - decided_bytes_ + held_.bytes();
}

WallTime Backlog::oldest() const {
  if (messages() == 0) return {};
  if (!put_by_.empty() && parked_ == 0 && !behind_disk_) return put_by_.front().time;
  if (parked_ == 0 && !window_.empty()) return window_.front().time;
  return log_.state().oldest;
}

}  // namespace petiole
