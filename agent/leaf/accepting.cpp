#include "agent/leaf/accepting.h"

#include <algorithm>
#include <array>

#include "agent/config/units.h"
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

const std::vector<std::string> kNothing;

// How long a clock that was set meanwhile goes unnoticed.
constexpr Duration kExpiryLook = std::chrono::minutes(1);

SubjectPermissions lists(const SubjectRules& rules) { return {rules.allow, rules.deny}; }

// Who may answer, and is told nothing else, may publish nothing else.
SubjectRules exported(const Permissions& permissions) {
  SubjectRules rules = permissions.config().publish;
  if (permissions.responses() && !rules.allow) rules.allow.emplace();
  return rules;
}

}  // namespace

AcceptingLeaf::AcceptingLeaf(Server& server, LeafRegister& links,
                             std::unique_ptr<Entrance> entrance)
    : LeafSession(server, links),
      entrance_(std::move(entrance)),
      compression_then_(server.config().leaf_listen.compression),
      nonce_(make_nonce(server.host().entropy)) {}

ServerInfo AcceptingLeaf::make_info() const {
  const Config& config = server().config();
  ServerInfo info;
  info.server_id = server().id();
  info.server_name = server().name();
  info.version = kNatsVersion;
  info.cluster = links().cluster();
  const HostPort address = server().leaf_address();
  info.host = address.host;
  info.port = address.port;
  info.headers = config.limits.headers;
  info.ip = join_host_port(info.host, info.port);
  info.domain = config.leaf_listen.domain;
  info.jetstream = !info.domain.empty();
  info.max_payload = config.limits.payload_bytes_max;
  info.client_id = cid_;
  info.protocol = kTraceProtocol;
  info.auth_required = true;  // The reference says so on this port always.
  info.tls_required = config.leaf_listen.tls.enabled && !wire()->peer().websocket;
  info.tls_verify = info.tls_required && config.leaf_listen.tls.options.verify;
  // An empty list is taken by all; leafs of 2.9 take none for a client port.
  info.leafnode_urls.emplace();
  if (!config.leaf_listen.no_advertise) info.leafnode_urls->push_back(info.ip);
  info.info_on_connect = true;
  if (config.leaf_listen.drops_repeats) info.petiole = kPetioleVersion;
  return info;
}

void AcceptingLeaf::greet(Time now) {
  note(LogLevel::kInfo, "Leafnode connection created ");
  if (!entrance_) return begin(now);
  (void)pass(entrance_->opened(now), now);  // Of an open peer nothing is refused yet.
  wire()->wake();
}

Result<std::size_t> AcceptingLeaf::enter(std::string_view input, Time now) {
  return pass(entrance_->receive(input, now, *wire()), now);
}

// Does what the entrance says; returns how much of the input that took.
Result<std::size_t> AcceptingLeaf::pass(const Entrance::Step& step, Time now) {
  expect_by(entrance_->deadline());
  return take_step(
      entrance_, step, *wire(), now, [this] { send_info(); }, [&] { begin(now); },
      [&] {
        return step.text ? refuse(Errc::kTls, step.text) : Status(Errc::kProtocol, step.reason);
      });
}

void AcceptingLeaf::send_info() {
  ServerInfo info = make_info();
  info.nonce = nonce_;
  // "off" is said, too: a nats-server below shows it in its /leafz.
  if (!wire()->peer().websocket) {
    info.compression = name_of(server().config().leaf_listen.compression.mode);
  }
  send_handshake(leaf_info_line(info));
  greeted_ = true;
  greeted_at_ = host().clock.now();
}

// The peer is in: from here on its own time runs.
void AcceptingLeaf::begin(Time now) {
  if (!greeted_) send_info();
  expect_by(now + server().gate().timeout(connection_type(wire()->peer(), true)));
  wire()->wake();
}

Status AcceptingLeaf::on_connect(std::string_view text, Time now) {
  if (connect_seen_) return refuse(Errc::kProtocol, "Unknown Protocol Operation");
  const Status status = parse_connect(text, connect_);
  if (!status.ok()) return status;
  connect_seen_ = true;
  const std::uint8_t type = connection_type(wire()->peer(), true);
  const Login login{connect_, nonce_, wire()->peer(), type, cid_};
  Gate& gate = server().gate();
  const std::optional<Outcome> outcome = gate.enter(
      login, handle(), [weak = std::weak_ptr(handle()), type, &gate](const Outcome& answer) {
        const auto self = weak.lock();
        if (!self || !*self) return;
        auto& leaf = static_cast<AcceptingLeaf&>(**self);
        leaf.identified(leaf.server().confirm(answer, type, gate));
      });
  if (outcome) return settle(*outcome, now);
  // It has said who it is, and what we take to believe it is our time. Input waits meanwhile: what
  // follows CONNECT may not be looked at before.
  expect_by(kNever);
  wire()->pause_reading();
  stop_parsing();
  return {};
}

