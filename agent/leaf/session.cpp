#include "agent/leaf/session.h"

#include <algorithm>
#include <utility>

#include "agent/leaf/request_info.h"
#include "agent/protocol/writer.h"
#include "agent/routing/mapper.h"
#include "agent/routing/message_trace.h"
#include "agent/session/trace.h"
#include "agent/subject/subject.h"

namespace petiole {

namespace {

// Of one peer; above it further LS+ are refused, as over max_subscriptions. The reference has no
// limit here; 200 bytes each make 200 MB.
constexpr std::size_t kPeerInterestMax = 1 << 20;
// nats-server server.go: firstPingInterval.
constexpr Duration kFirstMeasure = std::chrono::seconds(1);

}  // namespace

LeafSession::LeafSession(Server& server, LeafRegister& links)
    : cid_(server.next_cid()),
      server_(server),
      links_(links),
      limits_(&server.config().limits),
      heartbeat_(server.config().link.heartbeat, server.config().link.heartbeats_missed_max),
      subscriptions_(*this),
      staging_(server.host().chunks, server.config().link.staged_bytes_max),
      handle_(std::make_shared<LeafSession*>(this)) {}

// Usually closed() has been before; not so when a network or a simulated machine goes away.
LeafSession::~LeafSession() {
  *handle_ = nullptr;
  if (offer_) leave_account();
}

void LeafSession::opened(Wire& wire, Time now) {
  wire_ = &wire;
  staging_.attach(wire);
  start_ = host().clock.wall();
  opened_ = last_activity_ = now;
  greet(now);
}

Result<std::size_t> LeafSession::receive(std::string_view input, Time now) {
  last_activity_ = now;
  if (established()) heard(now);
  std::size_t used = 0;
  parsing_ = true;
  wanted_ = 0;
  if (entering()) {
    const Result<std::size_t> entered = enter(input, now);
    if (!entered.ok() || entering()) return entered;
    used = *entered;
  }
  Op op;
  const bool traced = tracing();
  while (parsing_ && used < input.size()) {
    if (phase_ == Phase::kClosed) return input.size();
    const Limits& limits = wide_limits_ ? *wide_limits_ : *limits_;
    ParseResult result = parse(input.substr(used), kLeaf, limits, headers_, op);
    if (wide_limits_ && too_large(op, result, input.substr(used))) {
      result.error = ParseError::kPayloadTooLarge;
    }
    if (result.error != ParseError::kNone) {
      note(LogLevel::kError, refusal_text(result.error, input.substr(used), "Leafnode", *limits_));
      return refuse_input(result.error);
    }
    if (result.used == 0) {
      wanted_ = result.wanted;
      break;
    }
    if (must_wait_for_disk(op)) {
      pause_for_disk();
      break;
    }
    if (traced) [[unlikely]]
      trace_input(op, input.substr(used));
    used += result.used;
    const Status status = handle_op(op, result.used, now);
    if (!status.ok()) return status;
  }
  // Messages wait elsewhere: what is more than a window of them here are answers.
  if (wire_->output().size() > limits_->pending_bytes_max + limits_->payload_bytes_max) {
    wire_->abort({Errc::kSlowConsumer, "the peer does not read its answers"});
  }
  return used;
}

Status LeafSession::refuse_input(ParseError error) {
  switch (error) {
    case ParseError::kControlLine:
      return refuse(Errc::kTooLarge, "maximum control line exceeded");
    case ParseError::kPayloadTooLarge:
      return refuse(Errc::kTooLarge, "Maximum Payload Violation");
    case ParseError::kUnknownOperation:
      return refuse(Errc::kProtocol, "Unknown Protocol Operation");
    default:
      return {Errc::kProtocol, "the peer broke the leaf protocol"};  // Silent, as the reference.
  }
}

Status LeafSession::handle_op(const Op& op, std::size_t bytes, Time now) {
  switch (op.verb) {
    case Verb::kInfo:
      in_.handshake += bytes;
      return on_info(op.argument, now);
    case Verb::kConnect:
      in_.handshake += bytes;
      return on_connect(op.argument, now);
    case Verb::kErr:
      in_.handshake += bytes;
      return on_error(op.argument);
    case Verb::kOk:
      in_.handshake += bytes;
      return {};
    default:
      break;
  }
  if (!established()) return on_unready();
  switch (op.verb) {
    case Verb::kLeafMsg:
    case Verb::kLeafHmsg:
      in_.data += bytes;
      return on_message(op);
    case Verb::kLeafSub:
      in_.interest += bytes;
      return on_subscribe(op);
    case Verb::kLeafUnsub:
      in_.interest += bytes;
      on_unsubscribe(op);
      return {};
    case Verb::kPing:
      in_.keepalive += bytes;
      on_ping();
      return {};
    case Verb::kPong:
      in_.keepalive += bytes;
      on_pong(now);
      return {};
    default:
      return refuse(Errc::kProtocol, "Unknown Protocol Operation");
  }
}

void LeafSession::set_user(IdentityPtr user) {
  const auto before = user_permissions_ ? user_permissions_->responses() : std::nullopt;
  user_ = std::move(user);
  user_permissions_ = user_ ? user_->permissions.get() : nullptr;
  narrow_limits();
  const auto rule = user_permissions_ ? user_permissions_->responses() : std::nullopt;
  if (rule == before) return;  // Who has asked waits for the answer, whatever else has changed.
  reply_rights_ = rule ? std::make_unique<ReplyRights>(*rule, host().entropy.number()) : nullptr;
}

bool LeafSession::may_receive(std::string_view subject) const {
  return subject.starts_with("_GR_.") || message_allowed(permissions_.receive, subject);
}

// Whether the peer may send a message on `subject`.
bool LeafSession::may_come(std::string_view subject) {
  if (spoke_) return may_receive(subject);
  if (!user_permissions_ || message_allowed(user_permissions_->publish(), subject)) return true;
  return reply_rights_ && reply_rights_->use(subject, host().clock.now());
}

Status LeafSession::on_message(const Op& op) {
  const std::size_t bytes = op.header.size() + op.payload.size();
  ++counters_.messages_in;
  counters_.bytes_in += bytes;
  ++server_.stats().traffic.messages_in;
  server_.stats().traffic.bytes_in += bytes;
  if (!op.header.empty() && may_ask_for_trace(op.header)) [[unlikely]]
    return publish_traced(op);
  return route(op, nullptr);
}

Status LeafSession::route(const Op& op, MessageTrace* trace) {
  if (!is_unchecked_message(op.subject) && !may_come(op.subject)) {
    if (spoke_) return {};
    return refuse(Errc::kPermission, "Permissions Violation for Publish to ", op.subject);
  }
  std::string_view queues = op.queues;
  const MirrorMark mark = !queues.empty() && takes_marks() ? take_mark(queues) : MirrorMark{};
  // What carries a reply is left to who answers it.
  const bool filtered = mark && op.reply.empty();
  if (filtered && mark.kind != MirrorMark::Kind::kNew &&
      links_.repeats.knows(account_->name(), mark))
    return {};
  // What comes down from a hub is not sent up again, nor what comes from where the mirror sends.
  Message message{op.subject, op.reply, op.header, op.payload, nullptr};
  std::string bound;
  // The system account is trusted to speak for others, as a hub's JetStream does.
  if (!op.reply.empty() && account_->name() != server_.config().system_account) {
    message.header = bind_request_info(op.header, account_->name(), bound);
  }
  Account::Origin origin{.from = this,
                         .echo = false,
                         .leaf = true,
                         .queues = queues,
                         .capture = !spoke_ && !uplink(),
                         .trace = trace};
  if (mark) origin.mark = &mark;
  SubjectBuffer mapped;
  if (Mapper* const mapper = account_->mapper()) {
    message.subject = mapper->map(op.subject, mapped);
    // What the peer knows of queues is about the subject that it sent.
    const bool changed = message.subject.data() != op.subject.data();
    if (changed) origin.sent = op.subject;
    origin.all_queues = queues.empty() && changed;
    if (trace && changed) trace->add_mapping(message.subject);
  }
  const PublishOutcome outcome = account_->publish(origin, message);
  // Our own mirror knows those in their place for longer.
  const bool known = outcome.captured && mark.kind != MirrorMark::Kind::kLate;
  if (filtered && !known && outcome.delivered > 0) links_.repeats.add(account_->name(), mark);
  if (outcome.captured && account_->capture()->congested()) pause_for_disk();
  return {};
}

bool LeafSession::describe(PartyInfo& info) const {
  if (wire_ == nullptr || account_ == nullptr) return false;
  info = {.id = cid_,
          .account = account_->name(),
          .host = wire_->peer().address,
          .user = {},
          .name = peer_.name,
          .lang = {},
          .version = peer_version_,
          .kind = "Leafnode",
          .type = {},
          .start = start_,
          .round_trip = rtt_};
  return true;
}

// The least of the server's, the account's and the user's.
std::size_t LeafSession::subscriptions_max() const {
  const std::size_t ours = limits_->subscriptions_max;
  const std::size_t most = ours != 0 ? ours : kPeerInterestMax;
  const std::int64_t limit = user_ ? user_->subscriptions_max : -1;
  return limit >= 0 ? std::min(most, static_cast<std::size_t>(limit)) : most;
}

Status LeafSession::on_subscribe(const Op& op) {
  if (op.subject == links_.loop_subject(*account_)) {
    on_loop();
    wire_->output().append("-ERR 'Loop detected for leafnode account=\"" + account_->name() +
                           "\". Delaying attempt to reconnect for 30s'\r\n");
    return {Errc::kProtocol, "loop detected: our own interest came back"};
  }
  if (!is_unchecked_interest(op.subject) && !has_wildcard(op.subject) &&
      !message_allowed(permissions_.send, op.subject)) {
    if (spoke_) return {};  // The hub told us so itself; nothing will be sent there.
    return refuse(Errc::kPermission, "Permissions Violation for Subscription to ", op.subject);
  }
  if (op.queue.starts_with(kMarkPrefix)) return {};  // Not to be taken for a mark from us.
  if (!is_valid_subject(op.subject) || !fits_subscription(op.subject, op.queue, {})) {
    write_err(wire_->output(), "Invalid Subscription");
    wire_->wake();
    return {};
  }
  if (subscriptions_.size() >= subscriptions_max() &&
      !subscriptions_.contains(op.subject, op.queue)) {
    write_err(wire_->output(), "maximum subscriptions exceeded");
    wire_->wake();
    return {};
  }
  const auto weight = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(op.number, 1, 1 << 30));
  if (subscriptions_.add(*account_, op.subject, op.queue, weight)) {
    on_interest(op.subject);
  }
  return {};
}

