// The outgoing half of a leaf link: interest, messages, barriers.
#include "agent/leaf/session.h"
#include "agent/protocol/writer.h"

namespace petiole {

bool LeafSession::counts(const Subscription& subscription) const {
  const Subscriber* owner = subscription.owner;
  if (owner == this) return false;
  if (owner->kind() != PeerKind::kLeaf) return true;
  const std::string_view cluster = owner->origin_cluster();
  const bool same_cluster = !cluster.empty() && cluster == peer_.cluster;
  if (subscription.subject().starts_with("$LDS.")) return !same_cluster;
  if (same_cluster) return false;
  return !(spoke_ && links_.is_spoke(owner));  // What one hub wants is not told to another.
}

void LeafSession::collect_interest() {
  interest_.reserve(account_->subscription_count() + 1);
  account_->for_each([this](const Subscription& each) {
    if (counts(each)) interest_.add(each.subject(), each.queue(), each.weight);
  });
  interest_.add(links_.loop_subject(*account_), {}, 1);
}

void LeafSession::added(const Subscription& subscription) {
  if (!counts(subscription)) return;
  interest_.add(subscription.subject(), subscription.queue(), subscription.weight);
  flush_later();
}

void LeafSession::removed(const Subscription& subscription) {
  if (!counts(subscription)) return;
  interest_.remove(subscription.subject(), subscription.queue(), subscription.weight);
  flush_later();
}

void LeafSession::reweighed(const Subscription& subscription, std::uint32_t before) {
  if (!counts(subscription)) return;
  // Added first: a group that stays must not leave the map in between.
  interest_.add(subscription.subject(), subscription.queue(), subscription.weight);
  interest_.remove(subscription.subject(), subscription.queue(), before);
  flush_later();
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

// Interest goes first, and no message goes before all of it is told: the answer to a request could
// else arrive before the hub knows who waits for it.
void LeafSession::pump() {
  Output& output = wire_->output();
  if (interest_.changed() && staging_.room()) {
    const std::size_t before = output.size();
    interest_.write(output, staging_.window(), permissions_.receive);
    out_.interest += output.size() - before;
  }
  if (!interest_.changed()) {
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
  send_message(message, queues, queue_count);
  return true;
}

void LeafSession::send_message(const Message& message, const std::string_view* queues,
                               std::size_t count) {
  if (hold_messages()) pump();
  Output& output = staging_.open(hold_messages());
  const std::size_t before = output.size();
  write_leaf_msg(output, message, queues, count, headers_);
  staging_.written();
  const std::size_t bytes = message.header.size() + message.payload.size();
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
