// ClientSession: messages whose way is told. nats-server msgtrace.go, initMsgTrace.
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "agent/protocol/headers.h"
#include "agent/protocol/writer.h"
#include "agent/routing/message_trace.h"
#include "agent/session/client_session.h"

namespace petiole {

namespace {

// The line of a message that is too large: `HPUB <subject> [reply] <header size> <size>`, and what
// has come of its header.
struct LargeMessage {
  std::string_view subject{}, header{};
  std::size_t bytes = 0;
};

bool read_size(std::string_view word, std::size_t& size) {
  return std::from_chars(word.data(), word.data() + word.size(), size).ec == std::errc();
}

bool read_large(std::string_view input, LargeMessage& message) {
  const std::size_t end = input.find('\n');
  if (end == input.npos || (input[0] | 0x20) != 'h') return false;
  std::array<std::string_view, 5> words;
  std::size_t count = 0;
  for (std::string_view line = input.substr(0, end); count < words.size();) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == line.npos) break;
    line.remove_prefix(begin);
    words[count] = line.substr(0, line.find_first_of(" \t\r"));
    line.remove_prefix(words[count++].size());
  }
  std::size_t header = 0;
  if (count < 4 || !read_size(words[count - 2], header) ||
      !read_size(words[count - 1], message.bytes)) {
    return false;
  }
  message.subject = words[1];
  message.header = input.substr(end + 1, header);
  return true;
}

}  // namespace

// Events go where the client might publish itself. What it may answer is no such right.
bool ClientSession::may_trace_to(std::string_view dest) const {
  return !is_reserved_subject(dest) && (!permissions_ || permissions_->publish().message(dest));
}

// Refuses also to deliver the message when its destination is forbidden.
TraceStart ClientSession::start_trace(std::string_view subject, std::string_view header,
                                      std::size_t bytes, std::unique_ptr<MessageTrace>& trace) {
  std::string problem;
  const TraceStart start = petiole::start_trace(*this, *account_, subject, header, bytes,
                                                server_.host(), trace, problem);
  if (!problem.empty()) note(LogLevel::kError, problem);
  if (start != TraceStart::kTraced || may_trace_to(trace->dest())) return start;
  refuse_publish("Permissions Violation for Publish to ", trace->dest(), nullptr);
  note(LogLevel::kError, "Publish Violation - Subject " + go_quoted(trace->dest()));
  trace.reset();
  return TraceStart::kSkip;
}

void ClientSession::publish_traced(const Op& op) {
  std::unique_ptr<MessageTrace> trace;
  std::string header;
  Op untraced = op;
  switch (start_trace(op.subject, op.header, op.header.size() + op.payload.size(), trace)) {
    case TraceStart::kSkip:
      return;
    case TraceStart::kNone:
      return publish_mapped(op, nullptr);
    case TraceStart::kDisable:
      replace_header(header, op.header, kTraceDest, kTraceDisabled);
      untraced.header = header;
      return publish_mapped(untraced, nullptr);
    case TraceStart::kTraced:
      break;
  }
  Account& account = *account_;
  publish_mapped(op, trace.get());
  server_.traced(account, *trace);
}

// The connection ends because of it: its trace has this one event.
void ClientSession::trace_too_large(std::string_view bytes) {
  LargeMessage message;
  if (!read_large(bytes, message) || !may_ask_for_trace(message.header)) return;
  std::unique_ptr<MessageTrace> trace;
  if (start_trace(message.subject, message.header, message.bytes, trace) != TraceStart::kTraced) {
    return;
  }
  trace->fail(trace_error::kTooLarge);
  server_.traced(*account_, *trace);
}

const char* ClientSession::refusal(const Message& message, std::string_view queue) const {
  if (ended_) return trace_error::kClosed;
  const bool denied = permissions_ && permissions_->subscribe().denies(message.subject, queue);
  return denied ? trace_error::kSubscribeDenied : nullptr;
}

}  // namespace petiole
