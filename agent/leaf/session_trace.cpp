// LeafSession: what the log says of it, in nats-server's words; see session/trace.h.
#include <array>
#include <string>

#include "agent/config/units.h"
#include "agent/leaf/session.h"
#include "agent/protocol/writer.h"
#include "agent/session/trace.h"

namespace petiole {

namespace {

std::string all_of(const Output& lines) {
  std::array<std::string_view, 1024> pieces;
  std::string text;
  for (std::size_t i = 0, count = lines.gather(pieces); i < count; ++i) text += pieces[i];
  return text;
}

}  // namespace

void LeafSession::note(LogLevel level, std::string_view text) const {
  Logger& log = host().log;
  if (!wire_ || text.empty() || !log.enabled(level)) return;
  const PeerInfo& peer = wire_->peer();
  std::string line = join_host_port(peer.address, peer.port);
  line += (peer.websocket ? " - lid_ws:" : " - lid:") + std::to_string(cid_) + " - ";
  log.write(level, line.append(text));
}

std::string LeafSession::closed_state(const CloseReason& reason) {
  if (reason.code == Errc::kOk) return "Server Shutdown";
  if (reason.code == Errc::kClosed) return "Client Closed";
  if (reason.code == Errc::kTimeout && reason.text == "ping time-out") return "Stale Connection";
  if (reason.text == "Authorization Violation") return "Authentication Failure";
  return reason.text;
}

void LeafSession::note_closed(const CloseReason& reason) const {
  std::string text = "Leafnode connection closed: " + closed_state(reason);
  if (!peer_.name.empty()) text += " - Remote: " + peer_.name;
  const std::string host = dialled_host();
  if (!host.empty()) text += (peer_.name.empty() ? " - Host: " : ", Host: ") + host;
  note(LogLevel::kInfo, text);
  if (!tracing() || !account_) return;
  subscriptions_.for_each(
      [this](const Subscription* each) { trace_end(each->subject(), each->queue()); });
}

// What parsing and logins refuse is told by these.
void LeafSession::note_refused(std::string_view text, std::string_view subject) const {
  const std::string quoted = subject.empty() ? std::string() : go_quoted(subject);
  if (tracing()) trace_output("-ERR", std::string(text) + quoted);
  for (const std::string_view told :
       {"Authorization Violation", "Unknown Protocol Operation", "Maximum Payload Violation",
        "maximum control line exceeded"}) {
    if (text == told) return;
  }
  if (text == "Authentication Timeout") return note(LogLevel::kDebug, text);
  if (text.starts_with("Permissions Violation for Publish")) {
    return note(LogLevel::kError, "Publish Violation - Subject " + quoted);
  }
  if (text.starts_with("Permissions Violation for Subscription")) {
    return note(LogLevel::kError, "Subscription Violation - Subject " + quoted);
  }
  note(LogLevel::kError, text);
}

void LeafSession::trace_input(const Op& op, std::string_view bytes) const {
  const bool is_message = op.verb == Verb::kLeafMsg || op.verb == Verb::kLeafHmsg;
  if (op.verb == Verb::kInfo || op.verb == Verb::kOk || op.verb == Verb::kErr) return;
  const TracedLine line = trace_line(bytes);
  note(LogLevel::kTrace, trace_operation(Way::kIn, line.verb, line.argument));
  if (!is_message) return;
  note(LogLevel::kTrace,
       petiole::trace_message(Way::kIn, op.header, op.payload, server_.config().log));
}

void LeafSession::trace_output(std::string_view operation, std::string_view argument) const {
  note(LogLevel::kTrace, trace_operation(Way::kOut, operation, argument));
}

void LeafSession::trace_message(const Message& message, const std::string_view* queues,
                                std::size_t queue_count) const {
  std::string names;
  for (std::size_t i = 0; i < queue_count; ++i) names.append(1, ' ').append(queues[i]);
  // `subject`, `subject reply`, `subject + reply queue…`, `subject | queue…`.
  Message shown = message;
  std::string with_queues;
  if (queue_count != 0) {
    with_queues = message.reply.empty() ? "|" : "+ " + std::string(message.reply);
    shown.reply = with_queues += names;
  }
  trace_output(message_line("LMSG", message.subject, {}, shown, headers_));
  const std::string_view header = headers_ ? message.header : std::string_view();
  note(LogLevel::kTrace,
       petiole::trace_message(Way::kOut, header, message.payload, server_.config().log));
}

void LeafSession::trace_lines(const Output& lines) const {
  const std::string text = all_of(lines);
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const TracedLine line = trace_line(std::string_view(text).substr(at));
    trace_output(line.verb, line.argument);
  }
}

void LeafSession::trace_end(std::string_view subject, std::string_view queue) const {
  std::string key(subject);
  if (!queue.empty()) key.append(1, ' ').append(queue);
  note(LogLevel::kTrace, trace_operation(Way::kNeither, "DELSUB", key));
}

}  // namespace petiole