void LeafSession::on_unsubscribe(const Op& op) {
  if (!subscriptions_.remove(*account_, op.subject, op.queue)) return;
  if (tracing()) trace_end(op.subject, op.queue);
  on_interest_lost(op.subject);
  on_interest(op.subject);
}

void LeafSession::establish(Account& account, bool spoke, std::shared_ptr<OfferedInterest> offer,
                            Time now) {
  account_ = &account;
  narrow_limits();
  account.count_leaf(1);
  spoke_ = spoke;
  phase_ = Phase::kEstablished;
  handshake_due_ = kNever;
  adjust_compression();
  heartbeat_.start(now);
  measure_due_ = now + std::min<Duration>(kFirstMeasure, measure_interval());
  subscriptions_.start(account);
  links_.enter(*this);
  offer_ = std::move(offer);
  offer_->attach(*this);
  server_.enter(cid_, *this);
  server_.connected(*this);  // Whole by now: others are told of it.
  pump();
}

void LeafSession::set_permissions(LeafPermissions permissions) {
  permissions_ = std::move(permissions);
  if (!established()) return;
  offer_->map().recheck();
  flush_later();
  on_interest_lost(">");  // Also what the hub had allowed until now it may have thrown away.
  on_interest(">");
}

void LeafSession::send_handshake(std::string_view line) {
  out_.handshake += line.size();
  staging_.control(line);
}

