// ClientSession: what the log says of it. nats-server client.go, initClient and processConnect.
#include "agent/config/units.h"
#include "agent/protocol/writer.h"
#include "agent/session/client_session.h"
#include "agent/session/trace.h"

namespace petiole {

namespace {

constexpr std::string_view kHiddenToken = "[REDACTED]";  // What user_ holds of a token.

bool is_nkey(std::string_view user) { return user.size() == 56 && user.starts_with('U'); }

}  // namespace

std::string ClientSession::user_label() const {
  if (user_.empty()) return {};
  if (identity_ && identity_->claims && !identity_->delegated) return "jwt:" + user_;
  if (user_ == kHiddenToken) return "token";
  return (is_nkey(user_) ? "nkey:" : "user:") + user_;
}

// Made when it is needed: 10,000 idle clients keep none.
std::string ClientSession::label() const {
  const PeerInfo& peer = wire_->peer();
  std::string text = join_host_port(peer.address, peer.port);
  text += (peer.websocket ? " - wid:" : " - cid:") + std::to_string(cid_);
  if (!connected_ || !account_) return text;
  std::string program = options_.version.empty() ? "" : "v" + options_.version;
  for (const std::string& word : {options_.lang, options_.name}) {
    if (!program.empty() && !word.empty()) program += ':';
    program += word;
  }
  if (!program.empty()) text += " - " + go_quoted(program);
  const std::string user = user_label();
  if (!user.empty()) text += " - " + go_quoted(account_->label() + "/" + user);
  return text;
}

void ClientSession::note(LogLevel level, std::string_view text) const {
  Logger& log = server_.host().log;
  if (!wire_ || text.empty() || !log.enabled(level)) return;
  log.write(level, label().append(" - ").append(text));
}

void ClientSession::note_with_account(LogLevel level, std::string_view text) const {
  if (!server_.host().log.enabled(level)) return;
  std::string line(text);
  if (connected_ && account_) {
    line += " - Account:" + account_->label();
    if (const std::string user = user_label(); !user.empty()) line += " - " + user;
  }
  note(level, line);
}

void ClientSession::note_refusal(Refusal refusal) const {
  switch (refusal) {
    case Refusal::kBusy:
    case Refusal::kMoved:
      return;
    case Refusal::kRevoked:
      return note_with_account(LogLevel::kDebug, "User Authentication Revoked");
    case Refusal::kAccountExpired:
      return note_with_account(LogLevel::kDebug, "Account Authentication Expired");
    case Refusal::kViolation:
      break;
  }
  if (user_.empty()) return note(LogLevel::kError, "authentication error");
  const char* const kind = user_ == kHiddenToken ? "Token " : is_nkey(user_) ? "Nkey " : "User ";
  note(LogLevel::kError, std::string("authentication error - ") + kind + go_quoted(user_));
}

void ClientSession::note_removed(const Subscription& subscription) const {
  std::string line = "Removed sub " + go_quoted(subscription.subject());
  if (!subscription.queue().empty()) line += " using queue " + go_quoted(subscription.queue());
  line += " (sid " + go_quoted(subscription.sid()) + ") for ";
  line += user_.empty() ? "User \"N/A\"" : "User " + go_quoted(user_);
  server_.host().log.info(line + " - not authorized");
}

void ClientSession::trace_input(const Op& op, std::string_view bytes) const {
  const TracedLine line = trace_line(bytes);
  if (op.verb == Verb::kInfo || line.verb == "+OK" || line.verb == "-ERR") return;
  note(LogLevel::kTrace, trace_operation(Way::kIn, line.verb, line.argument));
  const bool published = op.verb == Verb::kPub || op.verb == Verb::kHpub;
  if (!published || account_->mapper()) return;  // Behind a mapping it comes later.
  note(LogLevel::kTrace, trace_message(Way::kIn, op.header, op.payload, server_.config().log));
}

void ClientSession::trace_mapping(const Op& op, std::string_view from) const {
  if (op.subject.data() != from.data()) {
    const std::string both = std::string(from) + " -> " + std::string(op.subject);
    note(LogLevel::kTrace, trace_operation(Way::kIn, "MAPPING", both));
  }
  note(LogLevel::kTrace, trace_message(Way::kIn, op.header, op.payload, server_.config().log));
}

void ClientSession::trace_output(std::string_view operation, std::string_view argument) const {
  note(LogLevel::kTrace, trace_operation(Way::kOut, operation, argument));
}

void ClientSession::trace_delivery(const Subscription& subscription, const Message& message) const {
  trace_output(message_line("MSG", message.subject, subscription.sid(), message, options_.headers));
  const std::string_view header = options_.headers ? message.header : std::string_view();
  note(LogLevel::kTrace, trace_message(Way::kOut, header, message.payload, server_.config().log));
}

void ClientSession::trace_end(const Subscription& subscription) const {
  note(LogLevel::kTrace, trace_operation(Way::kNeither, "DELSUB", subscription.sid()));
}

}  // namespace petiole
