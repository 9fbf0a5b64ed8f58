// The mirror's turn: answers in, what is due, messages out.
#include <algorithm>
#include <utility>

#include "agent/mirror/mirror_core.h"
#include "agent/subject/subject.h"

namespace petiole {

namespace {

constexpr double kDrainRateMin = 0.1;  // Messages a second; below, nothing drains.
constexpr int kQuantum = 16;           // Messages of one rule before another's turn.
// Of a quantum each, or so long; then it is the turn of other peers, whose answers wait for us.
constexpr int kRoundsPerTurn = 16;
constexpr Duration kSendTime = std::chrono::microseconds(40);
constexpr Duration kTick = std::chrono::seconds(1);
// The queue to the disk may be full of what is another account's: nobody tells when that is done.
constexpr Duration kHeldAgain = std::chrono::milliseconds(20);

}  // namespace

void MirrorCore::poke() {
  if (poked_) return;
  poked_ = true;
  host_.loop.at_turn_end([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) pump();
  });
}

void MirrorCore::poke_later() {
  host_.loop.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) poke();
  });
}

void MirrorCore::pump() {
  poked_ = false;
  const Time now = host_.clock.now();
  apply_answers(now);
  if (link_.state.uplink != nullptr) {
    api_.tick(now);
    directory_.tick(now, waits());
  }
  sample(now);
  if (room_goal_) (void)evict_some();
  if (now >= ticked_ + kTick) {
    ticked_ = now;
    for (Rule& rule : rules_) rule.backlog->expire();
    if (!link_.state.proven) spill();
  }
  const bool online = link_.state.uplink != nullptr;
  for (Rule& rule : rules_) {
    rule.backlog->follow_clock();
    rule.backlog->take_held();
    rule.sender->tick(now);
    rule.backlog->refill(online);
  }
  if (online) send(now);
  for (Rule& rule : rules_) rule.backlog->note(false, !online);
  finish_waiting();
  arm(now);
}

// Who has seen a reply subject may answer once more after its link is over: nobody waits for that.
void MirrorCore::take_answer(const Inbox::Address& address, const Message& message) {
  if (link_.state.uplink == nullptr) return;
  if (address.kind == 'a' || address.kind == 'g') {
    Answer& answer =
        answers_.emplace_back(Answer{address, parse_puback(message.header, message.payload), {}});
    // What is sent again after a refusal is answered then.
    const bool again = answer.ack.kind == PubAck::Kind::kTemporary;
    if (address.kind != 'a' || address.a >= rules_.size() || again) return poke();
    answer.requester = rules_[address.a].sender->requester(address.b);
    if (answer.requester.empty()) return poke();
    answer.header = message.header;
    answer.payload = message.payload;
  } else {
    answers_.push_back({address, {}, std::string(message.payload)});
  }
  poke();
}

// Who gets an answer from us may do anything at once: also take the link away.
void MirrorCore::apply_answers(Time now) {
  std::vector<Answer> answers = std::exchange(answers_, std::exchange(applied_, {}));
  const std::uint64_t link = link_.state.generation;
  for (Answer& answer : answers) {
    if (link_.state.generation != link) return;
    if (answer.address.kind == 'q') {
      api_.answered(answer.address.b, {{}, {}, {}, answer.payload, {}}, now);
    } else if (answer.address.a < rules_.size()) {
      Sender& sender = *rules_[answer.address.a].sender;
      if (answer.address.kind == 'g') {
        sender.group_acked(answer.address.b, answer.ack, now);
      } else if (!sender.asks(answer.address.b, answer.ack, answer.payload)) {
        if (!answer.requester.empty()) pass_on(answer);
        sender.acked(answer.address.b, answer.ack, now);
      }
    }
  }
  answers.clear();
  applied_ = std::move(answers);  // For its memory.
  const std::uint64_t passed = std::exchange(barrier_passed_, 0);
  if (passed == 0) return;
  for (Rule& rule : rules_) rule.sender->barrier_passed(passed, now);
}

