// What one rule has captured and the hub has not confirmed: a log on disk, and of it in memory a
// window from the oldest on and a tail of the newest.
//
// The window is what may be sent. It is filled from the tail while the hub keeps up, else from
// pages of the log. It knows what may have been sent and what was confirmed; how that comes about
// is the sender's matter. Loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/config/config.h"
#include "agent/mirror/dedupe_window.h"
#include "agent/mirror/entry.h"
#include "agent/mirror/ids.h"
#include "agent/mirror/limits.h"
#include "agent/mirror/repeat_marks.h"
#include "agent/mirror/rule_state.h"
#include "agent/mirror/suspects.h"
#include "agent/subject/token_hash.h"
#include "storage/store.h"

namespace petiole {

struct BacklogSetup {
  Store& store;
  Clock& clock;
  const MirrorLimits& limits;
  HashKey key;  // Of this process; for publishers' ids and subjects.
  std::string leaf_id;
  std::uint64_t memory_epoch;  // Random; for ids of what is in memory only.
};

class Backlog {
 public:
  enum class Taken : std::uint8_t { kStored, kDuplicate, kRefused };

  // `changed` is called when something came that may let more be sent: a commit, a page.
  Backlog(BacklogSetup setup, RuleConfig rule, std::string log_name, std::function<void()> changed);

  // Learns from the log what a run before has left; until it is done, captures are held.
  void open();
  bool opened() const { return opened_; }

  // `memory`: the link is proven and nothing is before it, so the rule's durability decides.
  // `mark`: of the leaf behind us whose mirror sent it.
  Taken capture(const Message& message, bool memory, const MirrorMark& mark = {});
  // It was captured, or refused, before.
  bool repeated(const Message& message, const MirrorMark& mark);
  // Puts what is in memory only on disk, in order. What finds no room there waits where it is, and
  // what comes meanwhile is refused.
  void spill();
  // Counts what is still in memory as refused: the process ends.
  void give_up_memory();
  // The disk failed for good: memory is all there is.
  void fail() { failed_ = true; }
  bool failed() const { return failed_; }

  // Gives back the memory of rings that are empty, when there was nothing to do for a while.
  void rest();
  bool can_rest() const;

  // Moves the window on: from the tail, or by starting a read.
  void refill(bool online);
  EntryRing& window() { return window_; }
  std::uint64_t first_order() const { return next_order_ - window_.size(); }
  Entry* find(std::uint64_t order);
  Entry* next_unsent();  // The first queued one; null: none in memory.
  // On disk, and so are the note that it may have been sent and the removals of those before it:
  // a crash must bring back none that was given up after one behind it was sent.
  bool may_send(Entry& entry);
  void unclaim();  // Nothing is about to be sent.
  bool room_in_flight(std::size_t bytes_max) const;
  std::string_view id_of(const Entry& entry, std::string& scratch) const;
  // Its header has a Nats-Msg-Id, and that is none of its publisher's.
  bool id_is_ours(const Entry& entry) const { return entry.made && feigns_ours(entry.header()); }
  const IdScheme& ids_of(const Entry& entry) const {
    return entry.sequence ? disk_ids(entry.sequence) : memory_ids_;
  }
  std::uint64_t number_of(const Entry& entry) const {
    return entry.sequence ? entry.sequence : entry.order;
  }

  // What a hub that drops repeats is told of it, before mark_sent.
  MirrorMark mark_of(const Entry& entry) const;

  // The hub may have it, from this run or from one before.
  bool may_be_there(const Entry& entry) const;
  void mark_sent(Entry& entry, Time now);
  void mark_confirmed(Entry& entry);
  void mark_lost(Entry& entry, std::uint64_t LossCounts::*cause);
  // Sent, and not known to have arrived; `maybe`: not known to have been lost either.
  void requeue(Entry& entry, bool maybe);
  // `made`: see HubDirectory::made_of.
  void note_stream(Entry& entry, std::string_view stream, std::uint64_t made,
                   std::uint64_t sequence);
  // The newest message of a stream is `last` by now: see HubDirectory::last_of.
  void bound_floors(const std::function<std::uint64_t(const StreamFloor&)>& last);
  // The hub has another message under its id: it goes again under another, and what was never sent
  // goes under ids of its own from now on.
  void send_anew(Entry& entry);
  bool copied() const { return copied_; }  // That was so in this run.
  // The hub refused one for now, and may have taken those behind it.
  void note_refusal();
  void count_duplicate() { ++state_.duplicates; }
  // Takes what is confirmed or gone off the front.
  void pop_settled();
  // Passes over an entry on disk that nobody upstream wants for now.
  void park(Entry& entry);
  bool has_parked() const { return parked_ > 0; }
  bool parked_some() const { return parked_ > 0 || !parked_subjects_.empty(); }
  // The disk has failed, and memory alone has it.
  bool off_disk(const Entry& entry) const {
    return failed_ && (entry.sequence == 0 || entry.sequence > durable_);
  }
  // One of those that nobody upstream wants, or that is behind what was passed over, lets others go
  // ahead. It goes behind them when `wants` says so, and so does what waits of its subject.
  void put_by(Entry& entry);
  void take_up(const std::function<bool(std::string_view)>& wants);
  bool passed_some() const { return parked_some() || !put_by_.empty(); }
  // Messages of its subject were passed over, or may have been.
  bool behind_parked(const Entry& entry) const;
  // Looks at the log from the cursor again. Nothing may be in flight. Once the disk has failed,
  // what memory alone has waits until all that the disk gives is in the window.
  void rescan();
  bool parked_wanted(const std::function<bool(std::string_view)>& wants) const;

