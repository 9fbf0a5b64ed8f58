#include "agent/routing/message_trace.h"

#include <utility>

#include "agent/protocol/go_json.h"
#include "agent/protocol/headers.h"
#include "agent/protocol/writer.h"
#include "agent/subject/subject.h"

namespace petiole {

namespace {

constexpr std::size_t kEventsBytesMax = 1 << 20;  // Of one trace; what comes after is not told.

// nats-server client.go.
int kind_number(PeerKind kind) { return kind == PeerKind::kLeaf ? 4 : 0; }

MessageTrace::Encoding encoding_of(std::string_view accepted) {
  std::string words(accepted);
  for (char& c : words) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  using enum MessageTrace::Encoding;
  if (words.empty()) return kNone;
  if (words.find("snappy") != words.npos || words.find("s2") != words.npos) return kSnappy;
  return words.find("gzip") != words.npos ? kGzip : kIdentity;
}

}  // namespace

MessageTrace::MessageTrace(const TraceHeaders& headers, std::string_view dest,
                           const Subscriber& from, std::string_view subject, std::size_t bytes,
                           const Clock& clock)
    : clock_(clock),
      dest_(dest),
      encoding_(encoding_of(headers.value(kAcceptEncoding))),
      only_(headers.only()) {
  if (from.kind() != PeerKind::kClient) hop_ = headers.value(kTraceHop);
  request_ = "{\"header\":" + headers.json() + ",\"msgsize\":" + std::to_string(bytes) + '}';
  PartyInfo info;
  from.describe(info);
  account_ = info.account;
  begin_event("in");
  events_ += ",\"kind\":" + std::to_string(kind_number(from.kind())) +
             ",\"cid\":" + std::to_string(info.id);
  if (!info.name.empty()) field("name", info.name);
  field("acc", info.account);
  field("subj", subject);
  ingress_ = std::exchange(events_, {}).substr(1);
}

bool MessageTrace::is_full() const { return events_.size() >= kEventsBytesMax; }

void MessageTrace::begin_event(std::string_view type) {
  events_.append(",{\"type\":\"").append(type).append("\",\"ts\":\"");
  events_.append(go_time(clock_.wall())).append("\"");
}

void MessageTrace::field(std::string_view name, std::string_view value) {
  events_.append(",\"").append(name).append("\":");
  append_go_text(events_, value);
}

void MessageTrace::add_mapping(std::string_view to) {
  begin_event("sm");
  field("to", to);
  end_event();
}

void MessageTrace::add_stream_export(std::string_view account, std::string_view to) {
  if (is_full()) return;
  begin_event("se");
  field("acc", account);
  field("to", to);
  end_event();
}

void MessageTrace::add_service_import(std::string_view account, std::string_view from,
                                      std::string_view to) {
  if (is_full()) return;
  begin_event("si");
  field("acc", account);
  field("from", from);
  field("to", to);
  end_event();
}

// The mirror stands where there a stream stands, and tools know no other kind of store.
void MessageTrace::add_store(std::string_view subject, std::string_view error) {
  begin_event("js");
  field("stream", "store_and_forward");
  field("subject", subject);
  if (!error.empty()) field("error", error);
  end_event();
}

void MessageTrace::add_egress(const Subscriber& target, std::string_view subject,
                              std::string_view queue, std::string_view hop, const char* error) {
  PartyInfo info;
  if (is_full() || !target.describe(info)) return;
  begin_event("eg");
  events_ += ",\"kind\":" + std::to_string(kind_number(target.kind())) +
             ",\"cid\":" + std::to_string(info.id);
  if (!info.name.empty()) field("name", info.name);
  if (!hop.empty()) field("hop", hop);
  if (info.account != account_) field("acc", info.account);
  if (!subject.empty()) field("sub", subject);
  if (!queue.empty()) field("queue", queue);
  if (error != nullptr) field("error", error);
  end_event();
}

bool MessageTrace::give(const Account::Origin& origin, Subscription& subscription,
                        const Message& message, std::string_view shown) {
  Subscriber& owner = *subscription.owner;
  const bool echo = !origin.echo && &owner == origin.from;
  if (owner.kind() != PeerKind::kClient) {
    return !subscription.closed && !echo && owner.deliver(subscription, message);
  }
  const char* const error = echo                  ? trace_error::kNoEcho
                            : subscription.closed ? trace_error::kSubscriptionClosed
                                                  : owner.refusal(message, subscription.queue());
  add_egress(owner, shown, subscription.queue(), {}, error);
  return error == nullptr && (only_ || owner.deliver(subscription, message));
}

// A hop is counted also when the message is not sent.
bool MessageTrace::begin_hop(Subscriber& leaf, const Message& message, Message& copy) {
  const std::string hop = (hop_.empty() ? "" : hop_ + '.') + std::to_string(++hops_);
  const char* error = leaf.refusal(message, {});
  bool goes = error == nullptr;
  if (goes && !leaf.takes_traces()) {
    goes = !only_;
    error = only_ ? trace_error::kOnlyNoSupport : trace_error::kNoSupport;
  }
  add_egress(leaf.party(), {}, {}, hop, error);
  if (!goes) return false;
  replace_header(header_, message.header, kTraceHop, hop);
  copy.header = header_;
  copy.shared = nullptr;  // That is with the header as it was.
  return true;
}

std::string MessageTrace::json(std::string_view server) const {
  std::string text = "{\"server\":";
  text.append(server).append(",\"request\":").append(request_);
  if (hops_ != 0) text += ",\"hops\":" + std::to_string(hops_);
  text.append(",\"events\":[").append(ingress_);
  if (!error_.empty()) {
    text += ",\"error\":";
    append_go_text(text, error_);
  }
  return text.append("}").append(events_).append("]}");
}

namespace {

// As there: 100 of a hundred are all, and `sampling` of them are one more.
bool is_chosen(int sampling, Entropy& entropy) {
  if (sampling <= 0 || sampling >= 100) return true;
  return static_cast<int>(entropy.number() % 100) <= sampling;
}

}  // namespace

TraceStart start_trace(const Subscriber& from, const Account& account, std::string_view subject,
                       std::string_view header, std::size_t bytes, const Host& host,
                       std::unique_ptr<MessageTrace>& trace, std::string& problem) {
  const std::optional<TraceHeaders> headers = read_trace_headers(header);
  if (!headers) return TraceStart::kNone;
  const bool only = headers->only();
  if (const std::string_view old = headers->value(kTraceOriginAccount); !old.empty()) {
    problem = "Message tracing disabled because of header " + go_quoted(kTraceOriginAccount) +
              " with value=" + go_quoted(old);
    return only ? TraceStart::kSkip : TraceStart::kDisable;
  }
  std::string_view dest = headers->value(kTraceDest);
  if (headers->external) {
    dest = account.trace_dest();
    if (dest.empty()) return TraceStart::kNone;
    // Only where the message enters: for the servers behind that has been decided.
    if (from.kind() == PeerKind::kClient && !is_chosen(account.trace_sampling(), host.entropy)) {
      return TraceStart::kDisable;
    }
  }
  if (!is_valid_destination(dest)) {
    problem = "Destination " + go_quoted(dest) + " is not valid, won't be able to trace events";
    return only ? TraceStart::kSkip : TraceStart::kNone;
  }
  trace = std::make_unique<MessageTrace>(*headers, dest, from, subject, bytes, host.clock);
  return TraceStart::kTraced;
}

}  // namespace petiole
