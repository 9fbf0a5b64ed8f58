// The outgoing half of a leaf link: interest, messages, barriers.
#include <algorithm>
#include <utility>

#include "agent/leaf/session.h"
#include "agent/protocol/writer.h"
#include "agent/subject/reserved.h"

namespace petiole {

namespace {

// Subjects looked at in one turn; the rest of a long list waits for the next.
constexpr std::size_t kVisitsMax = 8192;

}  // namespace

LinkBytes LeafSession::with_wire(LinkBytes bytes, std::uint64_t WireStats::*figure) const {
  if (wire_ != nullptr) bytes.wire = wire_->stats().*figure;
  return bytes;
}

void LeafSession::flush_later() {
  if (flushing_ || phase_ != Phase::kEstablished) return;
  flushing_ = true;
  host().loop.at_turn_end([handle = handle_] {
    LeafSession* const self = *handle;
    if (self == nullptr) return;
    self->flushing_ = false;
    if (self->phase_ == Phase::kEstablished) self->pump();
  });
}

void LeafSession::pump_again() {
  if (std::exchange(pumping_, true)) return;
  host().loop.post([handle = handle_] {
    LeafSession* const self = *handle;
    if (self == nullptr) return;
    self->pumping_ = false;
    if (self->phase_ == Phase::kEstablished) self->pump();
  });
}

void LeafSession::write_interest(Output& output) {
  InterestMap& interest = offer_->map();
  if (!tracing()) {
    return interest.write(output, staging_.window(), kVisitsMax, permissions_.receive);
  }
  Output lines(host().chunks);
  const std::size_t room = staging_.window() - std::min(staging_.window(), output.size());
  interest.write(lines, room, kVisitsMax, permissions_.receive);
  trace_lines(lines);
  output.append_all(lines);
}

// Interest goes first, and no message goes before all of it is told: the answer to a request could
// else arrive before the hub knows who waits for it.
void LeafSession::pump() {
  Output& output = wire_->output();
  InterestMap& interest = offer_->map();
  if (interest.changed() && staging_.room()) {
    const std::size_t before = output.size();
    write_interest(output);
    out_.interest += output.size() - before;
    if (interest.changed() && staging_.room()) pump_again();
  }
  if (!interest.changed()) {
    for (std::size_t passed = staging_.pump(); passed != 0; --passed) {
      pings_.push_back({host().clock.now(), std::move(barriers_.front())});
      barriers_.pop_front();
    }
  }
  staging_.watch(host().clock);
  wire_->wake();
}

bool LeafSession::may_send(std::string_view subject) const {
  return is_unchecked_message(subject) || message_allowed(permissions_.send, subject);
}

bool LeafSession::deliver_leaf(const Message& message, bool plain, const std::string_view* queues,
                               std::size_t queue_count) {
  (void)plain;  // Without queues the peer serves its plain matches, with them both.
  if (phase_ != Phase::kEstablished) return false;
  if (!may_send(message.subject)) return false;
  if (staging_.held_bytes() > server_.config().limits.pending_bytes_max) {
    ++dropped_;
    if (!dropping_) host().log.warning("leaf: the link is too slow, messages are dropped");
    dropping_ = true;
    return false;
  }
  if (reply_rights_ && !message.reply.empty() && !is_jetstream_request(message.reply) &&
      !message_allowed(user_permissions_->publish(), message.reply)) {
    reply_rights_->grant(message.reply, host().clock.now());
  }
  send_message(message, queues, queue_count);
  return true;
}

void LeafSession::send_message(const Message& message, const std::string_view* queues,
                               std::size_t count) {
  if (hold_messages()) pump();
  Output& output = staging_.open(hold_messages());
  const std::size_t before = output.size();
  write_leaf_msg(output, message, queues, count, headers_);
  if (tracing()) [[unlikely]]
    trace_message(message, queues, count);
  staging_.written();
  const std::size_t bytes = message.header.size() + message.payload.size();
  largest_sent_ = std::max(largest_sent_, bytes);
  out_.data += output.size() - before;
  ++counters_.messages_out;
  counters_.bytes_out += bytes;
  ++server_.stats().traffic.messages_out;
  server_.stats().traffic.bytes_out += bytes;
  staging_.watch(host().clock);
  wire_->wake();
}

void LeafSession::send_barrier(std::function<void()> passed) {
  if (hold_messages()) pump();
  if (tracing()) trace_output("PING");
  staging_.open(hold_messages()).append("PING\r\n");
  staging_.written();
  out_.keepalive += 6;
  if (staging_.mark()) {
    pings_.push_back({host().clock.now(), std::move(passed)});
  } else {
    barriers_.push_back(std::move(passed));
  }
  staging_.watch(host().clock);
  wire_->wake();
}

void LeafSession::drained(Time now) {
  staging_.drained(now);
  if (phase_ != Phase::kEstablished) return;
  pump();
  if (staging_.waiting()) return;
  dropping_ = false;
  on_drained();
}

}  // namespace petiole