Status AcceptingLeaf::settle(const Outcome& outcome, Time now) {
  identity_ = outcome.identity;
  if (identity_) return accept(now);
  if (!outcome.line.empty()) note(LogLevel::kError, outcome.line);
  return outcome.refusal == Refusal::kBusy
             ? refuse(Errc::kBusy, "Connection throttling is active. Please try again later.")
             : refuse_login(outcome.why);
}

void AcceptingLeaf::identified(const Outcome& outcome) {
  if (over()) return;  // Else it would take the place of the one that the peer has by now.
  const Status status = settle(outcome, host().clock.now());
  if (!status.ok()) wire()->close(status);
  wire()->resume_reading();
  wire()->wake();
}

Status AcceptingLeaf::refuse_login(const std::string& why) {
  server().refused(*this, why.empty() ? "Authentication Failure" : why.c_str());
  const std::string& user = connect_.nkey.empty() ? connect_.user : connect_.nkey;
  note(LogLevel::kError, user.empty()
                             ? "authentication error"
                             : std::string("authentication error - ") +
                                   (connect_.nkey.empty() ? "User " : "Nkey ") + go_quoted(user));
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
  if (connect_.gateway.empty()) return check_version();
  wire()->output().append("-ERR 'Rejecting connection from gateway \"" + connect_.gateway +
                          "\" on the leafnode port'\r\n");
  return {Errc::kProtocol, "a gateway came to the leaf node port"};
}

// The peer expects the second INFO before it takes an error for one.
Status AcceptingLeaf::check_version() {
  const std::string& least = server().config().leaf_listen.min_version;
  const auto wanted = parse_version(least), given = parse_version(connect_.version);
  if (least.empty() || !wanted || (given && *given >= *wanted)) return {};
  ServerInfo info = make_info();
  info.connect_info = true;
  info.remote_account = identity_->account;
  send_handshake(leaf_info_line(info));
  wire()->output().append("-ERR 'connection rejected since minimum version required is \"" + least +
                          "\"'\r\n");
  return {Errc::kPermission, "Minimum Version Required"};
}

bool AcceptingLeaf::takes_marks() const {
  return forgets_on_pong() && server().config().leaf_listen.drops_repeats;
}

// What our user there is let do, seen from our end. JetStream's API stays at home, yet what the
// peer sends of it is not a breach (the reference checks the user's permissions alone).
LeafPermissions AcceptingLeaf::make_permissions() const {
  SubjectPermissions send, receive;
  if (identity_->permissions) {
    send = lists(identity_->permissions->config().subscribe);
    receive = lists(exported(*identity_->permissions));
  }
  const AccountNames names{.account = connect_.remote_account, .leaf_remote = identity_->account};
  deny(send, connect_.deny_publish, names, [this](const std::string& wrong) {
    note(LogLevel::kError, "Error resolving leafnode deny permissions: " + wrong);
  });
  deny_jetstream(send);
  deny_jetstream(receive);
  return {compile(send), compile(receive)};
}

Status AcceptingLeaf::accept(Time now) {
  const Status status = check();
  if (!status.ok()) return status;
  Account* account = server().account(identity_->account);
  if (account == nullptr) return refuse_login();
  headers_ = connect_.headers && server().config().limits.headers;
  peer_ = {connect_.name, connect_.cluster, connect_.remote_account};
  peer_version_ = connect_.version;
  traces_ = connect_.protocol >= kTraceProtocol;
  if (LeafSession* other = links().find_duplicate(*account, peer_, *this)) {
    constexpr const char* kDuplicate = "Duplicate Remote LeafNode Connection";
    // Our login took so long that the peer has come again: it has given this one up.
    if (other->cid() > cid_) return refuse(Errc::kBusy, kDuplicate);
    other->end(Errc::kBusy, kDuplicate);
  }
  if (!account->takes_leaf()) {
    return refuse(Errc::kPermission, "maximum account active connections exceeded");
  }
  set_user(identity_);
  watch_expiry(now);
  send_connect_info(account->name());
  set_permissions(make_permissions());
  establish(*account, connect_.is_hub, std::make_shared<OfferedInterest>(*account, links()), now);
  return {};
}

void AcceptingLeaf::send_connect_info(const std::string& account) {
  ServerInfo info = make_info();
  info.connect_info = true;
  info.remote_account = account;
  if (identity_->permissions) {
    info.import_permissions = lists(identity_->permissions->config().subscribe);
    info.export_permissions = lists(identity_->permissions->config().publish);
    // An empty list would keep the peer from sending what it may answer.
    if (identity_->permissions->responses() && info.export_permissions->allow == kNothing) {
      info.export_permissions->allow.reset();
    }
  }
  send_handshake(leaf_info_line(info));
}

// The clock on the wall may be set at any time, and timers do not follow it.
void AcceptingLeaf::watch_expiry(Time now) {
  const WallTime end = std::min(identity_->expires, identity_->account_expires);
  expiry_due_ = kNever;
  if (end == WallTime::max()) return;
  const Moment moment = server().calendar().now();
  const Duration left = moment.lenient ? kExpiryLook : end - moment.time;
  expiry_due_ = now + std::clamp(left, Duration{}, kExpiryLook);
}