  // Notes progress on disk when it is due, or now. `idle`: nothing more will be sent for now.
  void note(bool force, bool idle);
  Time note_deadline() const {
    if (!opened_) return scan_due_;  // Then refill() goes on with the start.
    return dirty_ && !failed_ ? last_note_ + note_interval() : kNever;
  }
  // Frees what dedupe holds back, for want of space.
  void drop_retained();

  // What may have been sent by a run before; empty once resolve_suspects was called.
  const SuspectList* suspects() const {
    return opened_ && !asks_on_ && !suspects_.empty() ? &suspects_ : nullptr;
  }
  // More than can be asked for at once: the next of them are being read.
  bool asks_on() const { return asks_on_; }
  // `answered`: the hub was asked; else those not in `arrived` may be there all the same.
  void resolve_suspects(const std::vector<std::uint64_t>& arrived, bool answered);

  // Gives up the oldest message that is not in flight. False: there is none.
  bool evict_oldest(std::uint64_t LossCounts::*cause);
  // A message of some size more would be refused by the rule's own limits.
  bool refuses_new() const { return refuses(1); }
  bool expired(const Entry& entry) const;
  void expire();
  // Ages go by the time that passes: once the clock on the wall was set, what waits keeps the age
  // that it had. Call before what is expired is asked for.
  void follow_clock();

  WallTime wall() const { return setup_.clock.wall(); }
  const RuleConfig& rule() const { return rule_; }
  const RuleState& state() const { return state_; }
  std::uint64_t messages() const;
  std::uint64_t bytes() const;
  WallTime oldest() const;
  std::size_t in_flight() const { return in_flight_; }
  std::size_t in_flight_bytes() const { return in_flight_bytes_; }
  std::size_t memory_messages() const { return memory_messages_ - decided_; }
  bool unspilled() const { return !failed_ && memory_messages() > 0; }
  // Were under way to the disk as it failed: nobody knows whether it has them.
  std::size_t unwritten() const;
  // The disk has failed, and memory alone has some for certain.
  bool unsavable() const { return failed_ && (memory_messages() > 0 || unwritten() > 0); }
  bool undurable() const { return !failed_ && (!held_.empty() || appended_ > durable_); }
  bool holding_much() const { return held_.bytes() > setup_.limits.held_bytes_max; }
  bool holding() const { return !held_.empty(); }
  void take_held();
  // Too much waits for the disk to add one of `bytes`.
  static bool must_wait(const Store& store, const MirrorLimits& limits, std::size_t bytes);
  void add_corrupt(std::uint64_t count);
  void lose(const std::vector<Sequence>& records);  // Damaged ones, in order.
  void add_uncounted();

 private:
  struct Retained {
    Sequence sequence;
    std::uint64_t bytes;
  };
  struct Latest {
    Sequence sequence;
    std::uint64_t order;
    bool own_id = false;
    std::uint64_t bytes = 0;
  };

  // Records have ids of the epoch that began with them or last before them.
  struct Epoch {
    Sequence from;
    IdScheme ids;
  };

