// The checked configuration: what a file and flags say, in the agent's own terms.
//
// Plain data with nats-server's defaults. Made by load_config (config/load.h) or by a test.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/config/access.h"
#include "agent/config/compression.h"
#include "agent/config/listeners.h"
#include "agent/limits.h"
#include "platform/calendar.h"
#include "platform/tls.h"

namespace petiole {

struct RemoteUrl {
  enum class Scheme : std::uint8_t { kNats, kTls, kWs, kWss };
  Scheme scheme = Scheme::kNats;
  std::string host;
  std::uint16_t port = 7422;   // 80 and 443 for ws and wss.
  std::string path;            // ws, wss: what stands before /leafnode.
  std::string user, password;  // Of the URL's user part; a user alone is a token.
  bool operator==(const RemoteUrl&) const = default;
};

struct RemoteConfig {
  std::vector<RemoteUrl> urls;
  std::string account = "$G";
  std::string credentials;  // Path of a .creds file.
  std::string nkey;         // Seed, SU…
  std::optional<TlsOptions> tls;
  bool tls_handshake_first = false;
  bool hub = false;
  bool isolate_interest = false;   // This hub is not told what leafs behind us want.
  bool request_isolation = false;  // It is asked not to tell us what its other leafs want.
  bool no_randomize = false;
  std::vector<std::string> deny_imports, deny_exports;
  bool ws_compression = false;
  CompressionConfig compression;          // Not over WebSocket.
  bool ignore_discovered_servers = true;  // Ours: nats-server's default is false; see the README.
  std::string proxy_url;                  // http://host:port
  std::string proxy_user, proxy_password;
  std::optional<std::chrono::nanoseconds> first_info_timeout, dial_timeout, proxy_timeout;
  bool operator==(const RemoteConfig&) const = default;
};

struct LeafListenConfig {  // leafnodes { listen }
  bool enabled = false;
  std::string host = "0.0.0.0";
  std::uint16_t port = 7422;
  std::string advertise;      // host or host:port by which others reach it; empty: as it listens.
  bool no_advertise = false;  // Leafs are told no address to come back to.
  AuthConfig auth;
  TlsListenConfig tls;
  CompressionConfig compression;
  std::string min_version;        // Of leafs, "2.9.0"; empty: any.
  bool isolate_interest = false;  // Leafs are not told what other leafs want.
  // Told to leafs as our JetStream domain; empty: we have none. Ours, without a key in the file:
  // for an agent whose JetStream is not its own, as in the demo and in scenarios.
  std::string domain;
  bool drops_repeats =
      true;  // Ours: what a leaf's mirror sends again is dropped, and it is told so.
  bool operator==(const LeafListenConfig&) const = default;
};

enum class Durability : std::uint8_t { kDisk, kOutage };
enum class Discard : std::uint8_t { kOld, kNew };
enum class Confirm : std::uint8_t { kAuto, kPuback, kBarrier };

struct RuleConfig {
  std::string account{};  // Whose publishes it captures; empty: that of the remotes.
  std::vector<std::string> subjects;
  Durability durability = Durability::kDisk;
  Discard discard = Discard::kOld;
  bool keep_last = false;  // keep: last
  bool capture_requests = false;
  Confirm confirm = Confirm::kAuto;
  int priority = 1;                     // 0 is the most important.
  std::chrono::nanoseconds max_age{0};  // 0: no limit, for these three.
  std::uint64_t max_bytes = 0;
  std::uint64_t max_messages = 0;
  std::chrono::nanoseconds duplicate_window = 2min;  // A publisher's own Nats-Msg-Id is remembered.
  bool operator==(const RuleConfig&) const = default;
};

struct ReplayConfig {
  std::uint64_t max_rate = 0;  // Bytes a second; 0: no limit.
  int live_share = 50;         // Percent of max_rate (or of the link) kept for live traffic.
  bool operator==(const ReplayConfig&) const = default;
};

struct MirrorConfig {
  bool enabled = false;
  std::string dir = "/var/lib/petiole";
  std::uint64_t max_bytes = 512ull << 20;
  std::vector<RuleConfig> rules;
  ReplayConfig replay;
  bool operator==(const MirrorConfig&) const = default;
};

struct MonitorConfig {
  bool enabled = false;
  std::string host = "0.0.0.0";
  std::uint16_t port = 8222;
  bool secure = false;                             // https: with the clients' tls {}.
  std::string base_path;                           // http_base_path
  std::chrono::nanoseconds link_down_grace = 60s;  // Then /healthz is red.
  bool operator==(const MonitorConfig&) const = default;
};

struct LogConfig {
  bool debug = false, trace = false, trace_verbose = false;
  bool trace_headers = false;          // Of a message only its header is traced.
  std::uint64_t traced_bytes_max = 0;  // Of a message; 0: no limit of its own.
  bool time = true, time_utc = false;
  std::string file;
  std::uint64_t size_limit = 0;
  int files_max = 0;  // log_max_num: that one and the renamed ones; 0: no limit.
  bool syslog = false;
  std::string remote_syslog;
  bool operator==(const LogConfig&) const = default;
};

struct ClockConfig {
  ClockTrust trust = ClockTrust::kFloor;
  bool operator==(const ClockConfig&) const = default;
};

struct Config {
  std::string file;    // Path it came from; empty: flags only.
  std::string digest;  // Of what the file says; see digest.h.
  std::string host = "0.0.0.0";
  std::uint16_t port = 4222;
  std::string server_name;  // Empty: the server id.
  std::string client_advertise;
  TlsListenConfig tls;
  bool allow_non_tls = false;
  bool proxy_protocol = false;  // Clients may come with a PROXY header.
  WebSocketListenConfig websocket;
  std::vector<std::string> server_tags;                              // For /varz.
  std::vector<std::pair<std::string, std::string>> server_metadata;  // The same.
  std::vector<AccountConfig> accounts;  // Besides "$G" and the system account.
  std::string system_account = "$SYS";  // Empty: none (no_system_account).
  AuthConfig auth;
  Limits limits;
  LinkLimits link;
  LeafListenConfig leaf_listen;
  std::vector<RemoteConfig> remotes;
  MirrorConfig mirror;
  MonitorConfig monitor;
  LogConfig log;
  ClockConfig clock;
  std::string pid_file, ports_file_dir;
  std::chrono::nanoseconds lame_duck_duration = 2min, lame_duck_grace = 10s;
  // Whether some listener tells users by their certificates (verify_and_map).
  bool maps_certificates() const { return tls.map || websocket.tls.map || leaf_listen.tls.map; }
  bool operator==(const Config&) const = default;
};

// The account of `rule`; empty: the remotes are of several, and the rule does not say which.
std::string rule_account(const RuleConfig& rule, const Config& config);

}  // namespace petiole
