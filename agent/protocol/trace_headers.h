// The headers by which a message asks that its way be told: nats-server msgtrace.go, ADR-41.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace petiole {

inline constexpr std::string_view kTraceDest = "Nats-Trace-Dest";
inline constexpr std::string_view kTraceHop = "Nats-Trace-Hop";
inline constexpr std::string_view kTraceOnly = "Nats-Trace-Only";
inline constexpr std::string_view kTraceOriginAccount = "Nats-Trace-Origin-Account";
inline constexpr std::string_view kTraceParent = "traceparent";  // W3C; in any case of letters.
inline constexpr std::string_view kAcceptEncoding = "Accept-Encoding";

// In place of a destination: nobody traces this message any more. No valid subject.
inline constexpr std::string_view kTraceDisabled = "trace disabled";

// Whether `header` may ask for a trace. One pass over it and no memory: for every message that has
// headers.
bool may_ask_for_trace(std::string_view header);

// The fields of a message that asks for a trace, as views into it; of fields without a value
// nothing is known.
struct TraceHeaders {
  std::vector<std::pair<std::string_view, std::string_view>> fields{};
  bool external = false;  // By `traceparent` alone: where to, the account says.

  // The first value of `name`, in exact case; empty: there is none.
  std::string_view value(std::string_view name) const;
  bool only() const;  // The message is not to be delivered.
  // {"name":["value",…],…}, sorted by name.
  std::string json() const;
};

// No value: it asks for none, or its trace was disabled.
std::optional<TraceHeaders> read_trace_headers(std::string_view header);

}  // namespace petiole
