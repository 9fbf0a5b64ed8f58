// What a service tells of its use: the header Nats-Request-Info, and latency samples as
// io.nats.server.metric.v1.service_latency. nats-server accounts.go, ServiceLatency and
// shouldSample; events.go, ClientInfo. Knows no account.
#pragma once

#include <string>
#include <string_view>

#include "agent/routing/subscription.h"
#include "platform/entropy.h"
#include "platform/time.h"

namespace petiole {

struct ServerNames {
  std::string name, cluster;
};

// Appends `info` as JSON. Without `detailed` only what nobody can hide: the account, the last
// service import before this one (`service`, or empty) and the round trip; `server` may be null.
void append_party(std::string& json, const PartyInfo& info, bool detailed, std::string_view service,
                  const ServerNames* server);

// Whether a request's own header asks for a sample (Uber-Trace-Id, B3, Traceparent). Then the
// headers that made it so, as a JSON object, are in `json`.
bool header_asks_for_sample(std::string_view header, std::string& json);

// A request that is measured.
struct LatencySample {
  std::string requestor{};  // JSON; empty: not known.
  std::string header{};     // JSON; empty: it was not a header that asked.
  Duration requestor_round_trip{};
  Time sent{};
  WallTime sent_wall{};
};

struct LatencyResult {
  int status = 200;
  std::string_view description{};  // Empty with 200.
  std::string_view responder{};    // JSON; empty: not known.
  Duration responder_round_trip{};
  Time now{};
  WallTime now_wall{};
};

std::string latency_json(const LatencySample& sample, const LatencyResult& result,
                         Entropy& entropy);

}  // namespace petiole
