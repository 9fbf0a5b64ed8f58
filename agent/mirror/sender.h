// Sends a rule's backlog over the link and learns what became of it.
//
// After a link comes up it first resolves what may have been sent before. Then it sends in order,
// many in flight, until an answer is missing or says "not now": it stops, resolves, and goes on
// from the first that is not confirmed. Loop thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/mirror/ack_group.h"
#include "agent/mirror/backlog.h"
#include "agent/mirror/link.h"
#include "agent/mirror/puback.h"
#include "agent/mirror/resolver.h"

namespace petiole {

class Sender {
 public:
  enum class Phase : std::uint8_t { kDown, kResolving, kFlowing };

  Sender(Backlog& backlog, LinkParts& link, std::uint64_t rule)
      : backlog_(backlog),
        link_(link),
        rule_(rule),
        groups_(link.limits.group_messages_max, link.limits.group_after) {}

  void link_up(Time now);
  void link_down();
  // Before link_down(): the hub takes no message of so many bytes, and ended the link for one.
  void payload_refused(std::size_t bytes);
  void acked(std::uint64_t order, const PubAck& ack, Time now);
  // The answer only shows that the hub must be asked whether it has the message: it says nothing to
  // anybody. Else `text`, the answer, is what to pass on to who asked.
  bool asks(std::uint64_t order, const PubAck& ack, std::string& text);
  void group_acked(std::uint64_t number, const PubAck& ack, Time now);
  void barrier_passed(std::uint64_t number, Time now);
  // Who asked with the message of this order and may still wait for an answer; empty: nobody. The
  // hub's answer came to us, so it is ours to pass on.
  std::string_view requester(std::uint64_t order) const;
  void interest_changed() { interest_moved_ = true; }
  void interest_lost(std::string_view pattern);

  // Does what is due by the clock or has become possible; then send_one() may be called.
  void tick(Time now);
  bool send_one(Time now);
  Time deadline() const { return deadline_; }

  Phase phase() const { return phase_; }
  bool waiting_for_interest() const { return waiting_for_interest_; }
  bool backing_off(Time now) const { return now < retry_; }
  // Nothing is before a new message: one may go from memory.
  bool keeps_up(Time now) const {
    return phase_ == Phase::kFlowing && !waiting_for_interest_ && !backing_off(now) &&
           !rescan_wanted_;
  }
  Route last_route() const { return last_route_; }
  // In the hub's words: why it takes nothing for now, until it takes one, or that its stream does
  // not answer; why it did not take the last one that was given up for it. Empty: there is no such.
  const std::string& refused_for() const { return refused_for_; }
  const std::string& rejected_for() const { return rejected_for_; }

 private:
  static constexpr std::size_t kCautiousMax = 4096;

  // By a directory from `told` on, which says of each stream whether it is the same.
  void start_resolving(Time now, Time told);
  void finish_resolving();
  bool missing_before_confirmed() const;
  bool is_anothers(const Entry& entry, const PubAck& ack) const;
  bool from_elsewhere(const PubAck& ack) const;
  bool may_be_captured(const Entry& entry, Time now) const;
  Time answer_due(const Entry& entry) const;
  void forget_route(const Entry& entry);
  void check_overdue(Time now);
  void check_missed();
  void check_rescan(Time now);
  void hold_off(Time now);
  bool may_pass_over(Time now);
  bool set_aside(Entry& entry);
  Route route_of(const Entry& entry, Time now) const;
  bool stream_may_be_away(Time now) const;
  void press_less();
  void more_at_a_time();
  void confirmed_without_ack();
  void publish(Entry& entry, Route route, Time now);
  std::string_view reply_for(const Entry& entry, Route route);
  std::size_t in_flight_max() const;
  std::string_view header_for(const Entry& entry);
  std::string question_for(const Entry& entry) const;
  bool fits(const Entry& entry, std::string_view header) const;  // What the hub takes at once.
  bool too_large(const Entry& entry);
  void note_requester(const Entry& entry);

  Backlog& backlog_;
  LinkParts& link_;
  std::uint64_t rule_;
  Phase phase_ = Phase::kDown;
  std::unique_ptr<Resolver> resolver_;
  Time told_{};                 // Of start_resolving.
  bool resolving_log_ = false;  // What a run before has left, not what is in the window.
  std::optional<SuspectList> resolved_;
  std::uint64_t reached_order_ = 0;  // What was sent before it has reached the hub.
  std::uint64_t sent_order_ = 0;     // Nothing was sent from here on.
  Time retry_{};                     // Nothing is sent before.
  bool refused_ = false;
  Time refused_at_{};
  Duration backoff_{};
  std::size_t cautious_ = 0;  // After a refusal: so many in flight; 0: no limit.
  std::size_t crowd_ = 0;     // Others press the stream, too: above so many it grows slowly; 0: no.
  std::size_t answers_ = 0;   // Since it grew so.
  bool acked_ = false;        // A stream took something from this link.
  bool deaf_ = false;         // This link lets through nothing that answers us.
  bool missed_ = false;       // Some that met nobody are in flight.
  bool waiting_for_interest_ = false, interest_moved_ = false, rescan_wanted_ = false;
  Time rescanned_{};
  Time deadline_ = kNever;
  Time overdue_ = kNever;  // No answer to what has reached the hub is due before.
  Route last_route_ = Route::kUnknown;
  std::string refused_for_, rejected_for_;
  std::string header_, id_;
  AckGroups groups_;
  std::uint64_t reply_group_ = 0;
  std::string group_reply_;                          // Of that one.
  std::map<std::uint64_t, std::string> requesters_;  // By order, of what was sent over this link.
};

}  // namespace petiole