Status AcceptingLeaf::on_extra_deadline(Time now) {
  watch_expiry(now);
  if (expiry_due_ > now) return {};
  expiry_due_ = kNever;
  const bool user = identity_->expires <= identity_->account_expires;
  return refuse(Errc::kPermission,
                user ? "User Authentication Expired" : "Account Authentication Expired");
}

// Another permission is told by another INFO, as at login.
void AcceptingLeaf::review() {
  if (!established() || !identity_ || !identity_->claims) return;
  const Outcome outcome =
      server().gate().review(identity_, wire()->peer(), connection_type(wire()->peer(), true));
  if (!outcome.identity) {
    return end(Errc::kPermission,
               outcome.refusal == Refusal::kRevoked          ? "User Authentication Revoked"
               : outcome.refusal == Refusal::kAccountExpired ? "Account Authentication Expired"
                                                             : "Authorization Violation");
  }
  become(outcome.identity);
}

void AcceptingLeaf::become(IdentityPtr identity) {
  identity_ = std::move(identity);
  set_user(identity_);
  watch_expiry(host().clock.now());
  send_connect_info(account()->name());
  set_permissions(make_permissions());
  wire()->wake();
}

void AcceptingLeaf::configuration_changed(const Gate* before) {
  follow_compression();
  narrow_limits();
  if (!before || !established() || !identity_) return;
  const Outcome outcome =
      server().gate().review(identity_, connection_type(wire()->peer(), true), *before);
  if (!outcome.identity) {
    // Who is to be asked about anew comes again by itself.
    const bool anew = identity_->delegated && outcome.refusal == Refusal::kMoved;
    return anew ? end(Errc::kOk, "Client Closed")
                : end(Errc::kPermission, "Authorization Violation");
  }
  if (outcome.identity != identity_) become(outcome.identity);
}

bool AcceptingLeaf::offers_compression() const {
  const bool off = server().config().leaf_listen.compression.mode == CompressionMode::kOff;
  return !off && !wire()->peer().websocket;  // See SolicitingLeaf::choose_compression.
}

// Who knows of compression comes back and agrees on it anew, where it has to.
void AcceptingLeaf::follow_compression() {
  const CompressionConfig& now = server().config().leaf_listen.compression;
  if (compression_then_ == now) return;
  compression_then_ = now;
  const bool knows = compression_settled_ || !connect_.compression.empty();
  if (!established() || !knows || wire()->peer().websocket) return;
  if (!change_compression(now)) end(Errc::kOk, "Client Closed");
}

// Of a peer that wants to compress. From there on all is, and it waits for our INFO in that form.
Status AcceptingLeaf::on_info(std::string_view text, Time now) {
  if (connect_seen_ || compression_settled_ || !offers_compression()) return {};
  compression_settled_ = true;
  const Result<ServerInfo> theirs = parse_info(text);
  if (!theirs.ok()) return theirs.status();
  const CompressionConfig& ours = server().config().leaf_listen.compression;
  const Result<CompressionMode> selected = select_compression(ours.mode, theirs->compression);
  if (!selected.ok()) return refuse(Errc::kProtocol, "unsupported compression mode");
  if (*selected == CompressionMode::kOff) return {};
  const CompressionMode mode = *selected == CompressionMode::kAuto
                                   ? compression_for(now - greeted_at_, ours.thresholds)
                                   : *selected;
  const Status status = compress(mode, ours);
  if (!status.ok()) return status;
  ServerInfo info = make_info();
  info.nonce = nonce_;
  info.compression = name_of(ours.mode == CompressionMode::kAuto ? ours.mode : mode);
  send_handshake(leaf_info_line(info));
  wire()->wake();
  return {};
}

Status AcceptingLeaf::on_error(std::string_view text) {
  if (!connect_seen_) return refuse_login();  // Who is not known writes nothing into the log.
  host().log.info("leaf: " + peer_.name + " says " + std::string(text.substr(0, 256)));
  return {};
}

Status AcceptingLeaf::on_unready() { return refuse_login(); }

Status AcceptingLeaf::on_handshake_timeout() {
  if (entrance_) {
    const Time now = host().clock.now();
    return pass(entrance_->tick(now), now).status();
  }
  return refuse(Errc::kTimeout, "Authentication Timeout");
}

void AcceptingLeaf::on_closed(const CloseReason& reason, Time) {
  if (reason.stage == Stage::kTls) {
    note(LogLevel::kError, "TLS leafnode handshake error: " + reason.text);
  }
}

Network::Accept make_leaf_accept(Server& server, LeafRegister& links) {
  return [&server, &links](const PeerInfo& peer) -> std::unique_ptr<Protocol> {
    EntranceOptions options;  // As the configuration is now: a reload changes it.
    const TlsListenConfig& tls = server.config().leaf_listen.tls;
    if (tls.enabled) options.tls = &tls;
    return std::make_unique<AcceptingLeaf>(server, links,
                                           peer.websocket ? nullptr : make_entrance(options));
  };
}

}  // namespace petiole
