// ClientSession: INFO, CONNECT and who the client is.
#include <algorithm>
#include <utility>

#include "agent/config/units.h"
#include "agent/protocol/info.h"
#include "agent/protocol/writer.h"
#include "agent/session/client_session.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

constexpr std::size_t kNonceBytes = 11;  // nats-server: 15 characters of base64url.

// How long a clock that was set meanwhile goes unnoticed.
constexpr Duration kExpiryLook = std::chrono::minutes(1);

constexpr Status kViolation{Errc::kPermission, "authorization violation"};

// What client_advertise names stands in INFO in place of where we listen.
void advertise(std::string_view address, ServerInfo& info) {
  const auto named = address.empty() ? std::nullopt : parse_advertised(address, info.port);
  if (!named) return;
  info.host = named->host;
  info.port = named->port;
}

}  // namespace

ServerInfo ClientSession::make_info() const {
  const Config& config = server_.config();
  ServerInfo info;
  info.server_id = server_.id();
  info.server_name = server_.name();
  info.version = kNatsVersion;
  info.go = "c++20";
  info.host = config.host;
  info.port = server_.ports().client;
  advertise(config.client_advertise, info);
  info.headers = limits_->headers;
  info.max_payload = limits_->payload_bytes_max;
  info.client_id = cid_;
  info.client_ip = wire_->peer().address;
  info.auth_required = server_.gate().required(connection_type(wire_->peer(), false));
  const bool websocket = wire_->peer().websocket;
  if (websocket) {
    info.host = config.websocket.host;
    info.port = server_.ports().websocket;
    info.tls_required = info.tls_available = config.websocket.tls.enabled;
  } else if (config.tls.enabled) {
    info.tls_required = !config.allow_non_tls || !wire_->peer().tls_version.empty();
    info.tls_verify = config.tls.options.verify;
    info.tls_available = config.allow_non_tls;
  }
  // The first INFO would tell the proxy's address.
  if (entrance_ && config.proxy_protocol) info.client_ip.clear();
  info.nonce = nonce_;
  info.xkey = server_.keys().xkey;
  // As nats-server: a server with leaf remotes is its own cluster.
  if (!config.remotes.empty()) info.cluster = server_.name();
  return info;
}

void ClientSession::send_info() {
  if (server_.gate().wants_nonce(connection_type(wire_->peer(), false))) {
    std::string bytes(kNonceBytes, '\0');
    server_.host().entropy.fill(std::as_writable_bytes(std::span(bytes)));
    nonce_ = base64url(bytes);
  }
  greeted_ = true;
  send(client_info_line(make_info()));
}

void ClientSession::announce_lame_duck() {
  if (ended_ || options_.protocol < 1 || !first_pong_sent_) return;
  ServerInfo info = make_info();
  info.lame_duck = true;
  info.connect_urls.clear();
  send(client_info_line(info));
}

// For an operation other than CONNECT from a client that has not said who it is.
Status ClientSession::ensure_login() {
  if (server_.gate().required(connection_type(wire_->peer(), false))) return turn_away({});
  const std::optional<Outcome> outcome = identify({});
  if (outcome) return settle(*outcome);
  return {};
}

// Also of one that was greeted when nobody had to say who he is. INFO gave it nothing to sign then,
// and what is a signature of nothing can be shown again by others. nats-server reload.go ends all
// that have not said who they are.
void ClientSession::expect_login(Time now) {
  const std::uint8_t type = connection_type(wire_->peer(), false);
  if (!server_.gate().required(type)) return;
  if (server_.gate().wants_nonce(type) && nonce_.empty()) return wire_->close(turn_away({}));
  if (login_due_ == kNever) login_due_ = now + server_.gate().timeout(type);
  wire_->wake();
}

// What `text` does not name stays as the last CONNECT left it, but for who the client is: no
// password is kept.
Status ClientSession::learn(std::string_view text, ConnectOptions& options) {
  Said& said = options_;
  options.verbose = said.verbose;
  options.pedantic = said.pedantic;
  options.echo = said.echo;
  options.headers = said.headers;
  options.no_responders = said.no_responders;
  options.protocol = said.protocol;
  options.name = std::move(said.name);
  options.lang = std::move(said.lang);
  options.version = std::move(said.version);
  const Status parsed = parse_connect(text, options);
  if (!parsed.ok()) return parsed;
  options.headers = options.headers && limits_->headers;
  said = {options.verbose,  options.pedantic, options.echo, options.headers, options.no_responders,
          options.protocol, options.name,     options.lang, options.version};
  relic_ = options.new_account || !options.account.empty();
  return {};
}

