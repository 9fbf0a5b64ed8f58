// What the endpoints are made from: a snapshot of the agent, gathered for each request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/mirror/mirror.h"
#include "agent/server.h"

namespace petiole {

// Bytes on a link by what they were for.
struct LinkTraffic {
  std::uint64_t handshake = 0, keepalive = 0, interest = 0, data = 0;
};

// One configured remote, up or down.
struct LinkReport {
  std::string url;      // In use, or the next one; without secrets.
  std::string account;
  std::string state;    // "stopped", "waiting", "dialling", "handshake", "up", "doubtful".
  std::string step;     // Dialling: "resolving", "connecting", "proxy", "tls", "websocket".
  WallTime since{};     // Of the state.
  Time down_since = kNever;  // Since when no link is up, over all states; kNever while one is.
  std::string last_error;
  WallTime last_error_at{};
  std::uint64_t attempt = 0;  // Failed ones since the last stable link.
  WallTime next_retry{};      // Epoch: none is waited for.
  Duration rtt{};
  LinkTraffic in, out;        // Of all links since start.
  std::uint64_t links = 0;    // Established since start.
  std::uint64_t dropped = 0;  // Messages that the link was too slow for.
  HubInfo hub;
  std::size_t subscriptions = 0;  // The hub's interest.
  std::uint64_t cid = 0;          // 0: no link.
};

// From the operating system; see platform/process.h.
struct ProcessFigures {
  std::uint64_t resident_bytes = 0;
  double cpu_percent = 0;
  int cores = 0;
};

struct MonitorInput {
  const Server& server;
  std::vector<LinkReport> links;
  std::optional<MirrorReport> mirror;
  ProcessFigures process;
  std::uint16_t client_port = 0, leaf_port = 0, monitor_port = 0;  // As bound; 0: not listening.
  Time now{};
  WallTime wall{};
};

}  // namespace petiole