// Who sent a request that was captured gets the answer that came to us in his place: a stream's
// PubAck, or a service's word.
void MirrorCore::pass_on(const Answer& answer) {
  (void)account_.publish({.capture = false},
                         {answer.requester, {}, answer.header, answer.payload, {}});
}

// The most important first; among equals in turns. One that is paced sends nothing: what is new in
// the others does not wait for its turn.
void MirrorCore::send(Time now) {
  const Time begin = host_.clock.now();
  int rounds = kRoundsPerTurn;
  for (std::size_t first = 0; first < by_priority_.size() && rounds > 0;) {
    std::size_t end = first;
    const int priority = by_priority_[first]->named.rule.priority;
    while (end < by_priority_.size() && by_priority_[end]->named.rule.priority == priority) ++end;
    bool more = true;
    while (more && rounds > 0) {
      more = false;
      for (std::size_t i = first; i < end; ++i) more |= send_some(*by_priority_[i], now);
      if (more) --rounds;
      if (more && host_.clock.now() >= begin + kSendTime) rounds = 0;
    }
    first = end;
  }
  if (rounds == 0) poke_later();
  ask_barrier(now);
}

bool MirrorCore::send_some(Rule& rule, Time now) {
  bool sent = false;
  for (int i = 0; i < kQuantum && rule.sender->send_one(now); ++i) sent = true;
  rule.backlog->refill(true);
  return sent;
}

void MirrorCore::ask_barrier(Time now) {
  LinkState& state = link_.state;
  if (!state.barrier_wanted || barriers_.size() >= static_cast<std::size_t>(limits_.barriers_max)) {
    return;
  }
  state.barrier_wanted = false;
  const std::uint64_t number = state.next_barrier++;
  if (barriers_.empty()) passed_at_ = now;  // Before, nothing was on its way.
  barriers_.push_back({number, state.bytes_sent, bytes_passed_, passed_at_});
  state.uplink->barrier(
      [this, alive = std::weak_ptr<int>(alive_), number, generation = state.generation] {
        if (!alive.expired() && generation == link_.state.generation) barrier_passed(number);
      });
}

void MirrorCore::barrier_passed(std::uint64_t number) {
  const Time now = host_.clock.now();
  while (!barriers_.empty() && barriers_.front().number <= number) {
    const Barrier barrier = barriers_.front();
    barriers_.pop_front();
    bytes_passed_ = barrier.bytes;
    passed_at_ = now;
    const std::uint64_t bytes = barrier.bytes - barrier.passed;
    if (bytes > 4096) pacer_.measured(bytes, now - barrier.since);
  }
  barrier_passed_ = std::max(barrier_passed_, number);
  poke();
}

void MirrorCore::link_up(Uplink& link) {
  links_.push_back(&link);
  if (link_.state.uplink == nullptr) use_link(link);
}

void MirrorCore::use_link(Uplink& link) {
  const Time now = host_.clock.now();
  LinkState& state = link_.state;
  ++state.generation;
  state.uplink = &link;
  state.proven = true;
  state.up = state.interest_changed = state.interest_moves = now;
  state.barrier_wanted = false;
  state.bytes_sent = bytes_passed_ = 0;
  barriers_.clear();
  barrier_passed_ = 0;
  inbox_.renew({host_.entropy.number(), host_.entropy.number()});
  api_.link_up(link);
  directory_.link_up(now);
  pacer_.link_up();
  for (Rule& rule : rules_) {
    rule.sender->link_up(now);
    rule.drain_rate = 0;
  }
  poke();
}

void MirrorCore::link_doubted(Uplink& link) {
  if (link_.state.uplink != &link) return;
  link_.state.proven = false;
  spill();
  poke();
}

void MirrorCore::spill() {
  for (Rule& rule : rules_) rule.backlog->spill();
}

void MirrorCore::link_proven(Uplink& link) {
  if (link_.state.uplink == &link) link_.state.proven = true;
}

