#include "agent/mirror/sender.h"

#include <algorithm>
#include <utility>

#include "agent/protocol/headers.h"

namespace petiole {

void Sender::link_up(Time now) {
  link_down();
  groups_.link_up();
  requesters_.clear();
  backoff_ = {};
  refused_ = acked_ = false;
  deaf_ = !link_.api.hears();
  refused_for_.clear();
  cautious_ = crowd_ = 0;
  retry_ = {};
  interest_moved_ = backlog_.passed_some();
  start_resolving(now, {});
}

void Sender::link_down() {
  phase_ = Phase::kDown;
  resolver_.reset();
  resolved_.reset();
  backlog_.unclaim();
  waiting_for_interest_ = false;
  deadline_ = overdue_ = kNever;
}

// The barrier way needs no question: what was not confirmed is sent again.
void Sender::start_resolving(Time now, Time told) {
  phase_ = Phase::kResolving;
  told_ = told;
  groups_.drop();
  resolved_.reset();
  resolver_.reset();
  if (!backlog_.opened() || backlog_.asks_on()) return;
  const SuspectList* before = backlog_.suspects();
  resolving_log_ = before != nullptr;
  SuspectList suspects = before != nullptr ? *before : SuspectList(link_.key.a);
  EntryRing& window = backlog_.window();
  for (std::size_t i = 0; i < window.size() && !resolving_log_; ++i) {
    const Entry& entry = window[i];
    // One that is confirmed vouches for those of its subject before it.
    const bool vouches =
        entry.state == Entry::State::kConfirmed && suspects.contains(entry.subject());
    if (entry.state != Entry::State::kSent && !vouches) continue;
    suspects.add(entry.subject(), entry.order, keyed_hash(link_.key, backlog_.id_of(entry, id_)),
                 now - entry.sent, entry.bytes(), rollup_of(entry.header()));
  }
  const bool unknown = resolving_log_ && backlog_.state().order_unknown;
  resolver_ = std::make_unique<Resolver>(link_.api, link_.directory, link_.limits, link_.key,
                                         std::move(suspects),
                                         Resolver::Order{backlog_.state().holes, unknown},
                                         [this](const SuspectList& done) { resolved_ = done; });
}

void Sender::finish_resolving() {
  const std::vector<std::uint64_t> arrived = resolved_->arrived();
  const bool unanswered = !link_.directory.tells_all();
  if (!arrived.empty()) refused_for_.clear();
  if (resolving_log_) {
    backlog_.resolve_suspects(arrived, !unanswered);
  } else {
    for (const std::uint64_t order : arrived) {
      Entry* entry = backlog_.find(order);
      if (entry != nullptr && entry->state == Entry::State::kSent) backlog_.mark_confirmed(*entry);
    }
    if (missing_before_confirmed()) backlog_.note_refusal();
    EntryRing& window = backlog_.window();
    for (std::size_t i = 0; i < window.size(); ++i) {
      if (window[i].state == Entry::State::kSent) backlog_.requeue(window[i], unanswered);
    }
    backlog_.pop_settled();
  }
  reached_order_ = 0;
  resolver_.reset();
  resolved_.reset();
  phase_ = backlog_.asks_on() ? Phase::kResolving : Phase::kFlowing;
}

// The hub has some behind one that it does not have: found now, or answered before.
bool Sender::missing_before_confirmed() const {
  const EntryRing& window = backlog_.window();
  bool missing = false;
  for (std::size_t i = 0; i < window.size(); ++i) {
    if (missing && window[i].state == Entry::State::kConfirmed) return true;
    missing = missing || window[i].state == Entry::State::kSent;
  }
  return false;
}

void Sender::tick(Time now) {
  deadline_ = kNever;
  if (phase_ == Phase::kDown || !backlog_.opened()) return;
  if (phase_ == Phase::kResolving) {
    if (resolver_ == nullptr) start_resolving(now, told_);
    if (resolver_ == nullptr) return;  // Those to be asked for next are being read.
    const bool known = link_.directory.told_since(told_);
    const bool barrier = backlog_.rule().confirm == Confirm::kBarrier;
    if (!resolver_->started() && (known || barrier)) {
      backlog_.bound_floors([this](const StreamFloor& floor) {
        const HubDirectory& hub = link_.directory;
        const bool said = hub.heard_since(told_) && hub.made_of(floor.stream) == floor.made;
        return said ? hub.last_of(floor.stream) : UINT64_MAX;
      });
      resolver_->start(now, !barrier, backlog_.state().floors);
    }
    resolver_->tick(now);
    deadline_ = resolver_->deadline();
    if (!resolved_) return;
    finish_resolving();
    deadline_ = kNever;
  }
  if (phase_ != Phase::kFlowing) return;
  check_overdue(now);
  if (phase_ != Phase::kFlowing) return;
  check_missed();
  check_rescan(now);
  if (now < retry_) deadline_ = std::min(deadline_, retry_);
}

void Sender::check_rescan(Time now) {
  const auto wants = [this](std::string_view subject) {
    return link_.state.uplink->wants(subject);
  };
  if (interest_moved_ && backlog_.failed() && !backlog_.parked_some()) {
    interest_moved_ = false;
    backlog_.take_up(wants);
  }
  if (!backlog_.has_parked()) {
    rescan_wanted_ = false;
    return;
  }
  // It empties the window: what found no room on the disk goes first.
  backlog_.spill();
  if (backlog_.unspilled()) return;
  const Time allowed = rescanned_ + link_.limits.rescan_interval;
  if (interest_moved_ && !rescan_wanted_) {
    if (now < allowed) {
      deadline_ = std::min(deadline_, allowed);
      return;
    }
    interest_moved_ = false;
    rescan_wanted_ = backlog_.parked_wanted(wants);
    if (backlog_.failed() && !rescan_wanted_) backlog_.take_up(wants);
  }
  if (!rescan_wanted_ || backlog_.in_flight() != 0) return;
  rescan_wanted_ = false;
  rescanned_ = now;
  backlog_.rescan();
}

// Where the hub cannot be asked: a stream took messages of this rule once, and none has yet over
// this link. Perhaps it has no leader, and a barrier would only mean that others were there.
bool Sender::stream_may_be_away(Time now) const {
  return !acked_ && !backlog_.state().floors.empty() &&
         now < link_.state.up + link_.limits.stream_away_max;
}

Route Sender::route_of(const Entry& entry, Time now) const {
  switch (backlog_.rule().confirm) {
    case Confirm::kPuback:
      return Route::kPuback;
    case Confirm::kBarrier:
      return Route::kBarrier;
    case Confirm::kAuto:
      if (deaf_) return Route::kBarrier;  // No PubAck can come.
      break;
  }
  const Route route = link_.directory.route_of(entry.subject());
  const bool asked = link_.directory.state() != HubDirectory::State::kUnreachable;
  if (!asked && link_.state.uplink->hub().drops_repeats) return Route::kBarrier;
  if (!link_.state.uplink->hub().headers && route == Route::kProbe) return Route::kBarrier;
  if (route == Route::kProbe && stream_may_be_away(now)) return Route::kPuback;
  // Found out by trying is not known: a stream that comes, or refuses, must still be heard.
  return !asked && route == Route::kBarrier ? Route::kReprobe : route;
}

std::size_t Sender::in_flight_max() const {
  return link_.pacer.in_flight_bytes_max(link_.state.uplink->round_trip(),
                                         link_.limits.in_flight_bytes_max);
}

// Nobody upstream wants it. After a while others go ahead; it stays on disk. False: wait. Not for
// as long as others of the hub come and go, which may be always.
bool Sender::may_pass_over(Time now) {
  const LinkState& link = link_.state;
  const Time calm = link.interest_changed - link_.limits.park_after / 2;
  const Time since = std::max(link.up, std::min(calm, link.interest_moves));
  const Time due = since + link_.limits.park_after;
  if (now >= due) return true;
  deadline_ = std::min(deadline_, due);
  return false;
}

// Onto the disk, if it is not there, and out of the way of others.
bool Sender::set_aside(Entry& entry) {
  if (backlog_.off_disk(entry)) {
    backlog_.put_by(entry);
    return true;
  }
  if (entry.sequence == 0) {
    const std::uint64_t order = entry.order;
    backlog_.spill();
    Entry* spilled = backlog_.find(order);
    if (spilled == nullptr) return false;
    if (spilled->sequence != 0) return false;  // Until it is there.
    // No room on the disk, and none in memory while others wait behind it.
    backlog_.mark_lost(*spilled, &LossCounts::refused);
    backlog_.pop_settled();
    return true;
  }
  backlog_.park(entry);
  return true;
}

bool Sender::send_one(Time now) {
  if (phase_ != Phase::kFlowing || now < retry_ || rescan_wanted_ || missed_) {
    return false;
  }
  while (Entry* entry = backlog_.next_unsent()) {
    if (backlog_.expired(*entry) && !entry->maybe && !entry->claimed) {
      backlog_.mark_lost(*entry, &LossCounts::age);
      backlog_.pop_settled();
      continue;
    }
    if (cautious_ != 0 && backlog_.in_flight() >= cautious_) return false;
    if (!backlog_.room_in_flight(in_flight_max())) return false;
    const Route route = route_of(*entry, now);
    if (route == Route::kUnknown) return false;
    const bool behind = backlog_.behind_parked(*entry);
    waiting_for_interest_ = !behind && !link_.state.uplink->wants(entry->subject());
    if (waiting_for_interest_ && !may_pass_over(now)) return false;
    // Last, for it pins the next ones: what waits for another reason is still counted by limits.
    if (!backlog_.may_send(*entry)) return false;
    if (behind || waiting_for_interest_) {
      // In the order of its subject: the rescan sends both.
      interest_moved_ = interest_moved_ || behind;
      if (!set_aside(*entry)) return false;
      continue;
    }
    // Older than a second, or from a time to come: the clock was set back.
    const bool replayed = std::chrono::abs(backlog_.wall() - entry->time) > std::chrono::seconds(1);
    if (replayed && !link_.pacer.ready(link_.state.uplink->queued_bytes(), now)) {
      deadline_ = std::min(deadline_, link_.pacer.next());
      return false;
    }
    if (too_large(*entry)) {
      const std::size_t bytes_max = link_.state.uplink->hub().payload_bytes_max;
      rejected_for_ = "larger than the hub's max_payload, " + std::to_string(bytes_max);
      backlog_.mark_lost(*entry, &LossCounts::rejected);
      backlog_.pop_settled();
      continue;
    }
    link_.pacer.sent(entry->text.size(), replayed);
    link_.state.bytes_sent += entry->text.size();
    publish(*entry, route, now);
    return true;
  }
  waiting_for_interest_ = false;
  return false;
}

// Valid until the next call.
std::string_view Sender::header_for(const Entry& entry) {
  if (!link_.state.uplink->hub().headers) return {};
  if (entry.refusal) return header_ = question_for(entry);
  // Without an id rather than not at all: it may come twice when the link breaks just then.
  if (entry.own_id) {
    const bool bare = !fits(entry, entry.header()) && backlog_.id_is_ours(entry);
    return bare ? header_ = without_message_id(entry.header()) : entry.header();
  }
  header_.clear();
  append_header_with_id(header_, entry.header(), backlog_.ids_of(entry), backlog_.number_of(entry));
  return fits(entry, header_) ? header_ : entry.header();
}

bool Sender::fits(const Entry& entry, std::string_view header) const {
  const std::size_t bytes_max = link_.state.uplink->hub().payload_bytes_max;
  return bytes_max == 0 || header.size() + entry.payload().size() <= bytes_max;
}

// With an expectation that never holds, as no id has the number 0: found or refused, not stored.
std::string Sender::question_for(const Entry& entry) const {
  std::string header(entry.own_id ? entry.header() : std::string_view());
  if (!entry.own_id) {
    append_header_with_id(header, entry.header(), backlog_.ids_of(entry),
                          backlog_.number_of(entry));
  }
  std::string never;
  backlog_.ids_of(entry).append(never, 0);
  return add_header(without_headers(header, "Nats-Expected-Last-"), "Nats-Expected-Last-Msg-Id",
                    never);
}

// The hub would close the link for it, each time again.
bool Sender::too_large(const Entry& entry) {
  constexpr std::size_t kIdBytesMax = 256;  // That header_for() adds, about.
  const std::size_t bytes_max = link_.state.uplink->hub().payload_bytes_max;
  if (bytes_max == 0 || entry.text.size() + kIdBytesMax <= bytes_max) return false;
  return !fits(entry, header_for(entry));
}

// Valid until the next call. What a group's answers say must be exact: no publisher's id, which
// may come twice; nothing that may be at the hub already; and a hub that can be asked.
std::string_view Sender::reply_for(const Entry& entry, Route route) {
  const bool together = groups_.usable() && route == Route::kPuback && cautious_ == 0 &&
                        !entry.own_id && !entry.maybe && !entry.doubted && !entry.reply &&
                        link_.state.uplink->hub().headers &&
                        link_.directory.state() == HubDirectory::State::kKnown;
  if (!together) return link_.inbox.reply_subject({.kind = 'a', .a = rule_, .b = entry.order});
  const std::uint64_t group = groups_.join(entry.order);
  if (std::exchange(reply_group_, group) != group) {
    group_reply_ = link_.inbox.reply_subject({.kind = 'g', .a = rule_, .b = group});
  }
  return group_reply_;
}

// By order they are as good as by time: the oldest has waited longest.
void Sender::note_requester(const Entry& entry) {
  if (!entry.reply) return;
  requesters_.insert_or_assign(entry.order, *entry.reply);
  if (requesters_.size() > link_.limits.requesters_max) requesters_.erase(requesters_.begin());
}

std::string_view Sender::requester(std::uint64_t order) const {
  const auto at = requesters_.find(order);
  return at != requesters_.end() ? std::string_view(at->second) : std::string_view();
}

void Sender::publish(Entry& entry, Route route, Time now) {
  std::string_view reply;
  if (route == Route::kBarrier) {
    reply = entry.reply_subject();
  } else {
    note_requester(entry);
    reply = reply_for(entry, route);
  }
  entry.route = last_route_ = route;
  entry.barrier = link_.state.next_barrier;
  link_.state.barrier_wanted = true;
  sent_order_ = std::max(sent_order_, entry.order + 1);
  reached_order_ = std::min(reached_order_, entry.order);
  const Message message{entry.subject(), reply, header_for(entry), entry.payload(), {}};
  const bool marked = route == Route::kBarrier && link_.state.uplink->hub().drops_repeats;
  const MirrorMark mark = marked ? backlog_.mark_of(entry) : MirrorMark{};
  backlog_.mark_sent(entry, now);
  marked ? link_.state.uplink->publish_marked(message, mark) : link_.state.uplink->publish(message);
}

}  // namespace petiole