Status LeafSession::refuse(Errc code, const char* text, std::string_view subject) {
  const std::size_t before = wire_->output().size();
  note_refused(text, subject);
  write_err(wire_->output(), text, subject);
  out_.handshake += wire_->output().size() - before;
  return {code, text};
}

void LeafSession::end(Errc code, const char* text) {
  if (phase_ == Phase::kClosed || wire_ == nullptr) return;
  const bool stopping = code == Errc::kOk;  // Then nothing is said, as by the reference.
  const Status status = stopping ? Status(code, text) : refuse(code, text);
  phase_ = Phase::kClosed;
  wire_->close(status);
}

void LeafSession::closed(const CloseReason& reason, Time now) {
  if (offer_) on_leaving();
  phase_ = Phase::kClosed;
  if (reason.stage == Stage::kOpen) note_closed(reason);
  if (offer_) leave(reason);
  on_closed(reason, now);
  staging_.detach();
  wire_ = nullptr;
}

void LeafSession::leave(const CloseReason& reason) {
  ConnectionReport last = report(false);
  last.reason = closed_state(reason);
  last.stop = host().clock.wall();
  leave_account();
  server_.leave(cid_, last);
}

// In this order: the others' counts look us up in the register while our interest goes.
void LeafSession::leave_account() {
  offer_->detach();
  offer_.reset();
  subscriptions_.clear(*account_);
  links_.leave(*this);
  account_->count_leaf(-1);
  limits_ = &server_.config().limits;
}

ConnectionReport LeafSession::report(bool subscriptions) const {
  ConnectionReport report;
  report.cid = cid_;
  report.kind = PeerKind::kLeaf;
  report.name = peer_.name;
  report.version = peer_version_;
  const Clock& clock = host().clock;
  report.start = start_;
  report.uptime = clock.now() - opened_;
  report.last_activity = clock.wall() - (clock.now() - last_activity_);
  report.rtt = rtt_;
  report.counters = counters_;
  report.subscriptions = subscriptions_.size();
  report.is_spoke = spoke_;
  report.compression = name_of(compression_);
  report.pending_bytes = staging_.queued_bytes();
  if (account_) report.account = account_->name();
  if (user_) {
    report.user = user_->user;
    show_identity(*user_, report);
  }
  if (wire_) {
    report.type = wire_->peer().websocket ? "websocket" : "nats";
    report.ip = wire_->peer().address;
    report.port = wire_->peer().port;
    report.tls_version = wire_->peer().tls_version;
    report.tls_cipher = wire_->peer().tls_cipher;
    report.certificate = wire_->peer().certificate;
  }
  if (subscriptions) {
    subscriptions_.for_each(
        [&](const Subscription* each) { report.subscription_list.push_back(each); });
  }
  return report;
}

}  // namespace petiole
