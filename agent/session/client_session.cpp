#include "agent/session/client_session.h"

#include <algorithm>
#include <utility>

#include "agent/protocol/writer.h"
#include "agent/session/trace.h"

namespace petiole {

namespace {

constexpr Duration kFirstPing = 2s;  // nats-server: firstClientPingInterval.
constexpr const char* kSurplus = "Maximum Connections Exceeded";

}  // namespace

ClientSession::ClientSession(Server& server, std::unique_ptr<Entrance> entrance, bool full)
    : server_(server),
      limits_(&server.config().limits),
      subscriptions_(server.host().entropy.number()),
      entrance_(std::move(entrance)),
      cid_(server.next_cid()),
      started_(server.host().clock.wall()),
      full_(full),
      self_(std::make_shared<ClientSession*>(this)) {
  if (!full_) server_.count_client(1);
  ++server_.stats().connections_total;
}

ClientSession::~ClientSession() {
  end();
  if (!account_) return;  // A connection that is dropped at the end is not told that it is closed.
  wire_ = nullptr;
  leave_account();
}

void ClientSession::opened(Wire& wire, Time now) {
  wire_ = &wire;
  opened_ = last_activity_ = now;
  server_.enter(cid_, *this);
  note(LogLevel::kDebug, "Client connection created");
  const Duration first = std::min<Duration>(kFirstPing, ping_interval());
  const auto spread = static_cast<std::uint64_t>(first.count() / 5 + 1);
  const Duration extra(static_cast<Duration::rep>(server_.host().entropy.number() % spread));
  Limits limits = *limits_;
  limits.ping_interval = ping_interval();
  keepalive_.emplace(limits, first + extra, now);
  if (!entrance_) {
    begin(now);
  } else if (entrance_->opened(now).greet) {
    send_info();
  }
  if (!full_) return;
  wire_->close(fail_surplus());
}

Result<std::size_t> ClientSession::receive(std::string_view input, Time now) {
  last_activity_ = now;
  keepalive_->heard(now);
  std::size_t used = 0;
  wanted_ = 0;
  if (entrance_) {
    const Result<std::size_t> passed = pass(entrance_->receive(input, now, *wire_), now);
    if (!passed.ok() || entrance_) return passed;
    used = *passed;
  }
  Op op;
  const bool traced = tracing();
  while (used < input.size() && !waiting_ && !ended_) {
    const ParseResult result = parse(input.substr(used), kClient, *limits_, options_.headers, op);
    if (result.error == ParseError::kNone && result.used == 0) {
      wanted_ = result.wanted;
      break;
    }
    const bool broken = result.error != ParseError::kNone;
    if (!account_ && (broken || op.verb != Verb::kConnect)) {
      const Status login = ensure_login();
      if (!login.ok()) return login;
      if (waiting_) break;
    }
    if (broken) return refuse(result.error, input.substr(used));
    if (must_wait_for_disk(op)) {
      wait_for_disk(false);
      break;
    }
    disk_passed_ = false;
    if (traced) [[unlikely]]
      trace_input(op, input.substr(used));
    const Status status = handle(op, now);
    if (!status.ok()) return status;
    used += result.used;
  }
  if (refused_ > 0 && now >= refusal_due_) tell_refused();
  // Answers, too, wait for a client that does not read them.
  if (wire_->output().size() > limits_->pending_bytes_max) give_up_full();
  return ended_ ? input.size() : used;
}

Status ClientSession::refuse(ParseError error, std::string_view bytes) {
  const bool named = error == ParseError::kArguments || error == ParseError::kPayloadTooLarge;
  if (error == ParseError::kPayloadTooLarge && account_ && options_.headers) trace_too_large(bytes);
  if (named && tracing()) trace_input({.verb = Verb::kOk}, bytes);
  std::string line = refusal_text(error, bytes, "Client", *limits_);
  if (!options_.headers && line.starts_with("processHeaderPub")) {
    line = "message headers not supported";
  }
  if (named || error == ParseError::kClientError) note(LogLevel::kError, line);
  const Status status = refused(error);
  if (!named && error != ParseError::kClientError) note(LogLevel::kError, line);
  return status;
}

Status ClientSession::refused(ParseError error) {
  switch (error) {
    case ParseError::kUnknownOperation:
      return fail({Errc::kProtocol, "unknown operation"}, "Unknown Protocol Operation",
                  "Protocol Violation");
    case ParseError::kControlLine:
      return fail({Errc::kPermission, "control line"}, "maximum control line exceeded",
                  "Maximum Control Line Exceeded");
    case ParseError::kPayloadTooLarge:
      return fail({Errc::kTooLarge, "payload"}, "Maximum Payload Violation",
                  "Maximum Message Payload Exceeded");
    case ParseError::kClientError:
      return fail({Errc::kProtocol, "the client reported an error"}, {}, "Parse Error");
    default:
      return fail({Errc::kProtocol, "bad arguments"}, {}, "Protocol Violation");
  }
}

// Sends -ERR unless `text` is empty; the caller returns the result, which closes.
Status ClientSession::fail(Status why, std::string_view text, const char* reason) {
  if (!text.empty()) send_err(text);
  if (!reason_) reason_ = reason;
  end();
  return {why.code(), reason_};
}

Time ClientSession::deadline() const {
  if (ended_ || !keepalive_) return kNever;
  if (entrance_) return entrance_->deadline();
  const Time stuck = wire_->blocked_since();
  const Time write_due = stuck == kNever ? kNever : stuck + limits_->write_deadline;
  return std::min({keepalive_->due(), login_due_, expiry_due_, write_due});
}

Status ClientSession::tick(Time now) {
  if (ended_) return {};
  if (entrance_) return pass(entrance_->tick(now), now).status();
  if (now >= login_due_) {
    note_with_account(LogLevel::kDebug, "Authentication Timeout");
    return fail({Errc::kPermission, "authentication"}, "Authentication Timeout",
                "Authentication Timeout");
  }
  if (now >= expiry_due_) {
    watch_expiry(now);
    if (expiry_due_ <= now) {
      const bool user = identity_->expires <= identity_->account_expires;
      note_with_account(LogLevel::kDebug,
                        user ? "User Authentication Expired" : "Account Authentication Expired");
      return fail({Errc::kPermission, "expired"},
                  user ? "User Authentication Expired" : "Account Authentication Expired",
                  "Authentication Expired");
    }
  }
  const Time stuck = wire_->blocked_since();
  if (stuck != kNever && now >= stuck + limits_->write_deadline) {
    give_up_slow("Slow Consumer (Write Deadline)");
    return {};
  }
  keepalive_->set(ping_interval(), limits_->pings_out_max);
  switch (keepalive_->tick(now)) {
    case Keepalive::Action::kGiveUp:
      if (!waiting_) {
        note(LogLevel::kDebug, "Client Ping Timer");
        note(LogLevel::kDebug, "Stale Client Connection - Closing");
        ++server_.stats().stale_connections;
        return fail({Errc::kTimeout, "stale connection"}, "Stale Connection", "Stale Connection");
      }
      // It may have answered: nobody reads it. That it has gone shows by what is written.
      [[fallthrough]];
    case Keepalive::Action::kPing:
      note(LogLevel::kDebug, "Client Ping Timer");
      if (tracing()) trace_output("PING");
      send("PING\r\n");
      break;
    case Keepalive::Action::kNone:
      break;
  }
  return {};
}

Status ClientSession::fail_surplus() {
  note_with_account(LogLevel::kError, "maximum connections exceeded");
  return fail({Errc::kPermission, "connections"}, "maximum connections exceeded", kSurplus);
}

// Others may have its place from now on, though its last words may have to wait for the peer. Its
// account it leaves later: one that is removed lives until nobody is in it.
void ClientSession::end() {
  if (!std::exchange(ended_, true) && !full_) server_.count_client(-1);
}

void ClientSession::closed(const CloseReason& reason, Time) {
  end();
  self_.reset();
  if (reason.stage == Stage::kTls && wire_) {
    note(LogLevel::kError, "TLS handshake error: " + reason.text);
  }
  if (!reason_) {
    reason_ = reason.code == Errc::kClosed                               ? "Client Closed"
              : reason.code == Errc::kOk                                 ? "Server Shutdown"
              : reason.stage == Stage::kTls || reason.code == Errc::kTls ? "TLS Handshake Failure"
                                                                         : "Read Error";
  }
  ConnectionReport last = report(false);
  last.stop = server_.host().clock.wall();
  last.reason = reason_;
  note(LogLevel::kDebug, std::string("Client connection closed: ") + reason_);
  leave_account();
  wire_ = nullptr;
  server_.leave(cid_, last);
}

void ClientSession::leave_account() {
  for (Subscription* const subscription : subscriptions_) {
    if (!subscription) continue;
    if (tracing()) trace_end(*subscription);
    account_->retire(subscription);
  }
  subscriptions_ = SidTable(server_.host().entropy.number());
  if (std::exchange(counted_, false)) account_->count_client(-1);
  account_ = nullptr;
  become(nullptr);
}

void ClientSession::send(std::string_view text) {
  if (ended_) return;
  Output& output = wire_->output();
  const bool asleep = output.empty();
  output.append(text);
  if (asleep) wire_->wake();
}

void ClientSession::send_err(std::string_view prefix, std::string_view quoted) {
  if (ended_) return;
  if (tracing()) {
    trace_output("-ERR", std::string(prefix) + (quoted.empty() ? "" : go_quoted(quoted)));
  }
  write_err(wire_->output(), prefix, quoted);
  wire_->wake();
}

void ClientSession::shut_down(const char* reason) {
  if (ended_) return;
  if (std::string_view(reason) == kSurplus) return wire_->close(fail_surplus());
  reason_ = reason;
  end();
  wire_->close({Errc::kOk, reason});
}

// Closes without another word: what would be said goes behind what is not taken anyway.
void ClientSession::give_up_slow(const char* reason) {
  if (ended_) return;
  reason_ = reason;
  end();
  ++server_.stats().slow_consumers;
  if (account_) ++server_.stats().slow_by_account[account_->name()];
  wire_->abort({Errc::kSlowConsumer, reason});
}

void ClientSession::give_up_full() {
  if (ended_) return;
  note(LogLevel::kInfo, "Slow Consumer Detected: MaxPending of " +
                            std::to_string(limits_->pending_bytes_max) + " Exceeded");
  give_up_slow("Slow Consumer (Pending Bytes)");
}

bool ClientSession::describe(PartyInfo& info) const {
  if (!account_ || !wire_) return false;
  const PeerInfo& peer = wire_->peer();
  info = {.id = cid_,
          .account = account_->name(),
          .host = peer.address,
          .user = user_,
          .name = options_.name,
          .lang = options_.lang,
          .version = options_.version,
          .kind = "Client",
          .type = peer.websocket ? "websocket" : "nats",
          .start = started_,
          .round_trip = keepalive_ ? keepalive_->round_trip() : Duration{}};
  return true;
}

ConnectionReport ClientSession::report(bool subscriptions) const {
  ConnectionReport report;
  const PeerInfo& peer = wire_->peer();  // Only an open session is asked.
  const Clock& clock = server_.host().clock;
  report.cid = cid_;
  report.type = peer.websocket ? "websocket" : "nats";
  report.ip = peer.address;
  report.port = peer.port;
  report.start = started_;
  report.uptime = clock.now() - opened_;
  report.last_activity = clock.wall() - (clock.now() - last_activity_);
  report.rtt = keepalive_ ? keepalive_->round_trip() : Duration{};
  report.pending_bytes = wire_->output().size();
  report.counters = counters_;
  report.subscriptions = subscriptions_.size();
  report.name = options_.name;
  report.lang = options_.lang;
  report.version = options_.version;
  report.tls_version = peer.tls_version;
  report.tls_cipher = peer.tls_cipher;
  report.tls_first = tls_first_;
  report.certificate = peer.certificate;
  report.user = user_;
  report.account = account_ ? account_->name() : std::string();
  if (identity_) show_identity(*identity_, report);
  if (!subscriptions) return report;
  for (const Subscription* each : subscriptions_) {
    if (each) report.subscription_list.push_back(each);
  }
  return report;
}

}  // namespace petiole
