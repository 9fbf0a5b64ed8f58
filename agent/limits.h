// Every bound of the agent, with unit and source. The configuration may lower or raise them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace petiole {

using namespace std::chrono_literals;

struct Limits {
  bool headers = true;                         // no_header_support turns them off.
  std::size_t control_line_bytes_max = 4096;   // nats-server const.go: MAX_CONTROL_LINE_SIZE.
  std::size_t leaf_line_factor = 16;           // wire 1.1: a leaf's control line may be longer.
  std::size_t payload_bytes_max = 1 << 20;     // nats-server const.go: MAX_PAYLOAD_SIZE.
  std::size_t pending_bytes_max = 64 << 20;    // nats-server const.go: MAX_PENDING_SIZE.
  std::size_t connections_max = 64 * 1024;     // nats-server const.go: DEFAULT_MAX_CONNECTIONS.
  std::size_t subscriptions_max = 0;           // Per connection; 0: none, as nats-server.
  std::size_t subscription_tokens_max = 0;     // max_sub_tokens; 0: none, as nats-server.
  std::size_t closed_connections_max = 10000;  // nats-server const.go: DEFAULT_MAX_CLOSED_CLIENTS.
  std::chrono::nanoseconds ping_interval = 2min;     // nats-server const.go: DEFAULT_PING_INTERVAL.
  int pings_out_max = 2;                             // nats-server const.go: DEFAULT_PING_MAX_OUT.
  std::chrono::nanoseconds auth_timeout = 2s;        // nats-server const.go: AUTH_TIMEOUT.
  std::chrono::nanoseconds write_deadline = 10s;     // nats-server const.go.
  std::size_t match_cache_entries_max = 8192;        // Ours: 1,024 there is too few for one loop.
  std::size_t match_cache_targets_max = 256 * 1024;  // Ours: of all entries together; 8 bytes each.
  bool operator==(const Limits&) const = default;
};

// What the uplink needs that nats-server has no word for. All ours; see the README, "Limits".
struct LinkLimits {
  std::chrono::nanoseconds dial_timeout = 15s;  // Satellite: 600 ms round trips, several needed.
  std::chrono::nanoseconds first_info_timeout = 15s;  // The same.
  std::chrono::nanoseconds tls_timeout = 15s;         // The same.
  std::chrono::nanoseconds heartbeat = 5s;            // Silence before a PING; three make 15 s.
  int heartbeats_missed_max = 2;                      // Unanswered; then the link is dead.
  std::chrono::nanoseconds ping_interval{0};  // A busy link's round trip; 0: as that of clients.
  std::chrono::nanoseconds reconnect_min =
      1s;  // nats-server const.go: DEFAULT_LEAF_NODE_RECONNECT.
  std::chrono::nanoseconds reconnect_max = 60s;  // 10,000 boxes on one hub: 170 dials a second.
  std::chrono::nanoseconds stable_after = 30s;   // Up for so long: the back-off starts over.
  std::chrono::nanoseconds loop_delay = 30s;     // nats-server leafnode.go.
  std::size_t unsent_bytes_max = 16 << 10;       // In the kernel, ahead of a PONG.
  std::size_t staged_bytes_max = 64 << 10;       // In the wire's output, ahead of a PONG.
  // Of so many failed attempts one is logged, before the first link and after it. nats-server: 3600
  // and 1; there attempts are not spaced out.
  int connect_error_reports = 1, reconnect_error_reports = 1;
  bool operator==(const LinkLimits&) const = default;
};

}  // namespace petiole