void MirrorCore::link_down(Uplink& link) {
  std::erase(links_, &link);
  if (link_.state.uplink != &link) return;
  if (const std::size_t bytes = link.payload_refused(); bytes != 0) {
    apply_answers(host_.clock.now());
    for (Rule& rule : rules_) rule.sender->payload_refused(bytes);
  }
  leave_link();
  if (!links_.empty()) use_link(*links_.front());
}

void MirrorCore::leave_link() {
  apply_answers(host_.clock.now());  // What came before the end still counts.
  ++link_.state.generation;
  link_.state.uplink = nullptr;
  link_.state.proven = false;
  barriers_.clear();
  answers_.clear();
  api_.link_down();
  directory_.link_down();
  for (Rule& rule : rules_) {
    rule.sender->link_down();
    rule.backlog->spill();
    rule.backlog->note(false, true);
  }
  poke();
}

void MirrorCore::interest_changed(Uplink& link) {
  if (link_.state.uplink != &link) return;
  const Time now = host_.clock.now();
  LinkState& state = link_.state;
  if (now > state.interest_changed + limits_.park_after / 2) state.interest_moves = now;
  state.interest_changed = now;
  directory_.interest_changed(now);
  for (Rule& rule : rules_) rule.sender->interest_changed();
  poke();
}

// A PONG on the way may stand behind messages that met nobody. All in flight are looked through for
// it: not each time that a client of the hub leaves with its inbox.
void MirrorCore::interest_lost(Uplink& link, std::string_view subject) {
  if (link_.state.uplink != &link) return;
  for (Rule& rule : rules_) {
    const std::vector<std::string>& patterns = rule.named.rule.subjects;
    const bool ours = std::any_of(patterns.begin(), patterns.end(),
                                  [&](const std::string& each) { return overlaps(each, subject); });
    if (ours) rule.sender->interest_lost(subject);
  }
}

void MirrorCore::link_drained(Uplink& link) {
  if (link_.state.uplink == &link) poke();
}

void MirrorCore::sample(Time now) {
  if (now < sampled_ + kTick) return;
  const double span = std::chrono::duration<double>(now - sampled_).count();
  sampled_ = now;
  for (Rule& rule : rules_) {
    const std::uint64_t confirmed = rule.backlog->state().confirmed;
    const std::uint64_t before = std::exchange(rule.confirmed_before, confirmed);
    const double rate = static_cast<double>(confirmed - before) / span;
    const double smoothed = rule.drain_rate * 0.7 + rate * 0.3;
    rule.drain_rate = rule.backlog->messages() == 0 || smoothed < kDrainRateMin ? 0 : smoothed;
    if (confirmed != before)
      rule.waits_since = kNever;
    else if (rule.backlog->can_rest())
      rule.backlog->rest();
  }
  tell_waiting(now);
  tell_copied();
}

bool MirrorCore::waits() const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [](const Rule& rule) { return rule.backlog->messages() > 0; });
}

void MirrorCore::arm(Time now) {
  Time due = tell_losses(now);
  const bool online = link_.state.uplink != nullptr;
  if (online) due = std::min({due, api_.deadline(), directory_.deadline(waits())});
  for (const Rule& rule : rules_) {
    due = std::min({due, rule.sender->deadline(), rule.backlog->note_deadline()});
    const bool ages = rule.named.rule.max_age > Duration::zero() || online;
    const bool changes = ages && rule.backlog->messages() > 0;
    if (changes || rule.backlog->can_rest()) due = std::min(due, now + kTick);
    if (rule.backlog->opened() && rule.backlog->holding()) due = std::min(due, now + kHeldAgain);
    if (rule.backlog->unspilled() && !link_.state.proven) due = std::min(due, now + kTick);
  }
  if (due == kNever)
    timer_->cancel();
  else
    timer_->arm(std::max(due, now + std::chrono::milliseconds(1)));
}

}  // namespace petiole
