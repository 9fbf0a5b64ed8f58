// What the hub says, or does not say, of messages that were sent.
#include <algorithm>

#include "agent/mirror/sender.h"
#include "agent/subject/subject.h"

namespace petiole {

namespace {

std::string words_of(const PubAck& ack) {
  constexpr std::size_t kTextMax = 200;
  std::string text = ack.error.empty() ? "no reason given" : ack.error.substr(0, kTextMax);
  if (!ack.stream.empty()) text += " (stream " + ack.stream.substr(0, kTextMax) + ")";
  return text;
}

}  // namespace

void Sender::acked(std::uint64_t order, const PubAck& ack, Time now) {
  if (ack.kind == PubAck::Kind::kForeign) return;
  Entry* entry = backlog_.find(order);
  const bool open = entry != nullptr &&
                    (entry->state == Entry::State::kSent || entry->state == Entry::State::kQueued);
  if (!open) return groups_.surprised();
  if (from_elsewhere(ack) && link_.directory.stream_of(entry->subject()) != nullptr) return;
  if (ack.kind == PubAck::Kind::kStored) {
    // It counts even when the entry waits to be sent again: the hub has it.
    backlog_.note_stream(*entry, ack.stream, link_.directory.made_of(ack.stream), ack.sequence);
    if (ack.duplicate) backlog_.count_duplicate();
    if (entry->route == Route::kProbe || entry->route == Route::kReprobe || !acked_)
      link_.directory.learn(entry->subject(), Route::kPuback);
    acked_ = true;
    refused_for_.clear();
    if (is_anothers(*entry, ack)) {
      backlog_.send_anew(*entry);
      return backlog_.pop_settled();
    }
    backlog_.mark_confirmed(*entry);
    groups_.stored(ack.stream);
    backoff_ = {};
    more_at_a_time();
    backlog_.pop_settled();
    return;
  }
  if (entry->state != Entry::State::kSent) return;
  if (ack.kind == PubAck::Kind::kRejected) {
    rejected_for_ = words_of(ack);
    backlog_.mark_lost(*entry, &LossCounts::rejected);
    backlog_.pop_settled();
    return;
  }
  refused_for_ = words_of(ack);
  backlog_.note_refusal();
  if (ack.crowded && now >= retry_) press_less();
  backlog_.requeue(*entry, false);
  if (now >= retry_) hold_off(now);
  link_.directory.doubt(now);
}

// A server beyond the hub has a stream of the same subjects in a JetStream of its own. Where the
// hub's has them too, what that one took or refused says nothing of this one.
bool Sender::from_elsewhere(const PubAck& ack) const {
  if (link_.directory.state() != HubDirectory::State::kKnown) return false;  // Nor over.
  const std::string& domain = link_.state.uplink->hub().domain;
  if (domain.empty()) return false;
  if (ack.kind == PubAck::Kind::kStored) return !ack.domain.empty() && ack.domain != domain;
  return !ack.stream.empty() && !link_.directory.lists(ack.stream);
}

// The hub has what was never sent, by an id of ours: it is the message of another box, and the
// store of one is a copy of the other's. In a group one does not know which: once it was looked
// for.
bool Sender::is_anothers(const Entry& entry, const PubAck& ack) const {
  return ack.duplicate && entry.sequence != 0 && !entry.own_id && (!entry.again || entry.strange);
}

// A nats-server compares the sequence that a message expects before it looks for a repeat: of one
// that may be there already such a refusal says nothing. A question is "duplicate", or refused.
bool Sender::asks(std::uint64_t order, const PubAck& ack, std::string& text) {
  Entry* entry = backlog_.find(order);
  if (ack.kind != PubAck::Kind::kRejected || entry == nullptr ||
      entry->state != Entry::State::kSent || from_elsewhere(ack)) {
    return false;
  }
  if (entry->refusal) {
    if (ack.wrong_sequence) return true;  // Of a sending before the question.
    text = *entry->refusal;
    return false;
  }
  if (!ack.wrong_sequence || !entry->again) return false;
  entry->refusal = std::make_unique<std::string>(text);
  backlog_.requeue(*entry, true);
  backlog_.pop_settled();
  return true;
}

// They would end each link again. What is larger than any that was sent is none of them.
void Sender::payload_refused(std::size_t bytes) {
  if (phase_ != Phase::kFlowing) return;  // What is in flight went over another link.
  EntryRing& window = backlog_.window();
  for (std::size_t i = 0; i < window.size(); ++i) {
    Entry& entry = window[i];
    if (entry.state != Entry::State::kSent) continue;
    if (header_for(entry).size() + entry.payload().size() != bytes) continue;
    backlog_.mark_lost(entry, &LossCounts::rejected);
    rejected_for_ = "the hub ends the link for " + std::to_string(bytes) + " bytes";
  }
  backlog_.pop_settled();
}

// A group that broke is looked for at the hub once what is under way has been answered.
void Sender::group_acked(std::uint64_t number, const PubAck& ack, Time now) {
  if (ack.kind == PubAck::Kind::kForeign || from_elsewhere(ack)) return;
  if (ack.kind != PubAck::Kind::kStored) {  // Also of a group that was given up meanwhile.
    if (ack.kind == PubAck::Kind::kTemporary) refused_for_ = words_of(ack);
    if (ack.crowded && now >= retry_) press_less();
    backlog_.note_refusal();
    link_.directory.doubt(now);
  }
  const AckGroups::Answer answer = groups_.answered(number, ack);
  if (answer.verdict == AckGroups::Verdict::kOpen) return;
  const AckGroup& group = answer.group;
  if (answer.verdict == AckGroups::Verdict::kBroken) {
    for (std::uint64_t order = group.first; order < group.first + group.count; ++order) {
      Entry* entry = backlog_.find(order);
      if (entry != nullptr && ack.duplicate) entry->strange = !entry->again;
    }
    link_.directory.doubt(now);
    if (now >= retry_) hold_off(now);
    return;
  }
  refused_for_.clear();
  const std::uint64_t made = link_.directory.made_of(group.stream);
  for (std::uint64_t order = group.first; order < group.first + group.count; ++order) {
    Entry* entry = backlog_.find(order);
    if (entry == nullptr || entry->state != Entry::State::kSent) continue;
    backlog_.note_stream(*entry, group.stream, made, group.lowest());
    backlog_.mark_confirmed(*entry);
  }
  backoff_ = {};
  backlog_.pop_settled();
}

// The hub takes nothing for now: wait, longer each time, then go on with one at a time.
void Sender::hold_off(Time now) {
  const MirrorLimits& limits = link_.limits;
  backoff_ = std::clamp(backoff_ * 2, limits.backoff_min, limits.backoff_max);
  retry_ = now + backoff_ + 2 * link_.state.uplink->round_trip();
  refused_ = true;
  refused_at_ = now;
  cautious_ = 1;
}

// Where others press the stream as well, a fleet after an outage, all would overrun it again. So
// few are not what does it: over a far link they are little already.
void Sender::press_less() {
  constexpr std::size_t kFew = 64;
  if (crowd_ == 0 || backlog_.in_flight() >= kFew) {
    crowd_ = std::max(kFew, backlog_.in_flight() / 4);
  }
}

void Sender::more_at_a_time() {
  if (cautious_ == 0) return;
  if (cautious_ >= kCautiousMax) {
    cautious_ = crowd_ = 0;
  } else if (crowd_ == 0) {
    cautious_ *= 2;
  } else if (cautious_ < crowd_ || ++answers_ >= cautious_) {
    ++cautious_;
    answers_ = 0;
  }
}

// No stream vouches for it: what was in flight at a refusal says nothing of what comes after.
void Sender::confirmed_without_ack() {
  refused_for_.clear();
  if (backlog_.in_flight() == 0) more_at_a_time();
}

void Sender::interest_lost(std::string_view pattern) {
  if (phase_ != Phase::kFlowing || backlog_.in_flight() == 0) return;
  EntryRing& window = backlog_.window();
  for (std::size_t i = 0; i < window.size(); ++i) {
    Entry& entry = window[i];
    if (entry.state != Entry::State::kSent || entry.route == Route::kPuback) continue;
    if (!matches(pattern, entry.subject())) continue;
    entry.missed = entry.missed || !link_.state.uplink->wants(entry.subject());
    missed_ = missed_ || entry.missed;
  }
}

// What met nobody goes again before what is behind it: nothing is sent until all of it is known.
void Sender::check_missed() {
  if (!missed_) return;
  missed_ = false;
  EntryRing& window = backlog_.window();
  for (std::size_t i = 0; i < window.size() && !missed_; ++i) {
    missed_ = window[i].state == Entry::State::kSent && window[i].missed;
  }
}

// An entry that waits to be sent again must not hold up those sent behind it: while parked ones are
// to be looked at again nothing is sent before all that is in flight is known.
void Sender::barrier_passed(std::uint64_t number, Time now) {
  if (phase_ != Phase::kFlowing) return;
  std::uint64_t order = std::max(reached_order_, backlog_.first_order());
  for (; order < sent_order_; ++order) {
    Entry* entry = backlog_.find(order);
    if (entry == nullptr) break;
    if (entry->state != Entry::State::kSent) continue;
    if (entry->barrier == 0) {  // Passed before, but behind one that was sent again since.
      overdue_ = std::min(overdue_, answer_due(*entry));
      continue;
    }
    if (entry->barrier > number) break;
    entry->barrier = 0;
    if (entry->missed && entry->route == Route::kBarrier) {
      backlog_.requeue(*entry, true);
      continue;
    }
    entry->sent = now;  // From here on an answer is due.
    if (entry->route == Route::kBarrier) {
      backlog_.mark_confirmed(*entry);
      confirmed_without_ack();
    } else {
      overdue_ = std::min(overdue_, answer_due(*entry));
    }
  }
  reached_order_ = order;
  backlog_.pop_settled();
}

Time Sender::answer_due(const Entry& entry) const {
  const Duration round_trip = link_.state.uplink->round_trip();
  if (entry.route == Route::kProbe) return entry.sent + link_.limits.probe_grace + round_trip;
  if (entry.route == Route::kReprobe) return entry.sent + link_.limits.reprobe_grace + round_trip;
  return entry.sent + link_.limits.ack_timeout + 2 * round_trip;
}

// A stream had this subject, and may again, or has just come and takes the rule's: a hub that dies
// now takes with it what the stream has not stored yet, and one whose disk is full says nothing.
// The list of streams says so, but not of a hub that gives none any more.
bool Sender::may_be_captured(const Entry& entry, Time now) const {
  const HubDirectory& directory = link_.directory;
  return directory.state() == HubDirectory::State::kKnown &&
         (acked_ || directory.stream_of(entry.subject(), true) != nullptr) &&
         !directory.heard_since(entry.sent) && now < entry.sent + link_.limits.stream_away_max;
}

// No PubAck came for it in all the time. Where none came for any over this link, the hub is another
// one, or its streams are gone: nor will the rule's other subjects have one.
void Sender::forget_route(const Entry& entry) {
  if (acked_) return link_.directory.forget(entry.subject());
  for (const std::string& pattern : backlog_.rule().subjects) link_.directory.forget(pattern);
}

// What has reached the hub and was not answered in time: a probe shows that no stream is there; a
// PubAck that is missing calls for a look at what the hub has.
void Sender::check_overdue(Time now) {
  // After a refusal the rest of what was in flight is looked for too.
  const bool over = refused_ && now >= retry_;
  if (over) refused_ = false;
  if (now < overdue_ && !over) {
    if (backlog_.in_flight() > 0) deadline_ = std::min(deadline_, overdue_);
    return backlog_.pop_settled();
  }
  bool lost = false;
  overdue_ = kNever;
  EntryRing& window = backlog_.window();
  for (std::size_t i = 0; i < window.size() && window[i].order < reached_order_; ++i) {
    Entry& entry = window[i];
    if (entry.state != Entry::State::kSent || entry.barrier != 0) continue;
    const bool probe = entry.route == Route::kProbe || entry.route == Route::kReprobe;
    if (const Time due = answer_due(entry); now < due) {
      overdue_ = std::min(overdue_, due);
      continue;
    }
    if (probe && entry.missed) {
      backlog_.requeue(entry, true);
    } else if (probe && may_be_captured(entry, now)) {
      link_.directory.doubt(now);
      overdue_ = std::min(overdue_, now + link_.limits.probe_grace);
    } else if (probe && link_.directory.stream_of(entry.subject()) == nullptr) {
      link_.directory.learn(entry.subject(), Route::kBarrier);
      backlog_.mark_confirmed(entry);
      confirmed_without_ack();
    } else {
      lost = true;
      if (backoff_ == link_.limits.backoff_max) forget_route(entry);
    }
  }
  deadline_ = std::min(deadline_, overdue_);
  backlog_.pop_settled();
  if (!lost && !(over && backlog_.in_flight() > 0)) return;
  if (lost) link_.directory.doubt(now);
  if (lost && refused_for_.empty()) refused_for_ = "no answer comes";
  if (lost && now >= retry_) hold_off(now);
  start_resolving(now, lost ? now : refused_at_);
  deadline_ = now;
}

}  // namespace petiole
