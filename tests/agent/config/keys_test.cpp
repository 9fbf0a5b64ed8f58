#include <doctest/doctest.h>

#include "agent/config/changes.h"
#include "agent/config/keys.h"
#include "agent/config/load.h"
#include "tests/agent/config/files.h"

namespace petiole {
namespace {

using Check = bool (*)(const Config&);

struct Case {
  const char* text;
  Check check;
};

#define SAYS(expression) [](const Config& c) { return static_cast<bool>(expression); }

// Every key that is accepted, under each of its names.
const Case kCases[] = {
    {"store_and_forward {}", SAYS(c.mirror.enabled)},
    {"listen: '10.0.0.1:5000'", SAYS(c.host == "10.0.0.1" && c.port == 5000)},
    {"listen: 5000", SAYS(c.host == "0.0.0.0" && c.port == 5000)},
    {"host: h", SAYS(c.host == "h")},
    {"net: h", SAYS(c.host == "h")},
    {"port: 5000", SAYS(c.port == 5000)},
    {"port: -1", SAYS(c.port == 0)},
    {"PORT: 5000", SAYS(c.port == 5000)},
    {"server_name: n", SAYS(c.server_name == "n")},
    {"leafnodes {advertise: 'a:1'}", SAYS(c.leaf_listen.advertise == "a:1")},
    {"leafnodes {leafnode_advertise: a}", SAYS(c.leaf_listen.advertise == "a")},
    {"leafnodes {no_advertise: true}", SAYS(c.leaf_listen.no_advertise)},
    {"client_advertise: 'a:1'", SAYS(c.client_advertise == "a:1")},
    {"server_tags: [a, b]", SAYS(c.server_tags.size() == 2 && c.server_tags[1] == "b")},
    {"server_metadata: {k: v}", SAYS(c.server_metadata.at(0).second == "v")},
    {"authorization {user: u, password: p}", SAYS(c.auth.users.at(0).password == "p")},
    {"authorization {username: u, pass: 123}", SAYS(c.auth.users.at(0).password == "123")},
    {"authorization {PASS: x, users: [{user: a, password: $PASS}]}",
     SAYS(c.auth.users.size() == 1 && c.auth.users[0].password == "x")},
    {"authorization {token: t}", SAYS(c.auth.token == "t" && c.auth.required())},
    {"authorization {users: [{user: a, password: b, account: '$G'}, {username: c, pass: d}]}",
     SAYS(c.auth.users.size() == 2 && c.auth.users[0].account == "$G")},
    {"authorization {users: [{nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4}]}",
     SAYS(c.auth.users.at(0).nkey.starts_with("UDXU"))},
    {"leafnodes {authorization {nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4}}",
     SAYS(c.leaf_listen.auth.users.at(0).nkey.starts_with("UDXU"))},
    {"authorization {users: [{user: a, pass: b, permissions {pub: x}}, {user: c, pass: d}]\n"
     "default_permissions {sub: [y, 'y q']}}",
     SAYS(c.auth.users.at(0).permissions->publish.allow->at(0) == "x" &&
          c.auth.users.at(1).permissions->subscribe.allow->at(1) == "y q")},
    {"authorization {user: a, pass: b, default_permissions {sub: y}}",
     SAYS(!c.auth.users.at(0).permissions)},
    {"authorization {users: [{user: a, pass: b, allowed_connection_types: [websocket, LEAFNODE]}]}",
     SAYS(c.auth.users.at(0).connection_types == (kWebSocketConnection | kLeafConnection))},
    {"authorization {users: [{user: a, pass: b, clients: [mqtt]}]}",
     SAYS(c.auth.users.at(0).connection_types == 0)},
    {"authorization {timeout: 1.5}", SAYS(c.auth.timeout == 1500ms)},
    {"authorization {timeout: 3}", SAYS(c.auth.timeout == 3s && c.limits.auth_timeout == 3s)},
    {"authorization {timeout: '2m'}", SAYS(c.auth.timeout == 2min)},
    {"operator: f", SAYS(c.auth.trust.operators.at(0) == "f")},
    {"operators: [f, g]", SAYS(c.auth.trust.operators.size() == 2 && c.auth.required())},
    {"trusted_keys: [O1]", SAYS(c.auth.trust.keys.at(0) == "O1")},
    {"default_sentinel: x", SAYS(c.auth.trust.default_sentinel == "x")},
    {"resolver: mem", SAYS(c.auth.trust.resolver.kind == ResolverConfig::Kind::kMemory)},
    {"resolver {type: cache, dir: d, limit: 5, ttl: 1h, timeout: 2s}",
     SAYS(c.auth.trust.resolver.kind == ResolverConfig::Kind::kCache &&
          c.auth.trust.resolver.dir == "d" && c.auth.trust.resolver.accounts_max == 5)},
    {"resolver {type: full, dir: d, allow_delete: true, hard_delete: true, interval: 2m}",
     SAYS(c.auth.trust.resolver.kind == ResolverConfig::Kind::kFull &&
          c.auth.trust.resolver.allow_delete && c.auth.trust.resolver.hard_delete)},
    {"resolver {type: MEM}", SAYS(c.auth.trust.resolver.kind == ResolverConfig::Kind::kMemory)},
    {"resolver_preload {AAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB776S: jwt}",
     SAYS(c.auth.trust.resolver.preload.at(0).second == "jwt")},
    {"resolver_pinned_accounts: [AAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB776S]",
     SAYS(c.auth.trust.pinned_accounts.size() == 1)},
    {"resolver: 'URL(http://127.0.0.1:9090/jwt/v1/accounts/)'",
     SAYS(c.auth.trust.resolver.kind == ResolverConfig::Kind::kUrl &&
          c.auth.trust.resolver.url == "http://127.0.0.1:9090/jwt/v1/accounts/")},
    {"resolver: URL(https://h/), resolver_tls {ca_file: f}",
     SAYS(c.auth.trust.resolver.url == "https://h/" && c.auth.trust.resolver.ca_file == "f")},
    {"authorization {auth_callout {issuer: "
     "AAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB776S,"
     " auth_users: [a, b], account: C, allowed_accounts: [D]}}",
     SAYS(c.auth.callout->issuer.starts_with("AAAA") && c.auth.callout->users.at(1) == "b" &&
          c.auth.callout->account == "C" && c.auth.callout->allowed_accounts.at(0) == "D")},
    {"authorization {auth_hook {issuer: AAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB776S,"
     " users: a, key: XAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPSAYZ5}}",
     SAYS(c.auth.callout->account == "$G" && c.auth.callout->xkey.starts_with("X"))},
    {"clock {trust: floor}", SAYS(c.clock.trust == ClockTrust::kFloor)},
    {"clock {trust: wall}", SAYS(c.clock.trust == ClockTrust::kWall)},
    {"clock {trust: ignore_expiry_until_set}", SAYS(c.clock.trust == ClockTrust::kLenient)},
    {"system_account: S", SAYS(c.system_account == "S")},
    {"no_auth_user: u", SAYS(c.auth.no_auth_user == "u")},
    {"http: 8000", SAYS(c.monitor.enabled&& c.monitor.port == 8000)},
    {"http: 'localhost:8000'", SAYS(c.monitor.host == "localhost")},
    {"http_port: 8000", SAYS(c.monitor.enabled&& c.monitor.port == 8000)},
    {"monitor_port: 0", SAYS(!c.monitor.enabled)},
    {"https: 'localhost:8443'",
     SAYS(c.monitor.enabled&& c.monitor.secure&& c.monitor.host == "localhost")},
    {"https_port: 8443", SAYS(c.monitor.enabled&& c.monitor.secure&& c.monitor.port == 8443)},
    {"allow_non_tls: true", SAYS(c.allow_non_tls)},
    {"proxy_protocol: true", SAYS(c.proxy_protocol)},
    {"listen: '[::1]:5000'", SAYS(c.host == "::1" && c.port == 5000)},
    {"http_base_path: nats/", SAYS(c.monitor.base_path == "/nats")},
    {"pid_file: f", SAYS(c.pid_file == "f")},
    {"pidfile: f", SAYS(c.pid_file == "f")},
    {"ports_file_dir: d", SAYS(c.ports_file_dir == "d")},
    {"lame_duck_duration: 1m", SAYS(c.lame_duck_duration == 1min)},
    {"lame_duck_grace_period: '5s'", SAYS(c.lame_duck_grace == 5s)},

    {"connect_error_reports: 3600", SAYS(c.link.connect_error_reports == 3600)},
    {"reconnect_error_reports: 2", SAYS(c.link.reconnect_error_reports == 2)},
    {"max_connections: 5", SAYS(c.limits.connections_max == 5)},
    {"max_conn: -1", SAYS(c.limits.connections_max > 1u << 30)},
    {"max_subscriptions: 5", SAYS(c.limits.subscriptions_max == 5)},
    {"max_subs: 5", SAYS(c.limits.subscriptions_max == 5)},
    {"max_control_line: 2KB", SAYS(c.limits.control_line_bytes_max == 2048)},
    {"max_payload: -1", SAYS(c.limits.payload_bytes_max == 64u << 20)},
    {"max_payload: -1; max_pending: 16MB", SAYS(c.limits.payload_bytes_max == 16u << 20)},
    {"log_max_num: -42", SAYS(c.log.files_max == 0)},
    {"log_max_num: 5000", SAYS(c.log.files_max == 5000)},
    {"cluster {}; gateway {}; mqtt {}", SAYS(c.remotes.empty())},
    {"leafnodes {remotes: [{url: 'leafnode://h'}]}",
     SAYS(c.remotes.at(0).urls.at(0).scheme == RemoteUrl::Scheme::kNats)},
    {"max_payload: 8MB", SAYS(c.limits.payload_bytes_max == 8u << 20)},
    {"max_pending: 16MB", SAYS(c.limits.pending_bytes_max == 16u << 20)},
    {"no_header_support: true", SAYS(!c.limits.headers)},
    {"max_closed_clients: 7", SAYS(c.limits.closed_connections_max == 7)},
    {"ping_interval: 30", SAYS(c.limits.ping_interval == 30s)},
    {"ping_interval: 2m", SAYS(c.limits.ping_interval == 2min)},
    {"ping_max: 3", SAYS(c.limits.pings_out_max == 3)},
    {"write_deadline: \"2s\"", SAYS(c.limits.write_deadline == 2s)},

    {"max_connections: 0", SAYS(c.limits.connections_max == Limits().connections_max)},
    {"max_control_line: 0",
     SAYS(c.limits.control_line_bytes_max == Limits().control_line_bytes_max)},
    {"max_payload: 0", SAYS(c.limits.payload_bytes_max == Limits().payload_bytes_max)},
    {"max_pending: 0", SAYS(c.limits.pending_bytes_max == Limits().pending_bytes_max)},
    {"max_closed_clients: 0",
     SAYS(c.limits.closed_connections_max == Limits().closed_connections_max)},
    {"ping_interval: 0", SAYS(c.limits.ping_interval == Limits().ping_interval)},
    {"ping_interval: '0s'", SAYS(c.limits.ping_interval == Limits().ping_interval)},
    {"ping_max: 0", SAYS(c.limits.pings_out_max == Limits().pings_out_max)},
    {"write_deadline: '0'", SAYS(c.limits.write_deadline == Limits().write_deadline)},
    {"connect_error_reports: 0",
     SAYS(c.link.connect_error_reports == Config().link.connect_error_reports)},
    {"reconnect_error_reports: 0",
     SAYS(c.link.reconnect_error_reports == Config().link.reconnect_error_reports)},
    {"authorization {timeout: 0}", SAYS(c.auth.timeout == AuthConfig().timeout)},
    {"tls {cert_file: c, key_file: k, timeout: 0}",
     SAYS(c.tls.options.timeout == TlsListenConfig().options.timeout)},
    {"jetstream {enabled: false, store_dir: x}", SAYS(c.port == 4222)},
    {"max_subscriptions: 0", SAYS(c.limits.subscriptions_max == 0)},

    {"debug: true", SAYS(c.log.debug)},
    {"trace: yes", SAYS(c.log.trace)},
    {"trace_headers: true", SAYS(c.log.trace_headers)},
    {"max_traced_msg_len: 64", SAYS(c.log.traced_bytes_max == 64)},
    {"max_sub_tokens: 8", SAYS(c.limits.subscription_tokens_max == 8)},
    {"max_subscription_tokens: 8", SAYS(c.limits.subscription_tokens_max == 8)},
    {"trace_verbose: on", SAYS(c.log.trace_verbose)},
    {"logtime: false", SAYS(!c.log.time)},
    {"logtime_utc: true", SAYS(c.log.time_utc)},
    {"log_file: f", SAYS(c.log.file == "f")},
    {"logfile: f", SAYS(c.log.file == "f")},
    {"log_size_limit: 1MB", SAYS(c.log.size_limit == 1u << 20)},
    {"logfile_size_limit: 5", SAYS(c.log.size_limit == 5)},
    {"log_max_num: 3", SAYS(c.log.files_max == 3)},
    {"logfile_max_num: 3", SAYS(c.log.files_max == 3)},
    {"syslog: true", SAYS(c.log.syslog)},
    {"remote_syslog: 'udp://h:514'", SAYS(c.log.syslog&& c.log.remote_syslog == "udp://h:514")},

    {"leafnodes {listen: '1.2.3.4:7000'}",
     SAYS(c.leaf_listen.enabled&& c.leaf_listen.host == "1.2.3.4" && c.leaf_listen.port == 7000)},
    {"leaf {port: 7000}", SAYS(c.leaf_listen.enabled&& c.leaf_listen.port == 7000)},
    {"leafnodes {host: h, port: 0}", SAYS(!c.leaf_listen.enabled && c.leaf_listen.host == "h")},
    {"leafnodes {authorization {user: u, password: p, account: '$G'}}",
     SAYS(c.leaf_listen.auth.users.at(0).user == "u")},
    {"leafnodes {tls {cert_file: a, key_file: b, handshake_first: true}}",
     SAYS(c.leaf_listen.tls.enabled&& c.leaf_listen.tls.handshake_first)},
    {"leafnodes {tls {cert_file: a, key_file: b, timeout: 5}}",
     SAYS(c.leaf_listen.auth.timeout == 6s && c.auth.timeout == 2s)},
    {"leafnodes {tls {verify: Optional}}", SAYS(c.leaf_listen.tls.options.verify_optional)},
    {"leafnodes {min_version: '2.9.0'}", SAYS(c.leaf_listen.min_version == "2.9.0")},
    {"leafnodes {minimum_version: 2.10.1}", SAYS(c.leaf_listen.min_version == "2.10.1")},
    {"leafnodes {isolate_leafnode_interest: true}", SAYS(c.leaf_listen.isolate_interest)},
    {"leafnodes {isolate: true}", SAYS(c.leaf_listen.isolate_interest)},
    {"leafnodes {reconnect: 3}", SAYS(c.link.reconnect_min == 3s)},
    {"leafnodes {reconnect_delay: 3s}", SAYS(c.link.reconnect_min == 3s)},
    {"leafnodes {reconnect_interval: 3s}", SAYS(c.link.reconnect_min == 3s)},
    {"leafnodes {reconnect_max: 2m}", SAYS(c.link.reconnect_max == 2min)},
    {"leafnodes {stable_after: 10s}", SAYS(c.link.stable_after == 10s)},
    {"leafnodes {loop_delay: 10s}", SAYS(c.link.loop_delay == 10s)},
    {"leafnodes {dial_timeout: 20s}", SAYS(c.link.dial_timeout == 20s)},
    {"leafnodes {first_info_timeout: 20s}", SAYS(c.link.first_info_timeout == 20s)},
    {"leafnodes {tls_timeout: 20s}", SAYS(c.link.tls_timeout == 20s)},
    {"leafnodes {heartbeat: 10s}", SAYS(c.link.heartbeat == 10s)},
    {"leafnodes {heartbeats_missed_max: 4}", SAYS(c.link.heartbeats_missed_max == 4)},
    {"leafnodes {ping_interval: 7s, ping_max: 3}",
     SAYS(c.link.heartbeat == 7s && c.link.ping_interval == 7s &&
          c.link.heartbeats_missed_max == 3)},
    {"leafnodes {ping_interval: 0, ping_max: -1}",
     SAYS(c.link.heartbeat == 5s && c.link.ping_interval == 0s &&
          c.link.heartbeats_missed_max == 2)},
    {"leafnodes {ping_interval: 7s, heartbeat: 2s}",
     SAYS(c.link.heartbeat == 2s && c.link.ping_interval == 7s)},
    {"leafnodes {link_down_grace: 5m}", SAYS(c.monitor.link_down_grace == 5min)},
    {"leafnodes {unsent_bytes_max: 32KB}", SAYS(c.link.unsent_bytes_max == 32768)},
    {"leafnodes {staged_bytes_max: 32KB}", SAYS(c.link.staged_bytes_max == 32768)},
    {"leafnodes {remotes: [{url: 'nats://h'}]}", SAYS(c.remotes.at(0).urls.at(0).host == "h")},
    {"leafnodes {remotes {url: h}}", SAYS(c.remotes.size() == 1)},
    {"leafnodes {remotes: [{urls: ['tls://a', 'tls://b:1']}]}",
     SAYS(c.remotes.at(0).urls.at(1).port == 1)},
    {"leafnodes {compression: off}", SAYS(c.leaf_listen.compression.mode == CompressionMode::kOff)},
    {"leafnodes {compression: accept}",
     SAYS(c.leaf_listen.compression.mode == CompressionMode::kAccept)},
};

// Keys of a remote, inside the remote.
const Case kRemoteCases[] = {
    {"account: '$G'", SAYS(c.remotes.at(0).account == "$G")},
    {"local: '$G'", SAYS(c.remotes.at(0).account == "$G")},
    {"credentials: f", SAYS(c.remotes.at(0).credentials == "f")},
    {"creds: f", SAYS(c.remotes.at(0).credentials == "f")},
    {"nkey: SUAB", SAYS(c.remotes.at(0).nkey == "SUAB")},
    {"seed: SUAB", SAYS(c.remotes.at(0).nkey == "SUAB")},
    {"hub: true", SAYS(c.remotes.at(0).hub)},
    {"no_randomize: true", SAYS(c.remotes.at(0).no_randomize)},
    {"dont_randomize: true", SAYS(c.remotes.at(0).no_randomize)},
    {"deny_imports: [a, b]", SAYS(c.remotes.at(0).deny_imports.size() == 2)},
    {"deny_import: a", SAYS(c.remotes.at(0).deny_imports.size() == 1)},
    {"deny_exports: a", SAYS(c.remotes.at(0).deny_exports.at(0) == "a")},
    {"deny_export: a", SAYS(c.remotes.at(0).deny_exports.at(0) == "a")},
    {"ignore_discovered_servers: false", SAYS(!c.remotes.at(0).ignore_discovered_servers)},
    {"ws_compression: true", SAYS(c.remotes.at(0).ws_compression)},
    {"ws_compress: true", SAYS(c.remotes.at(0).ws_compression)},
    {"websocket_compress: true", SAYS(c.remotes.at(0).ws_compression)},
    {"websocket_compression: true", SAYS(c.remotes.at(0).ws_compression)},
    {"first_info_timeout: 9s", SAYS(c.remotes.at(0).first_info_timeout == 9s)},
    {"dial_timeout: 9s", SAYS(c.remotes.at(0).dial_timeout == 9s)},
    {"compression: off", SAYS(c.remotes.at(0).compression.mode == CompressionMode::kOff)},
    {"compression: true", SAYS(c.remotes.at(0).compression.mode == CompressionMode::kAuto)},
    {"compression: S2_Best", SAYS(c.remotes.at(0).compression.mode == CompressionMode::kBest)},
    {"compression: {mode: s2_better}",
     SAYS(c.remotes.at(0).compression.mode == CompressionMode::kBetter)},
    {"compression: {rtt_thresholds: [0, 5ms, 1s]}",
     SAYS(c.remotes.at(0).compression.thresholds.at(2) == 1s)},
    {"isolate_leafnode_interest: true", SAYS(c.remotes.at(0).isolate_interest)},
    {"isolate: true", SAYS(c.remotes.at(0).isolate_interest)},
    {"request_isolation: true", SAYS(c.remotes.at(0).request_isolation)},
    {"disabled: true", SAYS(c.remotes.empty())},
    {"disabled: false", SAYS(c.remotes.size() == 1)},
    {"proxy {url: 'http://p:3128', username: u, password: w, timeout: 9s}",
     SAYS(c.remotes.at(0).proxy_url == "http://p:3128" && c.remotes[0].proxy_user == "u" &&
          c.remotes[0].proxy_password == "w" && c.remotes[0].proxy_timeout == 9s)},
    {"proxy {url: 'http://u:w@[::1]:3128'}",
     SAYS(c.remotes.at(0).proxy_url == "http://[::1]:3128" && c.remotes[0].proxy_user == "u")},
    {"tls {cert_file: a, key_file: b, ca_file: c}",
     SAYS(c.remotes.at(0).tls->cert_file == "a" && c.remotes[0].tls->key_file == "b" &&
          c.remotes[0].tls->ca_file == "c")},
    {"tls {insecure: true}", SAYS(c.remotes.at(0).tls->insecure)},
    {"tls {server_name: n}", SAYS(c.remotes.at(0).tls->server_name == "n")},
    {"tls {verify: optional}",
     SAYS(c.remotes.at(0).tls->verify && !c.remotes[0].tls->verify_optional)},
    {"tls {timeout: 4}", SAYS(c.remotes.at(0).tls->timeout == 4s)},
    {"tls {min_version: '1.3'}", SAYS(c.remotes.at(0).tls->version_min == TlsVersion::k13)},
    {"tls {min_version: 1.2}", SAYS(c.remotes.at(0).tls->version_min == TlsVersion::k12)},
    {"tls {cipher_suites: [TLS_AES_128_GCM_SHA256]}",
     SAYS(c.remotes.at(0).tls->cipher_suites.size() == 1)},
    {"tls {handshake_first: true}", SAYS(c.remotes.at(0).tls_handshake_first)},
    {"tls {first: true}", SAYS(c.remotes.at(0).tls_handshake_first)},
    {"tls {immediate: true}", SAYS(c.remotes.at(0).tls_handshake_first)},
};

// Keys of the clients' tls {}; those of other listeners are the same.
const Case kTlsCases[] = {
    {"cert_file: a, key_file: b, ca_file: c",
     SAYS(c.tls.enabled&& c.tls.options.server && !c.tls.options.verify &&
          c.tls.options.cert_file == "a" && c.tls.options.key_file == "b" &&
          c.tls.options.ca_file == "c" && c.tls.options.timeout == 2s && c.auth.timeout == 3s)},
    {"verify: optional", SAYS(!c.tls.options.verify && c.tls.options.verify_optional)},
    {"verify: true", SAYS(c.tls.options.verify && !c.tls.map)},
    {"verify_and_map: true", SAYS(c.tls.options.verify&& c.tls.map)},
    {"timeout: 0.5", SAYS(c.tls.options.timeout == 500ms)},
    {"min_version: 1.3", SAYS(c.tls.options.version_min == TlsVersion::k13)},
    {"cipher_suites: [TLS_AES_128_GCM_SHA256]", SAYS(c.tls.options.cipher_suites.size() == 1)},
    {"handshake_first: true", SAYS(c.tls.handshake_first&& c.tls.fallback == 0s)},
    {"handshake_first: false", SAYS(!c.tls.handshake_first)},
    {"handshake_first: auto", SAYS(c.tls.handshake_first&& c.tls.fallback == 50ms)},
    {"first: auto_fallback", SAYS(c.tls.handshake_first&& c.tls.fallback == 50ms)},
    {"immediate: 300ms", SAYS(c.tls.handshake_first&& c.tls.fallback == 300ms)},
    {"certs: [{cert_file: a, key_file: b}, {cert_file: c, key_file: d}]",
     SAYS(c.tls.options.cert_file == "a" && c.tls.options.more_certs.size() == 1 &&
          c.tls.options.more_certs[0].key_file == "d")},
    {"certificates: [{cert_file: a, key_file: b}]",
     SAYS(c.tls.options.key_file == "b" && c.tls.options.more_certs.empty())},
    {"pinned_certs: [A5e3c9a1d4f60718293a4b5c6d7e8f90a5e3c9a1d4f60718293a4b5c6d7e8f90]",
     SAYS(c.tls.options.pinned_certs.at(0).starts_with("a5e3"))},
    {"connection_rate_limit: 100", SAYS(c.tls.rate_limit == 100)},
};

const Case kWebSocketCases[] = {
    {"listen: '1.2.3.4:8080', no_tls: true",
     SAYS(c.websocket.enabled&& c.websocket.host == "1.2.3.4" && c.websocket.port == 8080 &&
          c.websocket.no_tls)},
    {"host: h, port: 8080", SAYS(c.websocket.host == "h" && c.websocket.enabled)},
    {"net: h", SAYS(c.websocket.host == "h" && !c.websocket.enabled)},
    {"port: -1", SAYS(c.websocket.enabled&& c.websocket.port == 0)},
    {"tls {cert_file: a, key_file: b}", SAYS(c.websocket.tls.enabled && !c.tls.enabled)},
    {"compression: true", SAYS(c.websocket.compression)},
    {"compress: true", SAYS(c.websocket.compression)},
    {"same_origin: true", SAYS(c.websocket.same_origin)},
    {"allowed_origins: ['https://a', 'http://b:80']",
     SAYS(c.websocket.allowed_origins.at(1) == "http://b:80")},
    {"origin: 'https://a'", SAYS(c.websocket.allowed_origins.size() == 1)},
    {"handshake_timeout: 3s", SAYS(c.websocket.handshake_timeout == 3s)},
    {"ping_interval: 30s", SAYS(c.websocket.ping_interval == 30s)},
    {"jwt_cookie: j, user_cookie: u, pass_cookie: p, token_cookie: t",
     SAYS(c.websocket.jwt_cookie == "j" && c.websocket.user_cookie == "u" &&
          c.websocket.pass_cookie == "p" && c.websocket.token_cookie == "t")},
    {"user_cookie: u", SAYS(c.websocket.user_cookie == "u")},
    {"pass_cookie: u", SAYS(c.websocket.pass_cookie == "u")},
    {"token_cookie: u", SAYS(c.websocket.token_cookie == "u")},
    {"no_auth_user: u", SAYS(c.websocket.no_auth_user == "u")},
    {"authorization {user: u, password: p, timeout: 4}",
     SAYS(c.websocket.user == "u" && c.websocket.password == "p" &&
          c.websocket.auth_timeout == 4s)},
    {"authentication {token: t}", SAYS(c.websocket.token == "t")},
    {"headers {X-Box: 7}", SAYS(c.websocket.headers.at(0).second == "7")},
};

const PermissionsConfig& permissions(const Config& c) { return *c.auth.users.at(0).permissions; }

// Keys of permissions, inside a user.
const Case kPermissionCases[] = {
    {"publish: a", SAYS(permissions(c).publish.allow->at(0) == "a")},
    {"pub: [a, b]", SAYS(permissions(c).publish.allow->size() == 2)},
    {"import: {deny: a}",
     SAYS(!permissions(c).publish.allow && permissions(c).publish.deny.at(0) == "a")},
    {"subscribe: {allow: ['a q.*'], deny: b}",
     SAYS(permissions(c).subscribe.allow->at(0) == "a q.*" &&
          permissions(c).subscribe.deny.at(0) == "b")},
    {"sub: a", SAYS(permissions(c).subscribe.allow->at(0) == "a")},
    {"export: a", SAYS(permissions(c).subscribe.allow->at(0) == "a")},
    {"publish: {}", SAYS(!permissions(c).publish.allow)},
    {"allow_responses: true",
     SAYS(permissions(c).responses->max == 1 && permissions(c).responses->expires == 2min)},
    {"allow_responses: false", SAYS(!permissions(c).responses)},
    {"publish_allow_responses {max: 5, expires: '1m'}",
     SAYS(permissions(c).responses->max == 5 && permissions(c).responses->expires == 1min)},
    {"allow_responses {max: 0}", SAYS(permissions(c).responses->max == 1)},
    {"allow_responses {max: -1, ttl: '-1s'}",
     SAYS(permissions(c).responses->max < 0 && permissions(c).responses->expires < 0s)},
};

const Case kMirrorCases[] = {
    {"dir: d", SAYS(c.mirror.enabled&& c.mirror.dir == "d")},
    {"max_bytes: 1GB", SAYS(c.mirror.max_bytes == 1u << 30)},
    {"rules: [{subject: a}]", SAYS(c.mirror.rules.at(0).subjects.at(0) == "a")},
    {"rules: [{subject: a, account: A}]", SAYS(c.mirror.rules.at(0).account == "A")},
    {"rules: {subjects: [a, b]}", SAYS(c.mirror.rules.at(0).subjects.size() == 2)},
    {"rules: [{subject: a, durability: outage}]",
     SAYS(c.mirror.rules.at(0).durability == Durability::kOutage)},
    {"rules: [{subject: a, durability: disk}]",
     SAYS(c.mirror.rules.at(0).durability == Durability::kDisk)},
    {"rules: [{subject: a, discard: new}]", SAYS(c.mirror.rules.at(0).discard == Discard::kNew)},
    {"rules: [{subject: a, keep: last}]", SAYS(c.mirror.rules.at(0).keep_last)},
    {"rules: [{subject: a, keep: all}]", SAYS(!c.mirror.rules.at(0).keep_last)},
    {"rules: [{subject: a, confirm: barrier}]",
     SAYS(c.mirror.rules.at(0).confirm == Confirm::kBarrier)},
    {"rules: [{subject: a, confirm: puback}]",
     SAYS(c.mirror.rules.at(0).confirm == Confirm::kPuback)},
    {"rules: [{subject: a, confirm: auto}]", SAYS(c.mirror.rules.at(0).confirm == Confirm::kAuto)},
    {"rules: [{subject: a, priority: 3}]", SAYS(c.mirror.rules.at(0).priority == 3)},
    {"rules: [{subject: a, capture_requests: true}]", SAYS(c.mirror.rules.at(0).capture_requests)},
    {"rules: [{subject: a, max_age: 7d}]", SAYS(c.mirror.rules.at(0).max_age == 168h)},
    {"rules: [{subject: a, max_bytes: 1MB}]", SAYS(c.mirror.rules.at(0).max_bytes == 1u << 20)},
    {"rules: [{subject: a, max_messages: 10k}]", SAYS(c.mirror.rules.at(0).max_messages == 10000)},
    {"rules: [{subject: a, max_msgs: 10}]", SAYS(c.mirror.rules.at(0).max_messages == 10)},
    {"rules: [{subject: a, duplicate_window: 1m}]",
     SAYS(c.mirror.rules.at(0).duplicate_window == 1min)},
    {"replay {max_rate: 2MB}", SAYS(c.mirror.replay.max_rate == 2u << 20)},
    {"replay {max_rate: 2MB/s}", SAYS(c.mirror.replay.max_rate == 2u << 20)},
    {"replay {live_share: 30%}", SAYS(c.mirror.replay.live_share == 30)},
};

void check(const std::string& text, Check wanted) {
  CAPTURE(text);
  const LoadedConfig loaded = read_config(text, "f", test::Files{}.sources());
  for (const ConfigError& error : loaded.errors) FAIL_CHECK(to_text(error));
  if (loaded.ok()) CHECK(wanted(loaded.config));
}

// Whether `texts` mention the name as a whole word.
template <std::size_t count>
bool mentioned(std::string_view name, const Case (&cases)[count]) {
  for (const Case& c : cases) {
    const std::string text = std::string(" ") + c.text;
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
      const char after = text[at + name.size()];
      const char before = text[at - 1];
      const bool word = before == ' ' || before == '{';
      if (word && (after == ':' || after == ' ')) return true;
    }
  }
  return false;
}

template <class Target, std::size_t count>
void check_all_named(std::span<const Key<Target>> keys, const Case (&cases)[count]) {
  for (const Key<Target>& key : keys) {
    if (key.kind != KeyKind::kSet) continue;
    const std::string_view first = key.names.substr(0, key.names.find('|'));
    const std::string_view second = key.names.substr(key.names.rfind('|') + 1);
    CAPTURE(key.names);
    CHECK((mentioned(first, cases) || mentioned(second, cases)));
  }
}

}  // namespace

