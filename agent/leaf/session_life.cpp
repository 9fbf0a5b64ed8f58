// When the other side is asked for a sign of life, and when it is given up.
#include <algorithm>
#include <utility>

#include "agent/leaf/session.h"
#include "agent/protocol/writer.h"

namespace petiole {

namespace {

// Not answered, by a peer that says other things all the while.
constexpr std::size_t kPingsOutMax = 1024;

}  // namespace

void LeafSession::heard(Time now) {
  const bool doubted = heartbeat_.unanswered() > 1;
  heartbeat_.heard(now);
  blocked_seen_ = kNever;
  if (doubted) on_heartbeat(true);
}

// A PING has its answer only when what is before it has gone, on a slow link perhaps a message of a
// minute. That more of it goes is a sign of life; once all is on its way the answer is due. The
// first time is none: what a dead way takes is what the kernel had room for.
void LeafSession::look_for_progress(Time now) {
  const Time since = wire_->blocked_since(), before = std::exchange(blocked_seen_, since);
  if (before == kNever || since == before) return;
  heard(since == kNever ? now - server_.config().link.heartbeat : now);
  blocked_seen_ = since;
}

Time LeafSession::deadline() const {
  if (phase_ == Phase::kHandshake) return handshake_due_;
  if (phase_ == Phase::kClosed) return kNever;
  const Time asking = paused_ ? kNever : std::min(heartbeat_.deadline(), measure_due_);
  return std::min({asking, stuck_until(), life_due_, extra_deadline()});
}

// A link that is dead on our way up alone: bytes arrive, yet the socket takes none.
Time LeafSession::stuck_until() const {
  const LinkLimits& limits = server_.config().link;
  const Time since = wire_->blocked_since();
  return since == kNever ? kNever : since + limits.heartbeat * (limits.heartbeats_missed_max + 1);
}

Status LeafSession::tick(Time now) {
  if (now >= extra_deadline()) {
    const Status status = on_extra_deadline(now);
    if (!status.ok()) return status;
  }
  if (phase_ == Phase::kHandshake) {
    const Status status = now < handshake_due_ ? Status() : on_handshake_timeout();
    if (!status.ok()) phase_ = Phase::kClosed;
    return status;
  }
  if (phase_ == Phase::kClosed) return {};
  if (now >= stuck_until()) {
    wire_->abort({Errc::kTimeout, "the peer takes no bytes"});
    return {};
  }
  if (now >= life_due_) show_life(now);
  if (paused_) return {};  // Its silence is ours.
  if (now >= heartbeat_.deadline()) look_for_progress(now);
  switch (heartbeat_.tick(now)) {
    case Heartbeat::Action::kNone:
      if (now >= measure_due_) measure(now);
      return {};
    case Heartbeat::Action::kPing:
      if (pings_.size() >= kPingsOutMax) break;
      send_ping(now);
      if (heartbeat_.unanswered() == 2) on_heartbeat(false);
      return {};
    case Heartbeat::Action::kGiveUp:
      break;
  }
  ++server_.stats().stale_connections;
  ++server_.stats().stale_leafs;
  note(LogLevel::kDebug, "Stale Client Connection - Closing");
  if (wire_->blocked_since() != kNever) {  // Nothing reaches it: no last word to wait for.
    wire_->abort({Errc::kTimeout, "ping time-out"});
    return {};
  }
  write_err(wire_->output(), "Stale Connection");
  return {Errc::kTimeout, "ping time-out"};
}

void LeafSession::on_pong(Time now) {
  if (pings_.empty()) return;
  const Ping ping = std::move(pings_.front());
  pings_.pop_front();
  rtt_ = now - ping.sent;
  measure_due_ = now + measure_interval();
  if (!compression_thresholds_.empty()) adjust_compression();
  if (ping.passed) ping.passed();
}

Duration LeafSession::measure_interval() const {
  const Duration own = server_.config().link.ping_interval;
  return own > Duration{} ? own : limits_->ping_interval;
}

// A link that is never silent is not asked for a sign of life, but for its round trip.
void LeafSession::measure(Time now) {
  measure_due_ = now + measure_interval();
  if (pings_.empty()) send_ping(now);
}

void LeafSession::send_ping(Time now) {
  note(LogLevel::kDebug, "Leafnode Ping Timer");
  if (tracing()) trace_output("PING");
  staging_.control("PING\r\n");
  out_.keepalive += 6;
  pings_.push_back({now, {}});
}

}  // namespace petiole
