// ClientSession: INFO, CONNECT and who the client is.
#include <charconv>

#include "agent/protocol/info.h"
#include "agent/session/client_session.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

constexpr std::size_t kNonceBytes = 11;  // nats-server: 15 characters of base64url.

constexpr Status kViolation{Errc::kPermission, "authorization violation"};

// What client_advertise names stands in INFO in place of where we listen: host or host:port.
void advertise(std::string_view address, ServerInfo& info) {
  if (address.empty()) return;
  const std::size_t colon = address.rfind(':');
  const std::string_view port = colon == address.npos ? "" : address.substr(colon + 1);
  std::uint16_t number = 0;
  const bool numeric =
      !port.empty() && std::from_chars(port.data(), port.data() + port.size(), number).ptr ==
                           port.data() + port.size();
  info.host = numeric ? address.substr(0, colon) : address;
  if (numeric) info.port = number;
}

// Who it says it is, as monitoring shows it: nats-server client.go, getRawAuthUser.
std::string_view claimed_user(const ConnectOptions& options) {
  if (!options.nkey.empty()) return options.nkey;
  return options.user.empty() && !options.token.empty() ? "[REDACTED]" : options.user;
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
  info.port = config.port;
  advertise(config.client_advertise, info);
  info.headers = limits_->headers;
  info.max_payload = limits_->payload_bytes_max;
  info.client_id = cid_;
  info.client_ip = wire_->peer().address;
  info.auth_required = authenticator_.required();
  const bool websocket = wire_->peer().websocket;
  if (websocket) {
    info.host = config.websocket.host;
    info.port = config.websocket.port;
    info.tls_required = info.tls_available = config.websocket.tls.enabled;
  } else if (config.tls.enabled) {
    info.tls_required = !config.allow_non_tls || !wire_->peer().tls_version.empty();
    info.tls_verify = config.tls.options.verify;
    info.tls_available = config.allow_non_tls;
  }
  // The first INFO would tell the proxy's address.
  if (entrance_ && config.proxy_protocol) info.client_ip.clear();
  info.nonce = nonce_;
  // As nats-server: a server with leaf remotes is its own cluster.
  if (!config.remotes.empty()) info.cluster = server_.name();
  return info;
}

void ClientSession::send_info() {
  if (authenticator_.wants_nonce()) {
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
  return account_ ? Status() : settle(authenticator_.check_silent());
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
  if (!parsed.ok()) return fail(parsed, {}, "Protocol Violation");
  if (connected_ && account_) {
    server_.left(*this);
    leave_account();
  }
  connected_ = true;
  keepalive_->assume(server_.host().clock.wall() - started_);  // INFO went out, CONNECT came.
  login_due_ = kNever;
  keepalive_->restart(std::min<Duration>(2s, ping_interval()), now);
  take_cookies(options);
  user_ = claimed_user(options);
  const Config& config = server_.config();
  const PeerInfo& peer = wire_->peer();
  const bool mapped = peer.websocket ? config.websocket.tls.map : config.tls.map;
  Authenticator::Answer answer = mapped && !peer.tls_version.empty()
                                     ? authenticator_.check_certificate(peer.certificate.get())
                                     : authenticator_.check(options, nonce_);
  if (answer.verdict == Authenticator::Verdict::kCompareHash) {
    compare_hash(std::move(answer));
    return {};
  }
  const Status settled = settle(answer);
  return settled.ok() ? finish_connect() : settled;
}

Status ClientSession::settle(const Authenticator::Answer& answer) {
  Account* const account = answer.verdict == Authenticator::Verdict::kAccepted
                               ? server_.account(answer.account)
                               : nullptr;
  if (!account || relic_) {
    server_.refused(*this, "Authentication Failure");
    return fail(kViolation, "Authorization Violation", "Authentication Failure");
  }
  if (!answer.user.empty()) user_ = answer.user;
  if (account == account_) return {};
  if (account_) leave_account();
  if (!account->takes_client()) {
    return fail({Errc::kPermission, "account connections"},
                "maximum account active connections exceeded",
                "Maximum Account Connections Exceeded");
  }
  if (!account->takes_subscriptions()) {
    return fail({Errc::kPermission, "account subscriptions"}, "maximum subscriptions exceeded",
                "Maximum Subscriptions Exceeded");
  }
  account_ = account;
  account_->count_client(1);
  limits_ = &account_->limits();
  server_.connected(*this);
  return {};
}

Status ClientSession::finish_connect() {
  if (options_.protocol < 0 || options_.protocol > 1) {
    return fail({Errc::kProtocol, "client protocol"}, "invalid client protocol",
                "Bad Client Protocol Version");
  }
  if (options_.no_responders && !options_.headers) {
    return fail({Errc::kProtocol, "no responders without headers"},
                "no responders requires headers support", "No Responders Requires Headers");
  }
  send_ok();
  return {};
}

// Away from the loop; nothing of this client is read meanwhile.
void ClientSession::compare_hash(Authenticator::Answer answer) {
  waiting_ = true;
  wire_->pause_reading();
  Loop& loop = server_.host().loop;
  const std::weak_ptr<ClientSession*> self = self_;
  server_.host().worker.run([self, &loop, answer = std::move(answer)]() mutable {
    const bool matches = bcrypt_matches(answer.password, answer.hash);
    answer.verdict = matches ? Authenticator::Verdict::kAccepted : Authenticator::Verdict::kRefused;
    loop.post([self, answer = std::move(answer)] {
      if (const auto session = self.lock()) (*session)->hash_compared(answer);
    });
  });
}

void ClientSession::hash_compared(const Authenticator::Answer& answer) {
  if (ended_) return;
  Status status = settle(answer);
  if (status.ok()) status = finish_connect();
  if (!status.ok()) return wire_->close(status);
  resume();
}

}  // namespace petiole