Status ClientSession::on_connect(const Op& op, Time now) {
  ConnectOptions options;
  const Status parsed = learn(op.argument, options);
  if (!parsed.ok()) {
    note(LogLevel::kError, parsed.text());
    return fail(parsed, {}, "Protocol Violation");
  }
  if (connected_ && account_) {
    server_.left(*this);
    leave_account();
  }
  connected_ = true;
  keepalive_->assume(now - opened_);  // INFO went out, CONNECT came.
  login_due_ = kNever;
  keepalive_->restart(std::min<Duration>(2s, ping_interval()), now);
  take_cookies(options);
  user_ = claimed_user(options);
  const std::optional<Outcome> outcome = identify(options);
  if (!outcome) return {};
  const Status settled = settle(*outcome);
  return settled.ok() ? finish_connect() : settled;
}

// Nothing, when the answer comes later: nothing of this client is read meanwhile.
std::optional<Outcome> ClientSession::identify(const ConnectOptions& options) {
  const std::uint8_t type = connection_type(wire_->peer(), false);
  const Login login{options, nonce_, wire_->peer(), type, cid_};
  Gate& gate = server_.gate();
  std::optional<Outcome> outcome =
      gate.enter(login, self_, [this, type, &gate](const Outcome& answer) {
        identified(server_.confirm(answer, type, gate));
      });
  if (outcome) return outcome;
  waiting_ = true;
  wire_->pause_reading();
  return outcome;
}

void ClientSession::identified(const Outcome& outcome) {
  if (ended_) return;
  Status status = settle(outcome);
  if (status.ok() && connected_) status = finish_connect();
  if (!status.ok()) return wire_->close(status);
  resume();
}

Status ClientSession::settle(const Outcome& outcome) {
  if (!outcome.identity) return turn_away(outcome);
  Account* const account = server_.account(outcome.identity->account);
  if (!account || relic_) return turn_away({});
  if (!outcome.identity->user.empty()) user_ = outcome.identity->user;
  if (account_ && account_ != account) {
    server_.left(*this);
    leave_account();
  }
  if (!account_ && !account->takes_client()) return fail_full();
  const bool none = outcome.identity->subscriptions_max == 0 || !account->takes_subscriptions();
  if (!account_ && none) {
    return fail({Errc::kPermission, "account subscriptions"}, "maximum subscriptions exceeded",
                "Maximum Subscriptions Exceeded");
  }
  const bool arrives = !account_;
  account_ = account;
  if (!std::exchange(counted_, true)) account_->count_client(1);
  become(outcome.identity);
  watch_expiry(server_.host().clock.now());
  if (arrives) server_.connected(*this);
  return {};
}

Status ClientSession::fail_full() {
  note_with_account(LogLevel::kError, "maximum account active connections exceeded");
  return fail({Errc::kPermission, "the account is full"},
              "maximum account active connections exceeded",
              "Maximum Account Connections Exceeded");
}

Status ClientSession::turn_away(const Outcome& outcome) {
  if (!account_ || outcome.refusal == Refusal::kViolation) {
    server_.refused(*this, outcome.why.empty() ? "Authentication Failure" : outcome.why.c_str());
  }
  note(LogLevel::kError, outcome.line);
  note_refusal(outcome.refusal);
  switch (outcome.refusal) {
    case Refusal::kBusy:
      return fail({Errc::kBusy, "too many logins wait"},
                  "Connection throttling is active. Please try again later.",
                  "Maximum Connections Exceeded");
    case Refusal::kRevoked:
      return fail({Errc::kPermission, "revoked"}, "User Authentication Revoked",
                  "Credentials Revoked");
    case Refusal::kAccountExpired:
      return fail({Errc::kPermission, "account expired"}, "Account Authentication Expired",
                  "Authentication Expired");
    case Refusal::kMoved:
      return fail({Errc::kClosed, "the user is gone"}, "", "Client Closed");
    case Refusal::kViolation:
      break;
  }
  return fail(kViolation, "Authorization Violation", "Authentication Failure");
}

void ClientSession::give_place_back() {
  if (std::exchange(counted_, false)) account_->count_client(-1);
}

// Whether the account takes as many as it has, which its limit may forbid by now.
bool ClientSession::keeps_place() {
  give_place_back();
  if (!account_->takes_client()) return false;
  account_->count_client(1);
  counted_ = true;
  return true;
}