  const IdScheme& disk_ids(Sequence sequence) const;
  void load_epochs();
  void renew_ids();
  bool was_passed(const Entry& entry) const;
  Taken take(const Message& message, bool memory, const MirrorMark& mark);
  bool fits_memory(std::size_t bytes) const;
  void hold_in_memory(const Message& message, const MirrorMark& mark);
  Taken append(const Message& message, const MirrorMark& mark, const std::optional<Latest>& older);
  bool feigns_ours(std::string_view header) const;
  std::string_view kept_subject(std::string_view subject, const MirrorMark& mark, bool feigned,
                                const MirrorMark& sent_as = {});
  void keep_marks(Sequence going);
  Sequence ids_behind();
  void leave_flight(Entry& entry);
  void decided(const Entry& entry);
  void pin(const Entry& entry);    // If it is: after what makes it so,
  void unpin(const Entry& entry);  // and before what ends it.
  void note_sent_as(Entry& entry) const;
  bool spill_entry(std::size_t index, std::string& header);
  void keep_id(std::size_t index, std::string& header, const IdScheme& ids, std::uint64_t number);
  bool evict_put_by(std::uint64_t LossCounts::*cause);
  void wait_for_disk();
  void follow_disk();
  void skip_lost();
  bool at_limit(std::uint64_t more_messages, std::uint64_t more_bytes) const;
  bool refuses(std::size_t bytes) const {
    return rule_.discard == Discard::kNew && at_limit(1, bytes);
  }
  bool refuses(std::size_t bytes, const std::optional<Latest>& older);
  void keep_limits();
  void count_loss(std::uint64_t LossCounts::*cause, std::uint64_t count = 1);
  Taken refuse();
  void note_ledger();

  void scan(Sequence after, Sequence end);
  void scan_failed(Sequence after);
  void scan_again();
  void scanned(const Page& page);
  void scan_record(RecordView record);
  void finish_open();
  void add_suspect(const RecordView& record, std::uint64_t bytes);
  void ask_on(Sequence after);
  void asked_for(Sequence after, const Page& page);
  void ask_failed(Sequence after);
  void all_asked();
  bool unresolved() const { return !suspects_.empty() || unasked_ != 0; }
  void count_captured();
  void loaded(Result<Page> page);
  void load_record(RecordView record);
  bool window_has_room() const;
  void from_tail();

  void settle(const Entry& entry);
  void close_holes();
  void trim_retained();
  Duration note_interval() const;
  bool whole() const;
  std::optional<Latest> latest_of(std::string_view subject) const;
  void note_latest(std::string_view subject, const Latest& latest);
  void forget_latest(const Entry& entry);
  void sweep_latest();
  std::optional<std::uint64_t> gives_way(const Latest& older);
  void supersede(const Latest& older, Sequence newer);
  void drop_if_superseded(Entry& entry);
  Entry* in_memory(const Latest& latest);
  bool keep_superseded(const Latest& older, Sequence newer);
  void drop_superseded(Sequence sequence);
  void drop_older(Sequence newest);
  void trim_superseded(Sequence upto);
  void retain_superseded(Sequence upto);
  bool is_superseded(Sequence sequence) const { return superseded_.contains(sequence); }
  bool has_arrived(Sequence sequence) const;
  void count_unloaded();
  WallTime stamp_of(const RecordView& record);
  std::size_t arrived_unloaded() const;
  void start_over();
  void keep_unwritten();
  bool removals_are_durable(Entry& entry);
  void note_removal(const Entry& entry);
  void claim(std::uint64_t order);
  void forget_parked(std::uint64_t count);
  bool evict_parked(std::uint64_t LossCounts::*cause);
  bool evict_queued(std::uint64_t LossCounts::*cause);
  bool evict_unloaded(std::uint64_t LossCounts::*cause);
  bool remove_record(Sequence sequence);
  bool give_up_record(Sequence sequence);

  BacklogSetup setup_;
  RuleConfig rule_;
  std::string state_key_, marks_key_, epochs_key_, jumps_key_;
  Log& log_;
  std::function<void()> changed_;
  std::vector<Epoch> epochs_;  // Ascending; the first is from 0.
  IdScheme memory_ids_;
  bool copied_ = false;
  RuleState state_;
  bool opened_ = false, failed_ = false;
  EntryRing held_;  // Captured before the log was open, or behind such.

