#include "agent/leaf/accepting.h"

#include <array>

#include "agent/protocol/headers.h"
#include "agent/protocol/writer.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

constexpr std::size_t kNonceBytes = 11;  // nats-server const.go: nonceRawLen.

std::string make_nonce(Entropy& entropy) {
  std::array<std::byte, kNonceBytes> bytes;
  entropy.fill(bytes);
  return base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

AcceptingLeaf::AcceptingLeaf(Server& server, LeafRegister& links)
    : LeafSession(server, links), nonce_(make_nonce(server.host().entropy)) {}

ServerInfo AcceptingLeaf::make_info() const {
  const Config& config = server().config();
  ServerInfo info;
  info.server_id = server().id();
  info.server_name = server().name();
  info.version = kNatsVersion;
  info.cluster = links().cluster();
  info.host = config.leaf_listen.host;
  info.port = config.leaf_listen.port;
  info.headers = true;
  info.domain = config.leaf_listen.domain;
  info.jetstream = !info.domain.empty();
  info.max_payload = config.limits.payload_bytes_max;
  info.client_id = cid_;
  info.auth_required = true;  // The reference says so on this port always.
  info.leafnode_urls = {config.leaf_listen.host + ":" + std::to_string(config.leaf_listen.port)};
  info.info_on_connect = true;
  if (config.leaf_listen.drops_repeats) info.petiole = kPetioleVersion;
  return info;
}

// The listener's own, or else the one for clients (wire 3.3).
const AuthConfig& AcceptingLeaf::authorization() const {
  const Config& config = server().config();
  return config.leaf_listen.auth.required() ? config.leaf_listen.auth : config.auth;
}

void AcceptingLeaf::greet(Time now) {
  ServerInfo info = make_info();
  info.nonce = nonce_;
  send_handshake(leaf_info_line(info));
  expect_by(now + authorization().timeout);
  wire()->wake();
}

Status AcceptingLeaf::on_connect(std::string_view text, Time now) {
  if (connect_seen_) return refuse(Errc::kProtocol, "Unknown Protocol Operation");
  const Status status = parse_connect(text, connect_);
  if (!status.ok()) return status;
  connect_seen_ = true;
  login_ = Authenticator(authorization()).check(connect_, nonce_);
  switch (login_.verdict) {
    case Authenticator::Verdict::kAccepted:
      return accept(now);
    case Authenticator::Verdict::kRefused:
      return refuse_login();
    case Authenticator::Verdict::kCompareHash:
      compare_secret();
  }
  return {};
}

// Input waits meanwhile: what follows CONNECT may not be looked at before.
void AcceptingLeaf::compare_secret() {
  wire()->pause_reading();
  stop_parsing();
  host().worker.run(
      [handle = handle(), &loop = host().loop, secret = login_.password, hash = login_.hash] {
        const bool equal = bcrypt_matches(secret, hash);
        loop.post([handle, equal] {
          if (*handle != nullptr) static_cast<AcceptingLeaf*>(*handle)->compared(equal);
        });
      });
}

void AcceptingLeaf::compared(bool equal) {
  if (wire() == nullptr) return;
  const Status status = equal ? accept(host().clock.now()) : refuse_login();
  if (!status.ok()) wire()->close(status);
  wire()->resume_reading();
  wire()->wake();
}

Status AcceptingLeaf::refuse_login() {
  server().refused(*this, "Authentication Failure");
  return refuse(Errc::kPermission, "Authorization Violation");
}

// In the order of the reference: wire 3.3.
Status AcceptingLeaf::check() {
  if (!connect_.lang.empty()) {
    return refuse(Errc::kProtocol, "attempted to connect to leaf node port");
  }
  if (connect_.cluster.find(' ') != std::string::npos) {
    return refuse(Errc::kProtocol, "cluster name cannot contain spaces");
  }
  const std::string cluster = links().cluster();
  if (!cluster.empty() && connect_.cluster == cluster) {
    return refuse(Errc::kProtocol, "remote leafnode has same cluster name");
  }
  if (connect_.gateway.empty()) return {};
  wire()->output().append("-ERR 'Rejecting connection from gateway \"" + connect_.gateway +
                          "\" on the leafnode port'\r\n");
  return {Errc::kProtocol, "a gateway came to the leaf node port"};
}

std::string_view AcceptingLeaf::mirror_id(const Op& op) const {
  if (!server().config().leaf_listen.drops_repeats || op.header.empty() || !op.reply.empty())
    return {};
  const auto id = find_header(op.header, "Nats-Msg-Id");
  return id && RepeatFilter::made_by(connect_.petiole_leaf, *id) ? *id : std::string_view();
}

// What our user there is let do, seen from our end. JetStream's API stays at home, yet what the
// peer sends of it is not a breach (the reference checks the user's permissions alone).
LeafPermissions AcceptingLeaf::make_permissions() const {
  LeafPermissions permissions;
  permissions.send.deny = connect_.deny_publish;
  deny_jetstream(permissions.send);
  deny_jetstream(permissions.receive);
  return permissions;
}

Status AcceptingLeaf::accept(Time now) {
  const Status status = check();
  if (!status.ok()) return status;
  Account* account = server().account(login_.account);
  if (account == nullptr) return refuse_login();
  headers_ = connect_.headers;
  peer_ = {connect_.name, connect_.cluster, connect_.remote_account};
  peer_version_ = connect_.version;
  if (LeafSession* old = links().find_duplicate(*account, peer_, *this)) {
    old->end(Errc::kBusy, "Duplicate Remote LeafNode Connection");
  }
  ServerInfo info = make_info();
  info.connect_info = true;
  info.remote_account = account->name();
  send_handshake(leaf_info_line(info));
  set_permissions(make_permissions());
  establish(*account, connect_.is_hub, std::make_shared<OfferedInterest>(*account, links()), now);
  return {};
}

Status AcceptingLeaf::on_info(std::string_view, Time) {
  return {};  // Of a peer that wants to compress; we did not offer it.
}

Status AcceptingLeaf::on_error(std::string_view text) {
  host().log.info("leaf: " + peer_.name + " says " + std::string(text.substr(0, 256)));
  return {};
}

Status AcceptingLeaf::on_unready() { return refuse_login(); }

Status AcceptingLeaf::on_handshake_timeout() {
  return refuse(Errc::kTimeout, "Authentication Timeout");
}

void AcceptingLeaf::on_closed(const CloseReason& reason, Time) {
  if (!established() && peer_.name.empty()) return;
  host().log.info("leaf: " + peer_.name + " is gone: " + reason.text);
}

Network::Accept make_leaf_accept(Server& server, LeafRegister& links) {
  return [&server, &links](const PeerInfo&) -> std::unique_ptr<Protocol> {
    if (links.size() >= server.config().limits.connections_max) return nullptr;
    return std::make_unique<AcceptingLeaf>(server, links);
  };
}

}  // namespace petiole