// Who has to go gives its place back at once: else those that come behind it would have to go, too.
void ClientSession::review() {
  if (ended_ || !account_ || !identity_) return;
  const Outcome outcome =
      server_.gate().review(identity_, wire_->peer(), connection_type(wire_->peer(), false));
  if (!outcome.identity) {
    give_place_back();
    return wire_->close(turn_away(outcome));
  }
  if (!keeps_place()) return wire_->close(fail_full());
  if (outcome.identity != identity_) become(outcome.identity);
  drop_forbidden();
  watch_expiry(server_.host().clock.now());
}

void ClientSession::configuration_changed(const Gate* before) {
  if (ended_) return;
  const bool unknown = !account_ && greeted_ && !entrance_ && !waiting_;
  if (before && unknown) return expect_login(server_.host().clock.now());
  if (!account_ || !identity_) return;
  if (!before) return narrow_limits();
  const Outcome outcome =
      server_.gate().review(identity_, connection_type(wire_->peer(), false), *before);
  if (!outcome.identity) return wire_->close(turn_away(outcome));
  if (identity_->delegated && !keeps_place()) return wire_->close(fail_full());
  if (outcome.identity == identity_) return narrow_limits();
  become(outcome.identity);
  drop_forbidden();
}

// What it may not subscribe to any more; nats-server reload.go says which.
void ClientSession::drop_forbidden() {
  std::vector<Subscription*> forbidden;
  for (Subscription* const each : subscriptions_) {
    if (!each) continue;
    const bool allowed =
        !permissions_ || permissions_->subscribe().interest(each->subject(), each->queue());
    if (!allowed) forbidden.push_back(each);
    each->filtered =
        permissions_ && permissions_->subscribe().may_deny(each->subject(), each->queue());
  }
  for (Subscription* const each : forbidden) {
    std::string text = "Permissions Violation for Subscription to " + go_quoted(each->subject());
    if (!each->queue().empty()) text += " using queue " + go_quoted(each->queue());
    send_err(text + " (sid " + go_quoted(each->sid()) + ")");
    note_removed(*each);
    forget(*each);
  }
}

void ClientSession::become(IdentityPtr identity) {
  const auto before = permissions_ ? permissions_->responses() : std::nullopt;
  identity_ = std::move(identity);
  permissions_ = identity_ ? identity_->permissions.get() : nullptr;
  expiry_due_ = kNever;
  narrow_limits();
  const auto rule = permissions_ ? permissions_->responses() : std::nullopt;
  if (rule == before) return;  // Who has asked waits for the answer, whatever else has changed.
  reply_rights_ =
      rule ? std::make_unique<ReplyRights>(*rule, server_.host().entropy.number()) : nullptr;
}

// The account's hold the server's already; the user's may be lower.
void ClientSession::narrow_limits() {
  limits_ = account_ ? &account_->limits() : &server_.config().limits;
  own_limits_.reset();
  if (!identity_ || !account_) return;
  Limits own = *limits_;
  // 0 means no limit there, and none here.
  if (own.subscriptions_max == 0) own.subscriptions_max = SIZE_MAX;
  const auto lower = [](std::size_t& limit, std::int64_t most) {
    if (most < 0 || static_cast<std::size_t>(most) >= limit) return false;
    limit = static_cast<std::size_t>(most);
    return true;
  };
  const bool payload = lower(own.payload_bytes_max, identity_->payload_bytes_max);
  const bool subscriptions = lower(own.subscriptions_max, identity_->subscriptions_max);
  if (!payload && !subscriptions) return;
  own_limits_ = std::make_unique<const Limits>(own);
  limits_ = own_limits_.get();
}

// The clock on the wall may be set at any time, and timers do not follow it.
void ClientSession::watch_expiry(Time now) {
  expiry_due_ = kNever;
  const WallTime end =
      identity_ ? std::min(identity_->expires, identity_->account_expires) : WallTime::max();
  if (end == WallTime::max()) return;
  const Moment moment = server_.calendar().now();
  const Duration left = moment.lenient ? kExpiryLook : end - moment.time;
  expiry_due_ = now + std::clamp(left, Duration{}, kExpiryLook);
}

// The log says the same, behind it.
Status ClientSession::fail_told(Status why, std::string_view text, const char* reason) {
  const Status status = fail(why, text, reason);
  note(LogLevel::kError, text);
  return status;
}

Status ClientSession::finish_connect() {
  if (options_.protocol < 0 || options_.protocol > 1) {
    return fail_told({Errc::kProtocol, "client protocol"}, "invalid client protocol",
                     "Bad Client Protocol Version");
  }
  if (options_.no_responders && !options_.headers) {
    return fail_told({Errc::kProtocol, "no responders without headers"},
                     "no responders requires headers support", "No Responders Requires Headers");
  }
  send_ok();
  return {};
}

}  // namespace petiole
