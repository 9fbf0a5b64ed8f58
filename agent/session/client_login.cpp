// ClientSession: INFO, CONNECT and who the client is.
#include "agent/protocol/info.h"
#include "agent/session/client_session.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

constexpr std::size_t kNonceBytes = 11;  // nats-server: 15 characters of base64url.

constexpr Status kViolation{Errc::kPermission, "authorization violation"};

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
  info.max_payload = limits_.payload_bytes_max;
  info.client_id = cid_;
  info.client_ip = peer_.address;
  info.auth_required = authenticator_.required();
  info.nonce = nonce_;
  // As nats-server: a server with leaf remotes is its own cluster.
  if (!config.remotes.empty()) info.cluster = server_.name();
  if (!config.client_advertise.empty()) info.connect_urls = {config.client_advertise};
  return info;
}

void ClientSession::send_info() {
  if (authenticator_.wants_nonce()) {
    std::string bytes(kNonceBytes, '\0');
    server_.host().entropy.fill(std::as_writable_bytes(std::span(bytes)));
    nonce_ = base64url(bytes);
  }
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

Status ClientSession::on_connect(const Op& op, Time now) {
  const Status parsed = parse_connect(op.argument, options_);
  if (!parsed.ok()) return fail(parsed, {}, "Protocol Violation");
  if (connected_ && account_) leave_account();
  connected_ = true;
  login_due_ = kNever;
  keepalive_->restart(std::min<Duration>(2s, limits_.ping_interval), now);
  Authenticator::Answer answer = authenticator_.check(options_, nonce_);
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
  if (!account || options_.new_account || !options_.account.empty()) {
    return fail(kViolation, "Authorization Violation", "Authentication Failure");
  }
  account_ = account;
  user_ = answer.user;
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
  user_ = answer.user;
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
