#include "agent/leaf/soliciting.h"

#include <algorithm>

#include "agent/leaf/creds.h"
#include "agent/subject/subject_index.h"

namespace petiole {

namespace {

// nats-server leafnode.go: leafNodeReconnectDelayAfterLoopDetected, …AfterClusterNameSame,
// leafNodeReconnectAfterPermViolation, leafNodeMinVersionReconnectDelay.
constexpr Duration kClusterDelay = std::chrono::seconds(30);
constexpr Duration kPermissionDelay = std::chrono::seconds(30);
constexpr Duration kVersionDelay = std::chrono::seconds(5);

}  // namespace

SolicitingLeaf::SolicitingLeaf(Server& server, LeafRegister& links, const RemoteConfig& remote,
                               SolicitOptions options, std::shared_ptr<OfferedInterest> offer,
                               const FileReader& read_file, LinkOwner& owner)
    : LeafSession(server, links),
      remote_(remote),
      options_(std::move(options)),
      read_file_(read_file),
      offer_(std::move(offer)),
      owner_(&owner) {}

SolicitingLeaf::~SolicitingLeaf() {
  if (owner_) owner_->link_gone();
}

std::string SolicitingLeaf::dialled_host() const {
  return join_host_port(options_.url.host, options_.url.port);
}

void SolicitingLeaf::greet(Time now) {
  note(LogLevel::kInfo, "Leafnode connection created for account: " + remote_.account + " (" +
                            dialled_host() + ") ");
  expect_by(now + remote_.first_info_timeout.value_or(server().config().link.first_info_timeout));
  if (owner_) owner_->link_opened(*this);
  wire()->wake();
}

Status SolicitingLeaf::on_info(std::string_view text, Time now) {
  const Result<ServerInfo> info = parse_info(text);
  if (!info.ok()) return info.status();
  if (!info_seen_) return on_first_info(*info, now);
  if (owner_) owner_->link_info(*info);
  peer_.remote_account = info->remote_account;
  const bool known = !peer_.remote_account.empty() && denies_by_account();
  if (info->import_permissions || info->export_permissions || known) apply_permissions(*info);
  if (info->connect_info && !established()) return finish(now);
  return {};
}

std::string_view SolicitingLeaf::hub_name() const {
  return !is_spoke()              ? std::string_view()
         : peer().cluster.empty() ? hub_.server_id
                                  : peer().cluster;
}

Status SolicitingLeaf::on_first_info(const ServerInfo& info, Time now) {
  info_seen_ = true;
  Status status = check(info);
  const bool in_clear = !options_.tls_done;
  if (status.ok()) status = upgrade(info);
  if (!status.ok()) return status;
  if (chosen_ != CompressionMode::kOff) return log_in(info, now);  // It is the INFO behind that.
  chosen_ = choose_compression(info, now);
  if (chosen_ == CompressionMode::kOff) return log_in(info, now);
  securing_ = in_clear && options_.tls_done;
  return securing_ ? Status() : begin_compression(now);
}

// TLS is there; its first bytes are still to come.
Result<std::size_t> SolicitingLeaf::enter(std::string_view, Time now) {
  securing_ = false;
  const Status status = begin_compression(now);
  return status.ok() ? Result<std::size_t>(std::size_t{0}) : Result<std::size_t>(status);
}

// Over a short way it would cost both ends more than it saves, so where the hub leaves it to us the
// link stays as it is: the wire document calls that opting out. nats-server frames what it sends.
CompressionMode SolicitingLeaf::choose_compression(const ServerInfo& info, Time now) const {
  const CompressionConfig& ours = remote_.compression;
  // There nats-server compresses the frames, not what they hold: masked ones do not become less.
  if (wire()->peer().websocket) return CompressionMode::kOff;
  const Result<CompressionMode> selected = select_compression(ours.mode, info.compression);
  if (!selected.ok()) {
    note(LogLevel::kWarning, "the hub's compression \"" + info.compression.substr(0, 60) +
                                 "\" is not known here: the link goes without");
    return CompressionMode::kOff;
  }
  if (*selected != CompressionMode::kAuto) return *selected;
  const CompressionMode mode = compression_for(now - opened_at(), ours.thresholds);
  const bool ours_to_say = info.compression == name_of(CompressionMode::kAuto) ||
                           info.compression == name_of(CompressionMode::kAccept);
  return ours_to_say && mode == CompressionMode::kUncompressed ? CompressionMode::kOff : mode;
}

// Our INFO in clear, then all is compressed, and the hub's INFO comes once more.
Status SolicitingLeaf::begin_compression(Time now) {
  const CompressionConfig& ours = remote_.compression;
  ServerInfo info;
  info.server_id = server().id();
  info.server_name = server().name();
  info.version = kNatsVersion;
  info.headers = server().config().limits.headers;
  info.client_id = cid();
  info.protocol = kTraceProtocol;
  info.compression = name_of(ours.mode == CompressionMode::kAuto ? ours.mode : chosen_);
  send_handshake(leaf_info_line(info));
  info_seen_ = false;
  expect_by(now + remote_.first_info_timeout.value_or(server().config().link.first_info_timeout));
  wire()->wake();
  return compress(chosen_, ours);
}

Status SolicitingLeaf::log_in(const ServerInfo& info, Time now) {
  const Status status = send_connect(info);
  if (!status.ok()) return status;
  if (owner_) owner_->link_info(info);
  apply_permissions(info);
  if (!info.info_on_connect) return finish(now);
  expect_by(now + remote_.first_info_timeout.value_or(server().config().link.first_info_timeout));
  wire()->wake();
  return {};
}

Status SolicitingLeaf::check(const ServerInfo& info) {
  // Hubs that are told to advertise nothing send no list.
  if (info.client_id == 0 || !(info.leafnode_urls || info.info_on_connect)) {
    detail_ = "the port answers, but it is not the hub's leaf node port (7422 by default)";
    return {Errc::kConfig, "attempted to connect to wrong port"};
  }
  if (info.cluster.find(' ') != info.cluster.npos) {
    return refuse(Errc::kProtocol, "cluster name cannot contain spaces");
  }
  const Account* account = server().account(remote_.account);
  if (account == nullptr) return {Errc::kConfig, "the remote's account does not exist"};
  if (!account->takes_leaf()) {
    detail_ = "the account " + remote_.account + " has as many leafnodes as max_leafnodes allows";
    return {Errc::kConfig, "maximum account active connections exceeded"};
  }
  if (links().has_leaf_cluster(*account, info.cluster)) {
    on_loop();
    return {Errc::kProtocol, "loop detected: the hub's cluster is connected to us as a leaf"};
  }
  headers_ = info.headers && server().config().limits.headers;
  peer_.name = info.server_name.empty() ? info.server_id : info.server_name;
  peer_.cluster = info.cluster;
  peer_version_ = info.version;
  traces_ = info.protocol >= kTraceProtocol;
  hub_ = {.server_id = info.server_id,
          .server_name = peer_.name,
          .version = info.version,
          .domain = info.domain,
          .jetstream = info.jetstream,
          .headers = headers_,
          .drops_repeats = !info.petiole.empty(),
          .payload_bytes_max = static_cast<std::size_t>(info.max_payload)};
  return {};
}

Status SolicitingLeaf::upgrade(const ServerInfo& info) {
  if (options_.tls_done) return {};
  if (!info.tls_required) {
    if (!options_.tls_wanted) return {};
    detail_ = "the hub offers no TLS on this port, but the configuration demands it";
    return {Errc::kTls, "the hub offers no TLS"};
  }
  stop_parsing();
  options_.tls_done = true;
  return wire()->start_tls(options_.tls.value_or(TlsOptions{}));
}

Status SolicitingLeaf::sign(const ServerInfo& info, ConnectOptions& connect) {
  if (!remote_.credentials.empty()) {
    const Result<std::string> text = read_file_(remote_.credentials);
    const Result<Creds> creds = text.ok() ? parse_creds(*text) : Result<Creds>(text.status());
    if (!creds.ok()) {
      detail_ =
          "credentials file " + remote_.credentials + ": " + std::string(creds.status().text());
      return {Errc::kConfig, "the credentials file cannot be used"};
    }
    const Result<NkeyProof> proof = sign_nonce(creds->seed, info.nonce);
    if (!proof.ok()) return proof.status();
    connect.jwt = creds->jwt;
    connect.signature = proof->signature;
  } else if (!remote_.nkey.empty()) {
    const Result<NkeySeed> seed = decode_nkey_seed(remote_.nkey);
    const Result<NkeyProof> proof =
        seed.ok() ? sign_nonce(*seed, info.nonce) : Result<NkeyProof>(seed.status());
    if (!proof.ok()) {
      detail_ = "nkey of the remote: " + std::string(proof.status().text());
      return {Errc::kConfig, "the remote's nkey cannot be used"};
    }
    connect.nkey = proof->public_key;
    connect.signature = proof->signature;
  }
  return {};
}

Status SolicitingLeaf::send_connect(const ServerInfo& info) {
  ConnectOptions connect;
  const Status signed_status = sign(info, connect);
  if (!signed_status.ok()) return signed_status;
  connect.user = options_.url.user;
  connect.password = options_.url.password;
  if (connect.password.empty()) connect.token = connect.user;  // A user alone is a token.
  connect.version = kNatsVersion;
  connect.server_id = server().id();
  connect.name = connect.cluster = server().name();
  connect.remote_account = remote_.account;
  connect.petiole_leaf = links().leaf_id;
  connect.headers = headers_;
  connect.protocol = kTraceProtocol;
  // "off", too: a nats-server that is told nothing does not come back to it when it is reloaded.
  const bool asked = !info.compression.empty() && !wire()->peer().websocket;
  if (asked || chosen_ != CompressionMode::kOff) connect.compression = name_of(chosen_);
  connect.is_hub = remote_.hub;
  connect.isolate = remote_.request_isolation;
  connect.deny_publish = remote_.deny_imports;
  send_handshake(leaf_connect_line(connect));
  note(LogLevel::kDebug, "Remote leafnode connect msg sent");
  return {};
}

// Whether what is denied is known only with the hub's account.
bool SolicitingLeaf::denies_by_account() const {
  const auto waits = [](const std::string& subject) { return subject.find("{{") != subject.npos; };
  return std::any_of(remote_.deny_exports.begin(), remote_.deny_exports.end(), waits) ||
         std::any_of(remote_.deny_imports.begin(), remote_.deny_imports.end(), waits);
}

void SolicitingLeaf::apply_permissions(const ServerInfo& info) {
  SubjectPermissions send = info.export_permissions.value_or(SubjectPermissions{});
  SubjectPermissions receive = info.import_permissions.value_or(SubjectPermissions{});
  const AccountNames names{
      .account = remote_.account, .leaf_remote = peer_.remote_account, .leaf_remote_pending = true};
  const auto wrong = [](const std::string&) {};  // The configuration was checked.
  deny(send, remote_.deny_exports, names, wrong);
  deny(receive, remote_.deny_imports, names, wrong);
  deny_jetstream(send);
  deny_jetstream(receive);
  set_permissions({compile(send), compile(receive)});
}

Status SolicitingLeaf::finish(Time now) {
  establish(*server().account(remote_.account), !remote_.hub, offer_, now);
  send_barrier({});  // Its PONG tells the round trip.
  if (owner_) owner_->link_established(*this);
  return {};
}

Status SolicitingLeaf::on_connect(std::string_view, Time) {
  return refuse(Errc::kProtocol, "Unknown Protocol Operation");
}

Status SolicitingLeaf::on_unready() {
  return {Errc::kProtocol, "the hub spoke before its INFO: not a leaf node port?"};
}

Status SolicitingLeaf::on_handshake_timeout() {
  if (!info_seen_) return {Errc::kTimeout, "no INFO from the hub in time"};
  (void)refuse(Errc::kTimeout, "Stale Leaf Node Connection - Closing");
  return {Errc::kTimeout, "no answer to CONNECT in time"};
}

// The hub closes after most of these; what counts here is how long to stay away.
Status SolicitingLeaf::on_error(std::string_view text) {
  constexpr std::size_t kTextMax = 256;
  hub_error_ = text.substr(0, kTextMax);
  const auto says = [text](std::string_view words) { return text.find(words) != text.npos; };
  if (says("same cluster name")) wait_ = kClusterDelay;
  if (says("minimum version required")) wait_ = kVersionDelay;
  if (says("Permissions Violation")) wait_ = kPermissionDelay;
  if (says("Loop detected")) {
    on_loop();
    return {Errc::kProtocol, "loop detected by the hub"};
  }
  return {};
}

std::size_t SolicitingLeaf::payload_refused() const {
  return hub_error_.find("Maximum Payload Violation") != hub_error_.npos ? largest_sent() : 0;
}

// A message of the hub's stream comes as base64 in JSON, a list of streams with up to 256 of them,
// and a hub holds no answer to its own limit.
std::size_t SolicitingLeaf::answer_bytes_max() const {
  constexpr std::size_t kMessageMost = 64 << 20;  // As max_payload here.
  constexpr std::size_t kAroundMost = 64 << 10;   // Subject, names, figures.
  constexpr std::size_t kListMost = 16 << 20;     // Ours: 64 KiB a stream, of 1,000 subjects or so.
  const std::size_t message = std::min(hub_.payload_bytes_max, kMessageMost) / 3 * 4;
  return std::max(message + kAroundMost, kListMost);
}

void SolicitingLeaf::on_loop() { wait_ = server().config().link.loop_delay; }

void SolicitingLeaf::on_heartbeat(bool proven) {
  if (owner_) owner_->link_heartbeat(*this, proven);
}

void SolicitingLeaf::on_interest(std::string_view subject) {
  if (owner_) owner_->link_interest(*this, subject);
}

void SolicitingLeaf::on_interest_lost(std::string_view subject) {
  if (owner_) owner_->link_interest_lost(*this, subject);
}

void SolicitingLeaf::on_drained() {
  if (owner_) owner_->link_drained(*this);
}

void SolicitingLeaf::on_leaving() {
  if (owner_) owner_->link_lost(*this);
}

void SolicitingLeaf::on_closed(const CloseReason& reason, Time) {
  if (owner_) owner_->link_closed(*this, reason);
  owner_ = nullptr;
}

// The hub's groups that serve `subject` and have no member here: one that has was served by it when
// the message was captured, as local members come first.
void SolicitingLeaf::find_groups(std::string_view subject) const {
  plain_.clear();
  queued_.clear();
  groups_.clear();
  account()->index().match(subject, plain_, queued_);
  const auto served_here = [this](std::string_view queue) {
    return std::any_of(queued_.begin(), queued_.end(), [&](const Subscription* each) {
      return each->owner->kind() != PeerKind::kLeaf && !each->closed && each->queue() == queue;
    });
  };
  for (const Subscription* each : queued_) {
    if (each->owner != this || each->closed || served_here(each->queue())) continue;
    if (std::find(groups_.begin(), groups_.end(), each->queue()) == groups_.end()) {
      groups_.push_back(each->queue());
    }
  }
}

bool SolicitingLeaf::wants(std::string_view subject) const {
  if (!established() || !may_send(subject)) return false;
  find_groups(subject);
  return !groups_.empty() ||
         std::any_of(plain_.begin(), plain_.end(), [this](const Subscription* each) {
           return each->owner == this && !each->closed;
         });
}

// A message for a queue alone needs the names of the groups that are to serve it.
void SolicitingLeaf::publish(const Message& message) {
  find_groups(message.subject);
  send_message(message, groups_.data(), groups_.size());
}

void SolicitingLeaf::publish_marked(const Message& message, const MirrorMark& mark) {
  mark_.clear();
  append_mark(mark_, mark);
  find_groups(message.subject);
  groups_.insert(groups_.begin(), mark_);
  send_message(message, groups_.data(), groups_.size());
}

void SolicitingLeaf::end_quietly() {
  if (wire()) wire()->close(Status(Errc::kOk, "closed by us"));
}

}  // namespace petiole
