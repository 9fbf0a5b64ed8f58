// What a leaf behind us is told, and when, of messages that our mirror captures.
//
// To a petiole there a PONG means that what it sent before is safe, and it forgets that. So the
// PONG waits for the disk, in order, as a client's does. Meanwhile the peer hears a +OK now and
// then, which means nothing to a leaf but life: a slow disk does not cut the link. A nats-server
// there keeps nothing, and counts its PINGs whatever else it hears (client.go, processPingTimer:
// a spoke's PING is not put off by what comes in): it has its PONG at once.
#include <utility>

#include "agent/leaf/session.h"
#include "agent/routing/mapper.h"

namespace petiole {

namespace {

// A mirror asks once a window. With more the peer is read no further until they are answered, or a
// flood of PINGs would come back at one stroke.
constexpr std::size_t kPongsHeldMax = 4096;

}  // namespace

void LeafSession::on_ping() {
  // What comes down from a hub is not captured.
  const bool promises = !spoke_ && forgets_on_pong();
  const Capture* const capture = promises ? account_->capture() : nullptr;
  if (pongs_held_ == 0 && (capture == nullptr || !capture->has_undurable())) return send_pongs(1);
  hold_pong();
}

void LeafSession::send_pongs(std::size_t count) {
  for (; count > 0; --count) {
    if (tracing()) trace_output("PONG");
    staging_.control("PONG\r\n");
    out_.keepalive += 6;
  }
}

void LeafSession::hold_pong() {
  ++pongs_held_;
  expect_life();
  if (pongs_asked_ == 0) ask_disk();
  if (pongs_held_ >= kPongsHeldMax && !paused_) pause_for_disk();
}

// One question at a time, for all that wait: a peer cannot make them many.
void LeafSession::ask_disk() {
  Capture* const capture = account_->capture();
  if (capture == nullptr) return send_pongs(std::exchange(pongs_held_, 0));
  pongs_asked_ = pongs_held_;
  capture->when_durable([handle = handle_](Status stored) {
    LeafSession* const self = *handle;
    if (self != nullptr && self->phase_ == Phase::kEstablished) self->disk_answered(stored);
  });
}

// Where there was no room it is asked again; once the disk has failed for good there is nothing
// more to wait for.
void LeafSession::disk_answered(Status stored) {
  const std::size_t asked = std::exchange(pongs_asked_, 0);
  const Capture* const capture = account_->capture();
  const bool safe = stored.ok() || capture == nullptr || !capture->has_undurable();
  if (safe) {
    pongs_held_ -= asked;
    send_pongs(asked);
  }
  if (pongs_held_ > 0) return ask_disk();
  if (!paused_) life_due_ = kNever;
}

// What comes down from a hub is not captured. Where weights decide, a mapping may choose another
// subject then.
bool LeafSession::must_wait_for_disk(const Op& op) const {
  const bool message = op.verb == Verb::kLeafMsg || op.verb == Verb::kLeafHmsg;
  const Capture* const capture =
      message && !spoke_ && !uplink() && established() ? account_->capture() : nullptr;
  if (capture == nullptr || !capture->must_wait(op.header.size() + op.payload.size())) return false;
  SubjectBuffer buffer;
  Mapper* const mapper = account_->mapper();
  const int rule = capture->rule_of(mapper ? mapper->map(op.subject, buffer) : op.subject);
  return rule >= 0 && (op.reply.empty() || capture->captures_requests(rule));
}

// Reads no more until the disk has caught up.
void LeafSession::pause_for_disk() {
  paused_ = true;
  stop_parsing();
  wire_->pause_reading();
  expect_life();
  account_->capture()->when_durable([handle = handle_](Status) {
    LeafSession* const self = *handle;
    if (self == nullptr || self->phase_ != Phase::kEstablished) return;
    self->paused_ = false;
    self->heartbeat_.start(self->host().clock.now());
    self->wire_->resume_reading();
  });
}

void LeafSession::expect_life() {
  if (life_due_ != kNever) return;
  life_due_ = host().clock.now() + server_.config().link.heartbeat;
  wire_->wake();
}

// Who waits again at once, as others have filled the queue before it, hears it all the same.
void LeafSession::show_life(Time now) {
  life_due_ = kNever;
  if (!paused_ && pongs_held_ == 0) return;
  staging_.control("+OK\r\n");
  out_.keepalive += 5;
  life_due_ = now + server_.config().link.heartbeat;
}

}  // namespace petiole