TEST_CASE("every key of the top level, of leafnodes and authorization") {
  for (const Case& c : kCases) check(c.text, c.check);
}

TEST_CASE("every key of a remote") {
  for (const Case& c : kRemoteCases) {
    check(std::string("leafnodes {remotes: [{url: h\n ") + c.text + "\n}]}", c.check);
  }
}

TEST_CASE("every key of a listener's tls") {
  for (const Case& c : kTlsCases) check(std::string("tls {\n") + c.text + "\n}", c.check);
}

TEST_CASE("every key of websocket") {
  for (const Case& c : kWebSocketCases) {
    check(std::string("websocket {\n") + c.text + "\n}", c.check);
  }
}

TEST_CASE("every key of store_and_forward") {
  for (const Case& c : kMirrorCases) {
    check(std::string("store_and_forward {\n") + c.text + "\n}", c.check);
  }
}

// What a reload looks at is a list by hand: a key that it forgot would be taken over by nobody.
// Errors name lines, so Config knows them; a block that only moved is no change.
TEST_CASE("the change of any key is noticed, and no other") {
  const auto noticed = [](const std::string& text) {
    CAPTURE(text);
    const auto read = [](const std::string& file) {
      Config config = read_config(file, "", test::Files{}.sources()).config;
      config.digest.clear();  // Tells files apart, not what they ask for.
      return config;
    };
    const Config changed = read(text);
    const bool same = changed == Config{};
    CHECK(changes_between(Config{}, changed).empty() == same);
    CHECK(changes_between(changed, changed).empty());
    CHECK(changes_between(changed, read("\n\n" + text)).empty());
  };
  for (const Case& c : kCases) noticed(c.text);
  for (const Case& c : kRemoteCases) {
    noticed(std::string("leafnodes {remotes: [{url: h\n ") + c.text + "\n}]}");
  }
  for (const Case& c : kMirrorCases) noticed(std::string("store_and_forward {\n") + c.text + "\n}");
  for (const Case& c : kTlsCases) noticed(std::string("tls {\n") + c.text + "\n}");
  for (const Case& c : kWebSocketCases) noticed(std::string("websocket {\n") + c.text + "\n}");
  noticed(
      "accounts {A {exports: [{stream: a}]}, B {imports: [{stream: {account: A, subject: a}}]}}");
}

TEST_CASE("every key of permissions") {
  for (const Case& c : kPermissionCases) {
    check(std::string("authorization {users: [{user: a, pass: b, permissions {\n") + c.text +
              "\n}}]}",
          c.check);
  }
}

TEST_CASE("no accepted key is without a test") {
  check_all_named(user_keys(), kCases);
  check_all_named(resolver_keys(), kCases);
  check_all_named(permission_keys(), kPermissionCases);
  check_all_named(limit_keys(), kCases);
  check_all_named(auth_keys(), kCases);
  check_all_named(leaf_keys(), kCases);
  check_all_named(remote_keys(), kRemoteCases);
  check_all_named(tls_keys(), kRemoteCases);
  check_all_named(tls_listener_keys(), kTlsCases);
  check_all_named(websocket_keys(), kWebSocketCases);
  check_all_named(rule_keys(), kMirrorCases);
  check_all_named(replay_keys(), kMirrorCases);
  check_all_named(mirror_keys(), kMirrorCases);
}

}  // namespace petiole
