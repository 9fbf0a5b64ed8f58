#include "agent/command/doctor_link.h"

#include <algorithm>

#include "agent/auth/nkey.h"
#include "agent/leaf/permissions.h"
#include "agent/protocol/connect.h"
#include "agent/server.h"
#include "platform/json.h"

namespace petiole {
namespace {

constexpr Duration kAnswerTimeout = std::chrono::seconds(15);  // As of a link: satellites.

std::string describe(const char* direction, const std::optional<SubjectPermissions>& permissions) {
  std::string text = std::string(direction) + " ";
  if (!permissions) return text + "everything";
  if (!permissions->allow) {
    text += "everything";
  } else if (permissions->allow->empty()) {
    text += "nothing";
  }
  if (permissions->allow) {
    for (const std::string& subject : *permissions->allow) text += subject + " ";
  }
  for (const std::string& subject : permissions->deny) text += " but not " + subject;
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

}  // namespace

void DoctorRecord::pass(std::string name, std::string detail) {
  if (finished_) return;
  const Time now = clock_.now();
  step_({std::move(name), true, now - last_, std::move(detail), {}});
  last_ = now;
}

void DoctorRecord::fail(std::string name, std::string error) {
  if (finished_) return;
  finished_ = true;
  const std::string advice(doctor_advice(name, error));
  step_({std::move(name), false, clock_.now() - last_, std::move(error), advice});
  done_(false);
}

void DoctorRecord::finish() {
  if (finished_) return;
  finished_ = true;
  done_(true);
}

void DoctorLink::opened(Wire& wire, Time now) {
  wire_ = &wire;
  deadline_ = now + kAnswerTimeout;
}

Result<std::size_t> DoctorLink::receive(std::string_view input, Time now) {
  if (tls_pending_ && !input.empty()) {
    tls_pending_ = false;
    record_->pass("TLS", wire_->peer().tls_version + " " + wire_->peer().tls_cipher);
  }
  std::size_t used = 0;
  while (state_ != State::kDone && !tls_pending_) {
    Op op;
    const ParseResult result = parse(input.substr(used), kLeaf, Limits{}, true, op);
    if (result.error != ParseError::kNone) {
      fail("the answer is not the leaf protocol");
      return Status(Errc::kProtocol, "not the leaf protocol");
    }
    if (result.used == 0) return used;
    used += result.used;
    deadline_ = now + kAnswerTimeout;
    handle(op);
  }
  // After TLS was started the rest belongs to the handshake; after the end it is nothing to us.
  return state_ == State::kDone ? input.size() : used;
}

void DoctorLink::handle(const Op& op) {
  switch (op.verb) {
    case Verb::kInfo: {
      const Result<ServerInfo> info = parse_info(op.argument);
      if (!info.ok()) return fail("the hub's INFO is not JSON");
      return take_info(*info);
    }
    case Verb::kErr:
      return fail(std::string(op.argument));
    case Verb::kPing:
      return send("PONG\r\n");
    case Verb::kLeafSub:
      ++interest_;
      return accepted(nullptr);
    case Verb::kPong:
      accepted(nullptr);
      return conclude();
    default:
      return;
  }
}

void DoctorLink::take_info(const ServerInfo& info) {
  if (state_ != State::kInfo) return accepted(info.connect_info ? &info : nullptr);
  if (info.client_id == 0 || !(info.leafnode_urls || info.info_on_connect))
    return fail("not a leaf port");
  hub_ = info;
  record_->pass("INFO", info.server_name + ", NATS " + info.version);
  state_ = State::kLogin;
  if (!start_tls(info)) return;
  send_connect(info);
}

bool DoctorLink::start_tls(const ServerInfo& info) {
  if (login_.tls_done || (!info.tls_required && !login_.tls_wanted)) return true;
  if (!info.tls_required) {
    record_->fail("TLS", "the hub offers no TLS on this port, but the URL or an option demands it");
    state_ = State::kDone;
    wire_->close({});
    return false;
  }
  const Status status = wire_->start_tls(login_.tls);
  if (!status.ok()) {
    record_->fail("TLS", std::string(status.text()));
    state_ = State::kDone;
    wire_->abort(status);
    return false;
  }
  tls_pending_ = true;
  return true;
}

void DoctorLink::send_connect(const ServerInfo& info) {
  ConnectOptions options;
  options.version = kNatsVersion;
  options.server_id = login_.name;
  options.name = login_.name;
  options.cluster = login_.name;
  options.headers = true;
  options.jwt = login_.jwt;
  options.user = login_.user;
  options.password = login_.password;
  if (!login_.user.empty() && login_.password.empty()) options.token = login_.user;
  if (!login_.seed.empty()) {
    const Result<NkeySeed> seed = decode_nkey_seed(login_.seed);
    if (!seed.ok()) return fail(std::string(seed.status().text()));
    const Result<NkeyProof> proof = sign_nonce(*seed, info.nonce);
    if (!proof.ok()) return fail(std::string(proof.status().text()));
    options.signature = proof->signature;
    if (login_.jwt.empty()) options.nkey = proof->public_key;
  }
  send(leaf_connect_line(options));
  send("PING\r\n");
}

// The hub answers a login that it takes with a second INFO, older ones with LS+ or a PONG.
void DoctorLink::accepted(const ServerInfo* info) {
  if (info != nullptr) {
    may_send_ = info->export_permissions;
    may_receive_ = info->import_permissions;
    permissions_ = describe("may send", may_send_) + "; " + describe("may receive", may_receive_);
    if (hub_.domain.empty()) hub_.domain = info->domain;
  }
  if (state_ != State::kLogin) return;
  state_ = State::kBarrier;
  const std::string account = info == nullptr ? "" : info->remote_account;
  record_->pass("authentication", account.empty() ? "" : "account " + account);
}

void DoctorLink::conclude() {
  if (state_ != State::kBarrier) return;
  state_ = State::kDone;
  record_->pass("permissions", permissions_.empty() ? "not told by this hub" : permissions_);
  if (!hub_.jetstream) {
    record_->pass("JetStream", "the hub has none: messages are confirmed by PING and PONG");
  } else if (hub_.domain.empty()) {
    record_->pass("JetStream",
                  "the hub has it, without a domain: its API cannot be reached over a "
                  "leaf link; duplicates are dropped within the stream's window");
  } else if (const std::string subject = forbidden(); !subject.empty()) {
    record_->fail("JetStream", "domain " + hub_.domain + ", but the login may not " + subject);
  } else {
    record_->pass("JetStream", "domain " + hub_.domain);
  }
  record_->finish();
  wire_->close({});
}

// What the hub's JetStream needs of this login and does not have: a mirror asks the API, and
// streams answer it on subjects of its own. Each leaf may be allowed its own alone, so any of these
// will do.
std::string DoctorLink::forbidden() const {
  const std::string api = "$JS." + hub_.domain + ".API.";
  if (may_send_ && !message_allowed(compile(*may_send_), api + "STREAM.NAMES")) {
    return "send " + api + ">";
  }
  if (!may_receive_) return {};
  const auto own = [](const std::string& subject) { return subject.starts_with("_PETIOLE."); };
  const bool named = may_receive_->allow &&
                     std::any_of(may_receive_->allow->begin(), may_receive_->allow->end(), own);
  const bool all = interest_allowed(compile(*may_receive_), "_PETIOLE.leaf.>", {});
  return named || all ? "" : "receive _PETIOLE.>";
}

void DoctorLink::fail(std::string error) {
  record_->fail(step(), std::move(error));
  state_ = State::kDone;
  wire_->close({});
}

const char* DoctorLink::step() const {
  if (tls_pending_) return "TLS";
  if (state_ == State::kInfo) return "INFO";
  return state_ == State::kLogin ? "authentication" : "permissions";
}

Status DoctorLink::tick(Time now) {
  if (now < deadline_) return {};
  deadline_ = kNever;
  record_->fail(step(), "no answer within 15 s");
  state_ = State::kDone;
  return {Errc::kTimeout, "no answer"};
}

void DoctorLink::closed(const CloseReason& reason, Time) {
  const char* name = step();
  switch (reason.stage) {
    case Stage::kResolve:
      name = "DNS";
      break;
    case Stage::kConnect:
      name = "TCP";
      break;
    case Stage::kProxy:
      name = "proxy";
      break;
    case Stage::kTls:
      name = "TLS";
      break;
    case Stage::kWebSocket:
      name = "WebSocket";
      break;
    case Stage::kOpen:
      break;
  }
  if (login_.by_proxy && (reason.stage == Stage::kResolve || reason.stage == Stage::kConnect)) {
    return record_->fail("proxy", std::string(name) + ": " + reason.text);
  }
  record_->fail(name, reason.text.empty() ? "the hub closed the link" : reason.text);
}

void DoctorLink::send(std::string_view text) {
  wire_->output().append(text);
  wire_->wake();
}

}  // namespace petiole