  EntryRing window_, tail_, put_by_;
  // What memory alone has is put by: what was passed over before the disk failed goes first.
  bool behind_disk_ = false;
  int refused_reads_ = 0;         // In a row.
  std::uint64_t next_order_ = 1;  // Of the next entry of the window.
  std::uint64_t send_order_ = 1;  // No entry before it is queued.
  Sequence loaded_upto_ = 0;      // The window holds what is in the log up to here.
  Sequence appended_ = 0, durable_ = 0;
  bool reading_ = false;
  Time read_due_{};  // Not before: the disk has just refused.
  std::uint64_t read_generation_ = 0;
  std::vector<Sequence> removed_;  // While a page was on its way.
  std::size_t in_flight_ = 0, in_flight_bytes_ = 0;
  std::size_t maybe_ = 0;                      // Queued, but perhaps at the hub: never evicted.
  Sequence maybe_after_ = 0, maybe_upto_ = 0;  // Of a run before: the same, not loaded yet.
  std::size_t memory_messages_ = 0, memory_bytes_ = 0;
  std::size_t decided_ = 0, decided_bytes_ = 0;  // Of those, behind one that is not.
  std::uint64_t pinned_ = 0, pinned_bytes_ = 0;  // In the window: see Entry::pinned.

  std::deque<Retained> retained_;  // Confirmed, still in the log.
  std::uint64_t retained_bytes_ = 0;
  bool keep_ids_ = true;
  DedupeWindow dedupe_;
  RepeatMarks marks_;
  Sequence marks_upto_ = 0;  // Those of records up to here are in the state.
  bool refusals_unnoted_ = false;
  std::string kept_subject_;
  // keep: last. A superseded record with a publisher's own id stays for as long as he may repeat
  // it, else his repeat would come as the newest. A start knows it by a newer one of its subject
  // behind it: none stays behind alone.
  struct Superseded {
    std::uint64_t bytes;
    Sequence older;  // The one that it had superseded itself; 0: none.
  };
  std::unordered_map<std::string, Latest, TokenHash, std::equal_to<>> latest_;
  std::uint64_t evicted_unseen_ = 0;                 // Since latest_ was swept.
  std::map<Sequence, Superseded> superseded_;        // Those behind the cursor.
  std::unordered_map<Sequence, Sequence> replaced_;  // By a record that is not superseded: by it.
  std::uint64_t superseded_bytes_ = 0;

  std::uint64_t removals_ = 0, durable_removals_ = 0;  // Counted, of what was not sent.
  bool removals_asked_ = false;
  std::size_t claimed_ = 0;

  std::uint64_t parked_ = 0;
  std::unordered_set<std::string, TokenHash, std::equal_to<>> parked_subjects_;
  bool parked_many_ = false;  // More subjects than are remembered.
  // Passed over, from the first to the newest, and no note of it is on disk: see mark_of.
  Sequence unnoted_park_ = 0, parked_upto_ = 0;
  // Before these there is nothing to be evicted, of what was passed over and of what is not loaded.
  Sequence evict_parked_ = 0, evict_next_ = 0;
  std::uint64_t evict_order_ = 0;  // The same of the window.

  SuspectList suspects_;
  Sequence unasked_ = 0;  // From here on they are not among those; 0: all are.
  bool asks_on_ = false;
  bool missed_some_ = false;  // Of those before, some had not arrived.
  // Of them, those that arrived or may have, until they are in the window.
  struct Unloaded {
    std::uint64_t messages = 0, bytes = 0;
  };
  Unloaded unloaded_;
  // Of a run before, found at the hub; ascending. They are confirmed as they are loaded, in order:
  // the publishers' ids in them are still needed, and so is their place behind superseded ones.
  std::vector<Sequence> arrived_;
  Sequence scan_end_ = 0, scan_after_ = 0;
  Time scan_due_ = kNever;  // Once more, from `scan_after_` on: the disk refused.
  int scan_tries_ = 0;
  bool unscanned_ = false;  // It never gave all.

  // Of rules with max_age. Records up to `upto` were stamped before it.
  struct ClockJump {
    Sequence upto;
    WallTime from;
    Duration by;
    bool moves(Sequence sequence, WallTime stamp, Sequence before_run) const;
  };
  void keep_jumps();
  void load_jumps();
  std::vector<ClockJump> jumps_;
  std::optional<Duration> clock_offset_;  // Of the wall's clock to the monotonic one.
  std::optional<WallTime> dated_;         // From then on the clock was set.
  Sequence before_run_ = 0;               // Records up to here are of a run before.

  Sequence last_sent_ = 0, next_sent_ = 0;
  Sequence sent_before_ = 0;  // By a run before, at most.
  Sequence durable_sent_limit_ = 0;
  std::uint64_t unnoted_ = 0;
  // While state_.holes: all that the refused may be behind, by order and, of a run before, by
  // sequence. Once that is settled, order in the stream is order here again.
  std::uint64_t sent_order_ = 0, holes_order_ = 0;
  Sequence holes_upto_ = 0;
  bool dirty_ = false, noted_ahead_ = false;
  std::uint64_t notes_ = 0;
  Time last_note_{};
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace petiole
