// How a backlog is found again at a start, and how its window is filled.
#include <algorithm>
#include <utility>

#include "agent/mirror/backlog.h"
#include "agent/protocol/headers.h"

namespace petiole {

namespace {

constexpr std::string_view kNoMark = " 0 0";  // As kept_subject() writes it.
constexpr Duration kReadAgain = std::chrono::seconds(1);
constexpr int kScanTries = 20;  // More than a segment needs to count as damaged: see Log::read.

}  // namespace

void Backlog::open() {
  const LogState log = log_.state();
  const auto text = setup_.store.state(state_key_);
  const auto state = text ? decode_state(*text) : std::nullopt;
  const bool doubtful = (text && !state) || (!text && !setup_.store.recovery().quarantined.empty());
  state_ = state.value_or(RuleState{});
  load_epochs();
  appended_ = before_run_ = log.last;
  durable_ = log.durable;
  load_jumps();
  follow_clock();
  if (log.first > 0) state_.cursor = std::max(state_.cursor, log.first - 1);
  state_.cursor = std::min(state_.cursor, log.last);
  state_.settled = std::clamp(state_.settled, state_.cursor, std::max(state_.cursor, log.last));
  // Without a note nothing was sent; with one that cannot be read anything may have been.
  const bool disk_failed = setup_.store.recovery().doubtful;
  if (state_.settled > state_.cursor) state_.passed = std::max(state_.passed, state_.settled);
  // What was passed over may have been sent since.
  if (disk_failed) state_.settled = state_.cursor;
  if (doubtful || disk_failed) {
    state_.order_unknown = true;
    state_.sent_limit = log.last;
  }
  state_.sent_limit =
      std::clamp(state_.sent_limit, state_.settled, std::max(state_.settled, log.last));
  if (disk_failed) note_ledger();
  last_sent_ = sent_before_ = holes_upto_ = state_.sent_limit;
  // What was superseded stays so when the rule keeps all from now on, or is gone.
  const Sequence last_upto = rule_.keep_last ? UINT64_MAX : std::min(state_.last_upto, log.last);
  if (std::exchange(state_.last_upto, last_upto) != last_upto) note_ledger();
  marks_.load(setup_.store.state(marks_key_).value_or(""));
  loaded_upto_ = evict_next_ = state_.cursor;
  if (log.messages == 0) {
    loaded_upto_ = state_.cursor = state_.settled = log.last;
    return finish_open();
  }
  const bool whole = state_.own_ids || state_.last_upto > state_.cursor;
  if (!whole) log_.trim(state_.cursor);
  scan_end_ = whole ? log.last : state_.sent_limit;
  const Sequence from = whole ? (log.first > 0 ? log.first - 1 : 0) : state_.settled;
  if (scan_end_ <= from) return finish_open();
  scan(from, scan_end_);
}

void Backlog::scan(Sequence after, Sequence end) {
  log_.read(after, setup_.limits.page_messages, setup_.limits.page_bytes,
            [this, alive = std::weak_ptr<int>(alive_), after, end](Result<Page> page) {
              if (alive.expired()) return;
              if (!page.ok()) return scan_failed(after);
              if (page->records.empty()) return finish_open();
              scanned(*page);
              const Sequence next = std::max(page->next, page->records.back().sequence);
              if (next >= end || next <= after) return finish_open();
              scan(next, end);
            });
}

// Without what it would have learned, what the hub has would be sent as if it were new.
void Backlog::scan_failed(Sequence after) {
  unscanned_ = ++scan_tries_ == kScanTries;
  if (unscanned_) return finish_open();
  scan_after_ = after;
  scan_due_ = setup_.clock.now() + kReadAgain;
  changed_();
}

void Backlog::scan_again() {
  if (setup_.clock.now() < scan_due_) return;
  scan_due_ = kNever;
  scan(scan_after_, scan_end_);
}

void Backlog::scanned(const Page& page) {
  for (const RecordView& record : page.records) {
    if (record.sequence <= scan_end_) scan_record(record);
  }
}

void Backlog::scan_record(RecordView record) {
  const std::uint64_t size =
      record.subject.size() + record.header.size() + record.payload.size() + kRecordOverheadBytes;
  marks_.load(take_subject_mark(record.subject));
  const auto own = message_id(record.header);
  if (own) dedupe_.add(keyed_hash(setup_.key, *own), setup_.clock.now(), record.sequence - 1);
  if (record.sequence <= state_.cursor) {
    retained_.push_back({record.sequence, size});
    retained_bytes_ += size;
    return;
  }
  if (record.sequence <= state_.last_upto) {
    if (const auto older = latest_of(record.subject)) {
      suspects_.forget(record.subject);  // What became of it matters no more.
      supersede(*older, record.sequence);
    }
    note_latest(record.subject, {record.sequence, 0, own.has_value(), size});
  }
  if (record.sequence > state_.settled && record.sequence <= state_.sent_limit) {
    add_suspect(record, size);
  }
}

void Backlog::add_suspect(const RecordView& record, std::uint64_t bytes) {
  if (unasked_ == 0 && suspects_.count() >= setup_.limits.suspects_max) unasked_ = record.sequence;
  if (unasked_ != 0) return;
  const auto own = message_id(record.header);
  std::string made;
  if (!own) disk_ids(record.sequence).append(made, record.sequence);
  const Duration age = setup_.clock.wall() - record.time;
  suspects_.add(record.subject, record.sequence, keyed_hash(setup_.key, own ? *own : made),
                age >= Duration::zero() ? age : Duration::max(), bytes, rollup_of(record.header));
}

// A disk that has failed leaves all of its log to be asked for: by and by.
void Backlog::ask_on(Sequence after) {
  asks_on_ = true;
  scan_due_ = kNever;
  log_.read(after, setup_.limits.page_messages, setup_.limits.page_bytes,
            [this, alive = std::weak_ptr<int>(alive_), after](Result<Page> page) {
              if (alive.expired()) return;
              if (!page.ok()) return ask_failed(after);
              asked_for(after, *page);
            });
}

void Backlog::asked_for(Sequence after, const Page& page) {
  unasked_ = 0;
  for (RecordView record : page.records) {
    const std::uint64_t size =
        record.subject.size() + record.header.size() + record.payload.size() + kRecordOverheadBytes;
    (void)take_subject_mark(record.subject);
    if (record.sequence > last_sent_) break;
    if (!is_superseded(record.sequence)) add_suspect(record, size);
    if (unasked_ != 0) break;  // As many as can be asked for at once.
  }
  const Sequence next = std::max(page.next, after);
  if (unasked_ == 0 && next > after && next < last_sent_) {
    unasked_ = next + 1;
    return ask_on(next);
  }
  asks_on_ = false;
  if (suspects_.empty()) return all_asked();
  changed_();
}

void Backlog::ask_failed(Sequence after) {
  if (++scan_tries_ < kScanTries) {
    scan_after_ = after;
    scan_due_ = setup_.clock.now() + kReadAgain;
    return;
  }
  asks_on_ = false;
  maybe_upto_ = last_sent_;
  suspects_.clear();
  all_asked();
}

void Backlog::all_asked() {
  unasked_ = 0;
  start_over();
  changed_();
}

// The note on disk is older than the newest records: each of those was captured once.
void Backlog::count_captured() {
  const LossCounts& losses = state_.losses;
  const std::uint64_t gone = losses.age + losses.limit + losses.superseded + losses.rejected;
  const std::uint64_t in_log = log_.state().messages;
  const std::uint64_t waiting = in_log - std::min<std::uint64_t>(in_log, retained_.size());
  state_.captured = std::max(state_.captured, state_.confirmed + gone + waiting);
}

void Backlog::finish_open() {
  opened_ = true;
  noted_ahead_ = true;
  if (state_.settled >= holes_upto_) state_.order_unknown = false;
  // The hub may have them: they are not ours to give up.
  std::erase_if(latest_, [this](const auto& at) {
    return !rule_.keep_last ||
           (at.second.sequence > state_.settled && at.second.sequence <= state_.sent_limit);
  });
  count_captured();
  if (unscanned_ && suspects_.empty()) {
    maybe_after_ = state_.settled;
    maybe_upto_ = last_sent_;
  }
  if (suspects_.empty() && state_.settled > state_.cursor) start_over();
  take_held();
  changed_();
}

void Backlog::resolve_suspects(const std::vector<std::uint64_t>& arrived, bool answered) {
  maybe_after_ = state_.settled;
  maybe_upto_ = answered && !unscanned_ ? 0 : last_sent_;
  arrived_.insert(arrived_.end(), arrived.begin(), arrived.end());
  // Like a refusal, but noted before anything is sent.
  const bool behind_others = missed_some_ && !arrived.empty();
  if (behind_others || suspects_.missing_before(arrived)) state_.holes = true;
  missed_some_ = missed_some_ || arrived.size() < suspects_.count();
  count_unloaded();
  suspects_.clear();
  if (answered && unasked_ != 0) return ask_on(unasked_ - 1);
  all_asked();
}

void Backlog::count_unloaded() {
  for (const SuspectSubject& subject : suspects_.subjects()) {
    for (const SuspectSubject::Item& item : subject.items) {
      if (maybe_upto_ == 0 && !has_arrived(item.key)) continue;
      ++unloaded_.messages;
      unloaded_.bytes += item.bytes;
    }
  }
}

bool Backlog::window_has_room() const {
  return window_.size() < setup_.limits.loaded_messages_max &&
         window_.bytes() < setup_.limits.loaded_bytes_max;
}

void Backlog::from_tail() {
  while (!tail_.empty() && tail_.front().sequence <= loaded_upto_) tail_.pop_front();
  while (!tail_.empty() && tail_.front().after <= loaded_upto_ && window_has_room()) {
    loaded_upto_ = tail_.front().sequence;
    const Entry& next = tail_.front();
    if (next.state == Entry::State::kGone &&
        !is_superseded(next.sequence)) {  // Given up meanwhile.
      tail_.pop_front();
      continue;
    }
    window_.push_from(tail_).order = next_order_++;
  }
  pop_settled();
}

void Backlog::refill(bool online) {
  if (!opened_) return scan_again();
  if (asks_on_ && setup_.clock.now() >= scan_due_) ask_on(scan_after_);
  if (unresolved()) return;
  if (failed_) skip_lost();
  from_tail();
  if (behind_disk_) follow_disk();
  const LogState log = log_.state();
  // Without a link only what may get too old is looked at.
  const bool wanted = online || (rule_.max_age > Duration::zero() && next_unsent() == nullptr);
  if (reading_ || !wanted || !window_has_room() || loaded_upto_ >= log.last) return;
  if (!tail_.empty() && tail_.front().after <= loaded_upto_) return;
  if (log.durable <= loaded_upto_ || setup_.clock.now() < read_due_) return;
  reading_ = true;
  removed_.clear();
  log_.read(loaded_upto_, setup_.limits.load_messages, setup_.limits.page_bytes,
            [this, alive = std::weak_ptr<int>(alive_), generation = read_generation_,
             durable = log.durable](Result<Page> page) {
              if (alive.expired() || generation != read_generation_) return;
              reading_ = false;
              if (page.ok() && page->records.empty()) {  // All of it was removed.
                loaded_upto_ = std::max({loaded_upto_, durable, page->next});
              }
              loaded(std::move(page));
            });
}

void Backlog::loaded(Result<Page> page) {
  if (!page.ok()) {  // The next refill, by the clock, tries again.
    read_due_ = setup_.clock.now() + kReadAgain;
    ++refused_reads_;
    return;
  }
  refused_reads_ = 0;
  std::sort(removed_.begin(), removed_.end());
  for (const RecordView& record : page->records) {
    if (record.sequence <= loaded_upto_) continue;
    if (std::binary_search(removed_.begin(), removed_.end(), record.sequence)) continue;
    load_record(record);
    loaded_upto_ = record.sequence;
  }
  loaded_upto_ = std::max(loaded_upto_, page->next);
  const Sequence arrived_upto = arrived_.empty() ? 0 : arrived_.back();
  if (loaded_upto_ >= std::max(maybe_upto_, arrived_upto)) unloaded_ = {};
  pop_settled();
  expire();  // The next page at once: a page a second may be less than comes.
  changed_();
}

bool Backlog::has_arrived(Sequence sequence) const {
  return std::binary_search(arrived_.begin(), arrived_.end(), sequence);
}

std::size_t Backlog::arrived_unloaded() const {
  if (arrived_.empty() || arrived_.back() <= loaded_upto_) return 0;
  const auto next = std::upper_bound(arrived_.begin(), arrived_.end(), loaded_upto_);
  return static_cast<std::size_t>(arrived_.end() - next);
}

void Backlog::load_record(RecordView record) {
  const bool feigned = record.subject.ends_with(kNoMark);
  const std::size_t kept = record.subject.size();
  MirrorMark sent_as;
  (void)take_subject_mark(record.subject, sent_as);
  const bool superseded = is_superseded(record.sequence);
  Entry& entry = window_.push(record.subject, record.header, record.payload);
  entry.order = next_order_++;
  entry.sequence = record.sequence;
  entry.more_bytes =
      static_cast<std::uint32_t>(kept - record.subject.size() + kRecordOverheadBytes);
  entry.time = stamp_of(record);
  entry.maybe = !superseded && record.sequence > maybe_after_ && record.sequence <= maybe_upto_;
  entry.doubted = entry.maybe;
  if (entry.maybe) ++maybe_;
  entry.own_id = message_id(record.header).has_value();
  entry.made = entry.own_id && !feigned;
  entry.sent_as = sent_as;
  if (has_arrived(record.sequence)) entry.state = Entry::State::kConfirmed;
  if (superseded) entry.state = Entry::State::kGone;
  pin(entry);
  if (!entry.maybe && entry.state != Entry::State::kConfirmed) return;
  unloaded_.messages -= std::min<std::uint64_t>(unloaded_.messages, 1);
  unloaded_.bytes -= std::min(unloaded_.bytes, entry.bytes());
}

}  // namespace petiole
