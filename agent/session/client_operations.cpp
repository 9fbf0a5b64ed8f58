// ClientSession: what a client asks for after login.
#include <algorithm>
#include <string>
#include <utility>

#include "agent/protocol/headers.h"
#include "agent/protocol/info.h"
#include "agent/protocol/writer.h"
#include "agent/routing/mapper.h"
#include "agent/routing/message_trace.h"
#include "agent/session/client_session.h"
#include "agent/subject/reserved.h"
#include "agent/subject/subject.h"
#include "agent/subject/subject_index.h"

namespace petiole {

namespace {

// A prefix alone is not reserved: nats-server looks for more behind these.
bool is_below(std::string_view subject, std::string_view prefix) {
  return subject.size() > prefix.size() && subject.starts_with(prefix);
}

// Official clients close for good on an error that they do not know; behind this beginning they
// report it to the application and go on.
constexpr std::string_view kNotStored =
    "Permissions Violation for Publish: Insufficient Storage, messages may be lost";

// For what a mapping gave up: the reference names the subject that it has then, none.
constexpr std::string_view kNowhere = "NATS/1.0 503\r\nNats-Subject: \r\n\r\n";
constexpr std::string_view kRefused = "Permissions Violation for Publish: Store Refused ";
constexpr Duration kRefusalEvery = 1s;  // To a client that sends no PING.

// The prefix of today and that of before 2.1, which servers still know.
bool is_of_gateways(std::string_view subject) {
  return is_below(subject, "_GR_.") || is_below(subject, "$GR.");
}

bool is_reserved_reply(std::string_view reply) {
  if (reply.empty() || (reply[0] != '_' && reply[0] != '$')) return false;
  return reply.starts_with("_R_.") || is_jetstream_subject(reply) || is_of_gateways(reply);
}

std::size_t count_tokens(std::string_view subject) {
  return 1 + static_cast<std::size_t>(std::count(subject.begin(), subject.end(), '.'));
}

}  // namespace

// Wire 1.7: subjects and replies that belong to servers.
bool ClientSession::is_reserved_subject(std::string_view subject) {
  if (subject.empty() || (subject[0] != '_' && subject[0] != '$')) return false;  // Most.
  return is_of_gateways(subject) || subject.starts_with("$NRG.");
}

Status ClientSession::handle(const Op& op, Time now) {
  if (op.verb == Verb::kConnect) return on_connect(op, now);
  switch (op.verb) {
    case Verb::kPub:
    case Verb::kHpub:
      on_publish(op);
      break;
    case Verb::kSub:
      on_subscribe(op);
      break;
    case Verb::kUnsub:
      on_unsubscribe(op);
      break;
    case Verb::kPing:
      on_ping();
      break;
    case Verb::kPong:
      keepalive_->pong(now);
      break;
    default:
      break;  // INFO and +OK of a client mean nothing.
  }
  return {};
}

bool ClientSession::is_permitted(std::string_view subject) {
  answers_ = false;
  if (!permissions_ || permissions_->publish().message(subject)) return true;
  answers_ = reply_rights_ && reply_rights_->use(subject, server_.host().clock.now());
  return answers_;
}

void ClientSession::refuse_publish(std::string_view text, std::string_view subject,
                                   MessageTrace* trace) {
  send_err(text, subject);
  if (trace) trace->fail(std::string(text) + go_quoted(subject));
}

bool ClientSession::may_publish(const Op& op, MessageTrace* trace) {
  if (is_reserved_subject(op.subject) || !is_permitted(op.subject)) {
    refuse_publish("Permissions Violation for Publish to ", op.subject, trace);
    note(LogLevel::kError, "Publish Violation - Subject " + go_quoted(op.subject));
    return false;
  }
  if (is_reserved_reply(op.reply)) {
    refuse_publish("Permissions Violation for Publish with Reply of ", op.reply, trace);
    note(LogLevel::kError, "Publish Violation - Reply " + go_quoted(op.reply));
    return false;
  }
  return true;
}

void ClientSession::on_publish(const Op& op) {
  if (options_.pedantic && !is_valid_literal(op.subject)) send_err("Invalid Publish Subject");
  if (!op.header.empty() && may_ask_for_trace(op.header)) [[unlikely]]
    return publish_traced(op);
  publish_mapped(op, nullptr);
}

void ClientSession::publish_mapped(const Op& op, MessageTrace* trace) {
  Mapper* const mapper = account_->mapper();
  if (!mapper) return publish(op, trace);
  SubjectBuffer buffer;
  Op mapped = op;
  mapped.subject = mapper->map(op.subject, buffer);
  if (tracing()) trace_mapping(mapped, op.subject);
  if (trace && mapped.subject.data() != op.subject.data()) trace->add_mapping(mapped.subject);
  publish(mapped, trace);
}

void ClientSession::publish(const Op& op, MessageTrace* trace) {
  const std::size_t bytes = op.header.size() + op.payload.size();
  ++counters_.messages_in;
  counters_.bytes_in += bytes;
  ServerStats& stats = server_.stats();
  ++stats.traffic.messages_in;
  stats.traffic.bytes_in += bytes;
  if (!may_publish(op, trace)) return;
  Capture* const capture = account_->capture();
  if (!capture) send_ok();
  const Message message{.subject = op.subject,
                        .reply = op.reply,
                        .header = op.header,
                        .payload = op.payload,
                        .shared = nullptr};
  const PublishOutcome outcome = account_->publish(
      {.from = this, .echo = options_.echo, .answers = answers_, .trace = trace}, message);
  if (outcome.delivered == 0 && !op.reply.empty()) answer_no_responders(message);
  if (!capture) return;
  if (outcome.refused >= 0) {
    on_refused(outcome.refused);
    if (capture->congested()) wait_for_disk(false);
    return;
  }
  if (outcome.captured) captured_ |= Capture::bit_of(outcome.rule);
  // A +OK acknowledges the message, and so waits for the disk as a PONG does.
  const bool ok_waits = options_.verbose && has_undurable(*capture);
  if (!ok_waits) send_ok();
  if (ok_waits || (outcome.captured && capture->congested())) wait_for_disk(ok_waits);
}

// 503 to a requester that asked for it and listens on the reply subject itself (wire 1.5).
void ClientSession::answer_no_responders(const Message& message) {
  if (!options_.no_responders) return;
  plain_.clear();
  queued_.clear();
  account_->index().match(message.reply, plain_, queued_);
  for (const Subscription* each : plain_) {
    if (each->owner != this || each->closed) continue;
    const std::string header =
        message.subject.empty() ? std::string(kNowhere) : no_responders_header(message.subject);
    Message answer;
    answer.header = header;
    write_msg(wire_->output(), message.reply, each->sid(), answer, true);
    wire_->wake();
    return;
  }
}

void ClientSession::deny_subscription(const Op& op) {
  std::string text = "Permissions Violation for Subscription to " + go_quoted(op.subject);
  std::string line = "Subscription Violation - Subject " + go_quoted(op.subject);
  if (!op.queue.empty()) {
    text += " using queue " + go_quoted(op.queue);
    line += ", Queue: " + go_quoted(op.queue);
  }
  send_err(text);
  note(LogLevel::kError, line + ", SID " + std::string(op.sid));
}

bool ClientSession::may_subscribe(const Op& op) {
  if (op.queue == "_sys_" ||
      (permissions_ && !permissions_->subscribe().interest(op.subject, op.queue))) {
    deny_subscription(op);
    return false;
  }
  if (const std::size_t most = limits_->subscription_tokens_max;
      most != 0 && count_tokens(op.subject) > most) {
    send_err("Permissions Violation for Subscription to " + go_quoted(op.subject) +
             ", too many tokens");
    note(LogLevel::kError, "Subscription Violation Too Many Tokens - Subject " +
                               go_quoted(op.subject) + ", SID " + std::string(op.sid));
    return false;
  }
  // Of the server's limit 0 is no limit; a user's token may say it, and means it.
  const bool none = identity_ && identity_->subscriptions_max == 0;
  if (none ||
      (limits_->subscriptions_max != 0 && subscriptions_.size() >= limits_->subscriptions_max)) {
    if (!std::exchange(full_told_, true)) {
      note(LogLevel::kError, "maximum subscriptions exceeded");
    }
    send_err("maximum subscriptions exceeded");
    return false;
  }
  return true;
}

void ClientSession::on_subscribe(const Op& op) {
  if (!may_subscribe(op)) return;
  if (subscriptions_.find(op.sid)) return send_ok();  // The first stays.
  if (!is_valid_subject(op.subject) || !fits_subscription(op.subject, op.queue, op.sid)) {
    return send_err("Invalid Subject");
  }
  Subscription* const subscription = make_subscription(*this, op.subject, op.queue, op.sid);
  subscription->filtered = permissions_ && permissions_->subscribe().may_deny(op.subject, op.queue);
  subscriptions_.insert(*subscription);
  account_->add(*subscription);
  send_ok();
}

void ClientSession::on_unsubscribe(const Op& op) {
  Subscription* subscription = subscriptions_.find(op.sid);
  if (subscription && op.number > subscription->delivered) {
    subscription->max = op.number;
    subscription = nullptr;
  }
  send_ok();
  if (subscription) forget(*subscription);
}

void ClientSession::forget(Subscription& subscription) {
  if (tracing()) trace_end(subscription);
  subscriptions_.erase(subscription);
  account_->retire(&subscription);
}

void ClientSession::on_ping() {
  if (refused_ > 0) tell_refused();
  if (tracing()) trace_output("PONG");
  send("PONG\r\n");
  if (!connected_ || std::exchange(first_pong_sent_, true) || options_.protocol < 1) return;
  ServerInfo info = make_info();
  info.connect_info = true;
  info.remote_account = account_->name();
  info.is_system_account = account_->name() == server_.config().system_account;
  send(client_info_line(info));
}

bool ClientSession::is_denied(const Subscription& subscription, const Message& message) const {
  return permissions_ && permissions_->subscribe().denies(message.subject, subscription.queue());
}

// What the user may publish anyway needs no right. Nobody gets one to ask JetStream.
void ClientSession::grant_reply(std::string_view reply) {
  if (reply.empty() || is_jetstream_request(reply) || permissions_->publish().message(reply))
    return;
  reply_rights_->grant(reply, server_.host().clock.now());
}

void ClientSession::note_limit(const Subscription& subscription) const {
  if (!server_.config().log.debug) return;
  note(LogLevel::kDebug, "Auto-unsubscribe limit of " + std::to_string(subscription.max) +
                             " reached for sid '" + std::string(subscription.sid()) + "'");
}

bool ClientSession::deliver(Subscription& subscription, const Message& message) {
  if (ended_ || (subscription.filtered && is_denied(subscription, message))) return false;
  Output& output = wire_->output();
  const bool asleep = output.empty();
  write_msg(output, message.subject, subscription.sid(), message, options_.headers);
  if (asleep) wire_->wake();
  if (reply_rights_) grant_reply(message.reply);
  const std::size_t bytes = message.header.size() + message.payload.size();
  ++counters_.messages_out;
  counters_.bytes_out += bytes;
  ServerStats& stats = server_.stats();
  ++stats.traffic.messages_out;
  stats.traffic.bytes_out += bytes;
  if (++subscription.delivered == subscription.max) note_limit(subscription);
  if (tracing()) [[unlikely]]
    trace_delivery(subscription, message);
  if (subscription.delivered == subscription.max) forget(subscription);
  if (output.size() > limits_->pending_bytes_max) give_up_full();
  return true;
}

// As far as one can tell: where weights decide, a mapping may choose another subject then.
bool ClientSession::will_capture(const Capture& capture, const Op& op) const {
  SubjectBuffer buffer;
  Mapper* const mapper = account_->mapper();
  const int rule = capture.rule_of(mapper ? mapper->map(op.subject, buffer) : op.subject);
  return rule >= 0 && (op.reply.empty() || capture.captures_requests(rule));
}

// Of its own: a disk that hangs must not hold up who has nothing to do with it.
bool ClientSession::has_undurable(const Capture& capture) {
  if (!capture.holds_undurable(captured_)) captured_ = 0;
  return captured_ != 0;
}

// A PONG or +OK tells a client that what it published before is safe.
bool ClientSession::must_wait_for_disk(const Op& op) {
  const Capture* const capture = account_ ? account_->capture() : nullptr;
  if (!capture) return false;
  if (op.verb == Verb::kPub || op.verb == Verb::kHpub) {
    return capture->must_wait(op.header.size() + op.payload.size()) && will_capture(*capture, op);
  }
  if (disk_passed_ || !has_undurable(*capture)) return false;
  if (op.verb == Verb::kPing) return true;
  return options_.verbose && (op.verb == Verb::kSub || op.verb == Verb::kUnsub);
}

// Reads no more until all that was captured is on disk, or the disk has failed. Then the client is
// told before the PONG or +OK, and is served on; the mirror keeps account of what is lost.
void ClientSession::wait_for_disk(bool then_ok) {
  waiting_ = true;
  wire_->pause_reading();
  const std::weak_ptr<ClientSession*> self = self_;
  account_->capture()->when_durable([self, then_ok](Status stored) {
    const auto session = self.lock();
    if (!session || (*session)->ended_) return;
    if (!stored.ok()) (*session)->send_err(kNotStored);
    if (then_ok && stored.ok()) (*session)->send_ok();
    (*session)->disk_passed_ = true;
    if (stored.ok()) (*session)->captured_ = 0;
    (*session)->resume();
  });
}

// In verbose mode each message has its own answer, and this is it.
void ClientSession::on_refused(int rule) {
  refused_rule_ = rule;
  ++refused_;
  if (options_.verbose) tell_refused();
}

// One word for all since the last: before the PONG that would tell that they are safe.
void ClientSession::tell_refused() {
  const std::uint64_t count = std::exchange(refused_, 0);
  const Capture* const capture = account_ ? account_->capture() : nullptr;
  if (!capture) return;
  std::string text(kRefused);
  text += std::to_string(count) + (count == 1 ? " message, " : " messages, ");
  send_err(text + capture->refusal(refused_rule_));
  refusal_due_ = server_.host().clock.now() + kRefusalEvery;
}

void ClientSession::resume() {
  waiting_ = false;
  wire_->resume_reading();
}

}  // namespace petiole
