#include "agent/routing/latency.h"

#include <array>
#include <charconv>

#include "agent/protocol/go_json.h"
#include "agent/protocol/headers.h"

namespace petiole {

namespace {

// Writes the members of one object; needs no memory once `out` has grown.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }
  ~Members() { out_ += '}'; }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  void text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    key(name);
    append_go_text(out_, value);
  }
  void number(std::string_view name, std::int64_t value) {
    key(name);
    char digits[20];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  void number_if(std::string_view name, std::int64_t value) {
    if (value != 0) number(name, value);
  }
  void raw(std::string_view name, std::string_view json) {
    if (json.empty()) return;
    key(name);
    out_ += json;
  }

 private:
  void key(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }

  std::string& out_;
};

std::string event_id(Entropy& entropy) {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::array<unsigned char, 22> bytes{};  // As many as a NUID has letters.
  entropy.fill(std::as_writable_bytes(std::span(bytes)));
  std::string id;
  for (const unsigned char each : bytes) id += kDigits[each % kDigits.size()];
  return id;
}

Duration not_negative(Duration span) { return std::max(span, Duration{}); }

// The parts of `text` between `mark`; at most so many as the array holds.
template <std::size_t n>
std::size_t split(std::string_view text, char mark, std::array<std::string_view, n>& parts) {
  std::size_t count = 0;
  while (count < n) {
    const std::size_t end = text.find(mark);
    parts[count++] = text.substr(0, end);
    if (end == text.npos) return count;
    text.remove_prefix(end + 1);
  }
  return n;
}

// The lowest bit of one or two hexadecimal digits.
bool lowest_bit(std::string_view digits) {
  unsigned value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
  return error == std::errc() && stop == end && !digits.empty() && digits.size() <= 2 &&
         (value & 1) != 0;
}

void add_header(Members& members, std::string_view header, std::string_view name) {
  const auto value = find_header(header, name);
  if (!value) return;
  std::string list = "[";
  append_go_text(list, *value);
  members.raw(name, list += ']');
}

bool b3_asks(std::string_view value) {
  std::array<std::string_view, 4> parts;
  const std::size_t count = split(value, '-', parts);
  return !(count > 2 && parts[2] == "0") && !(count == 1 && parts[0] == "0");
}

}  // namespace

void append_party(std::string& json, const PartyInfo& info, bool detailed, std::string_view service,
                  const ServerNames* server) {
  Members members(json);
  if (detailed) {
    std::string start;
    append_go_text(start, go_time(info.start));
    members.raw("start", start);
    members.text("host", info.host);
    members.number_if("id", static_cast<std::int64_t>(info.id));
  }
  members.text("acc", info.account);
  members.text("svc", service);
  if (detailed) {
    members.text("user", info.user);
    members.text("name", info.name);
    members.text("lang", info.lang);
    members.text("ver", info.version);
  }
  members.number_if("rtt", info.round_trip.count());
  if (server != nullptr) {
    members.text("server", server->name);
    members.text("cluster", server->cluster);
  }
  if (!detailed) return;
  members.text("kind", info.kind);
  members.text("client_type", info.type);
}

bool header_asks_for_sample(std::string_view header, std::string& json) {
  std::array<std::string_view, 4> parts;
  if (header.empty()) return false;
  if (const auto uber = find_header(header, "Uber-Trace-Id")) {
    if (split(*uber, ':', parts) != 4 || !lowest_bit(parts[3])) return false;
    Members members(json);
    add_header(members, header, "Uber-Trace-Id");
    return true;
  }
  const auto sampled = find_header(header, "X-B3-Sampled");
  if (sampled && *sampled == "0") return false;
  if ((sampled && *sampled == "1") || find_header(header, "X-B3-Traceid") ||
      find_header(header, "X-B3-TraceId")) {
    Members members(json);
    for (const char* name : {"X-B3-Sampled", "X-B3-TraceId", "X-B3-ParentSpanId", "X-B3-SpanId"}) {
      add_header(members, header, name);
    }
    return true;
  }
  if (const auto b3 = find_header(header, "B3")) {
    if (!b3_asks(*b3)) return false;
    Members members(json);
    add_header(members, header, "B3");
    return true;
  }
  for (const char* name : {"Traceparent", "traceparent"}) {
    const auto context = find_header(header, name);
    if (!context) continue;
    if (split(*context, '-', parts) != 4 || parts[3].size() != 2 || !lowest_bit(parts[3])) {
      return false;
    }
    Members members(json);
    add_header(members, header, name);
    add_header(members, header, name[0] == 'T' ? "Tracestate" : "tracestate");
    return true;
  }
  return false;
}

std::string latency_json(const LatencySample& sample, const LatencyResult& result,
                         Entropy& entropy) {
  const bool answered = result.status == 200;
  const Duration took = result.now - sample.sent;
  std::string json, text;
  const auto quoted_time = [&text](WallTime time) -> std::string_view {
    text.clear();
    append_go_text(text, go_time(time));
    return text;
  };
  {
    Members members(json);
    members.text("type", "io.nats.server.metric.v1.service_latency");
    members.text("id", event_id(entropy));
    members.raw("timestamp", quoted_time(result.now_wall));
    members.number("status", result.status);
    members.text("description", result.description);
    members.raw("requestor", sample.requestor);
    members.raw("responder", result.responder);
    members.raw("header", sample.header);
    members.raw("start", quoted_time(sample.sent_wall - sample.requestor_round_trip));
    members.number("service",
                   answered ? not_negative(took - result.responder_round_trip).count() : 0);
    members.number("system", 0);  // One loop: what it takes itself is not to be seen.
    members.number("total", answered ? (took + sample.requestor_round_trip).count() : 0);
  }
  return json;
}

}  // namespace petiole
