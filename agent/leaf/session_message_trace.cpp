// Messages of the peer whose way is told on this server too. nats-server msgtrace.go.
#include "agent/leaf/session.h"
#include "agent/protocol/headers.h"
#include "agent/protocol/writer.h"
#include "agent/routing/message_trace.h"

namespace petiole {

// Events go where the peer might publish itself. What it may answer is no such right.
bool LeafSession::may_trace_to(std::string_view dest) const {
  if (dest.starts_with("_GR_.") || dest.starts_with("$NRG.")) return false;
  if (spoke_) return message_allowed(permissions_.receive, dest);
  return !user_permissions_ || message_allowed(user_permissions_->publish(), dest);
}

Status LeafSession::publish_traced(const Op& op) {
  std::unique_ptr<MessageTrace> trace;
  std::string problem, header;
  const TraceStart start =
      start_trace(*this, *account_, op.subject, op.header, op.header.size() + op.payload.size(),
                  host(), trace, problem);
  if (!problem.empty()) note(LogLevel::kError, problem);
  if (start == TraceStart::kSkip) return {};
  if (start == TraceStart::kNone) return route(op, nullptr);
  if (start == TraceStart::kDisable) {
    replace_header(header, op.header, kTraceDest, kTraceDisabled);
    Op untraced = op;
    untraced.header = header;
    return route(untraced, nullptr);
  }
  if (!may_trace_to(trace->dest())) {
    write_err(wire_->output(), "Permissions Violation for Publish to ", trace->dest());
    wire_->wake();
    note(LogLevel::kError, "Publish Violation - Subject " + go_quoted(trace->dest()));
    return {};
  }
  Account& account = *account_;
  const Status status = route(op, trace.get());
  server_.traced(account, *trace);
  return status;
}

const char* LeafSession::refusal(const Message& message, std::string_view) const {
  if (phase_ != Phase::kEstablished) return trace_error::kClosed;
  if (!may_send(message.subject)) return trace_error::kPublishDenied;
  return staging_.held_bytes() > server_.config().limits.pending_bytes_max ? trace_error::kSlowLink
                                                                           : nullptr;
}

}  // namespace petiole
