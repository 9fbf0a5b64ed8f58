#include "agent/config/flag_table.h"

#include "agent/config/check.h"
#include "agent/config/features.h"
#include "agent/config/units.h"
#include "agent/config/url.h"
#include "platform/syslog.h"

namespace petiole {
namespace {

using Kind = Flag::Kind;
using Text = const std::string&;

std::string set_port(Text value, std::uint16_t& port) {
  const auto number = value == "-1" ? std::optional<std::uint16_t>(0) : parse_port(value);
  if (!number) return "must be a port from -1 to 65535, not \"" + value + "\"";
  port = *number;
  return {};
}

// nats-server: 0 is the default, whatever the file says.
std::string set_client_port(Text value, FlagDraft& draft) {
  std::string error = set_port(value, draft.config.port);
  if (draft.config.port == 0 && value != "-1") draft.config.port = Config().port;
  return error;
}

std::string set_monitor_port(Text value, FlagDraft& draft) {
  if (!kHasMonitor) return "not supported by this build: it was built with PETIOLE_MONITOR=OFF";
  draft.config.monitor.enabled = value != "0";
  return set_port(value, draft.config.monitor.port);
}

std::string set_name(Text value, FlagDraft& draft) {
  draft.config.server_name = value;
  return value.empty() ? "must not be empty" : "";
}

std::string set_secure_monitor_port(Text value, FlagDraft& draft) {
  draft.config.monitor.secure = true;
  return set_monitor_port(value, draft);
}

// --tls, --tlscert and so on. Together they make, or change, the listener's tls {}.
template <class Set>
std::string set_tls(FlagDraft& draft, const Set& set) {
  if (!kHasTls) return "not supported by this build: it was built with PETIOLE_TLS=OFF";
  draft.tls_given = true;
  set(draft.config.tls);
  return {};
}

UserConfig& only_user(FlagDraft& draft) {
  AuthConfig& auth = draft.config.auth;
  auth.token.clear();
  if (!auth.lone_user) auth.users.assign(1, {});
  auth.lone_user = true;
  return auth.users[0];
}

std::string set_token(Text value, FlagDraft& draft) {
  draft.config.auth.users.clear();
  draft.config.auth.lone_user = false;
  draft.config.auth.token = value;
  return {};
}

std::string set_log_limit(Text value, FlagDraft& draft) {
  const auto bytes = parse_bytes(value);
  if (!bytes) return "must be a size in bytes, not \"" + value + "\"";
  draft.config.log.size_limit = *bytes;
  return {};
}

std::string set_traced_length(Text value, FlagDraft& draft) {
  const auto bytes = parse_bytes(value);
  if (!bytes) return "must be a size in bytes, not \"" + value + "\"";
  draft.config.log.traced_bytes_max = *bytes;
  return {};
}

// -V, -DV, -VV, -DVV are shorthands that turn several on.
template <bool debug, bool verbose>
std::string set_trace(Text value, FlagDraft& draft) {
  LogConfig& log = draft.config.log;
  const bool on = value == "true";
  log.trace = on;
  if (debug) log.debug = on;
  if (verbose) log.trace_verbose = on;
  return {};
}

std::string add_hub(Text value, FlagDraft& draft) {
  std::string_view rest = value;
  while (true) {
    const std::size_t comma = rest.find(',');
    RemoteUrl url;
    std::string wrong = parse_remote_url(rest.substr(0, comma), url);
    if (wrong.empty() && uses_tls(url) && !kHasTls) {
      wrong = "not supported by this build: it was built with PETIOLE_TLS=OFF";
    }
    if (wrong.empty() && uses_websocket(url) && !kHasWebSocket) {
      wrong = "not supported by this build: it was built with PETIOLE_WEBSOCKET=OFF";
    }
    auto& urls = draft.remote.urls;
    if (wrong.empty() && !urls.empty() && uses_websocket(urls[0]) != uses_websocket(url)) {
      wrong = "URLs must be all ws:// and wss:// or all of the other kinds";
    }
    if (!wrong.empty()) return wrong;
    urls.push_back(std::move(url));
    if (comma == std::string_view::npos) return {};
    rest.remove_prefix(comma + 1);
  }
}

std::string set_creds(Text value, FlagDraft& draft) {
  if (!kHasTls) return "not supported by this build: signatures need PETIOLE_TLS=ON";
  draft.remote.credentials = value;
  return {};
}

std::string set_store(Text value, FlagDraft& draft) {
  if (!kHasStore) return "not supported by this build: it was built with PETIOLE_STORE=OFF";
  draft.store_dir = value;
  return value.empty() ? "must name a directory" : "";
}

std::string add_forward(Text value, FlagDraft& draft) {
  if (!kHasStore) return "not supported by this build: it was built with PETIOLE_STORE=OFF";
  draft.forward.push_back(value);
  const std::string wrong = check_subject(value);
  return wrong.empty() ? wrong : "\"" + value + "\": " + wrong;
}

constexpr std::string_view kServer = "Server";
constexpr std::string_view kLeaf = "Hub link, store and forward";
constexpr std::string_view kLog = "Logging";
constexpr std::string_view kAuth = "Authorization";
constexpr std::string_view kCommon = "Common";

constexpr std::string_view kNoJetStream =
    "JetStream on the leaf comes with a later version; for messages that must not be lost see "
    "--store and --forward";
constexpr std::string_view kTls = "TLS";
constexpr std::string_view kNoRoutes = "routes come with a later version";

constexpr Flag kFlags[] = {
    {"a|addr|net", Kind::kValue, "host", "Bind to host address (default: 0.0.0.0)", kServer,
     [](Text v, FlagDraft& d) { return d.config.host = v, std::string(); }},
    {"p|port", Kind::kValue, "port", "Port for clients (default: 4222)", kServer, set_client_port},
    {"n|name|server_name", Kind::kValue, "name", "Server name (default: its id)", kServer,
     set_name},
    {"P|pid", Kind::kValue, "file", "File to store the process id in", kServer,
     [](Text v, FlagDraft& d) { return d.config.pid_file = v, std::string(); }},
    {"m|http_port", Kind::kValue, "port", "Port for HTTP monitoring", kServer, set_monitor_port},
    {"ms|https_port", Kind::kValue, "port", "Port for HTTPS monitoring", kServer,
     set_secure_monitor_port},
    {"c|config", Kind::kFile, "file", "Configuration file", kServer},
    {"t", Kind::kCheck, "", "Test the configuration and exit", kServer},
    {"test_reload", Kind::kReloadFile, "file",
     "With -t: can a reload take this one? Exit status 3: a restart", kServer},
    {"sl|signal", Kind::kSignal, "signal[=pid]",
     "Signal a process (ldm, stop, quit, term, reopen, reload); pid may be a file", kServer},
    {"client_advertise", Kind::kValue, "host:port", "Client URL to advertise", kServer,
     [](Text v, FlagDraft& d) { return d.config.client_advertise = v, std::string(); }},
    {"ports_file_dir", Kind::kValue, "dir", "Write a ports file to this directory", kServer,
     [](Text v, FlagDraft& d) { return d.config.ports_file_dir = v, std::string(); }},

    {"hub", Kind::kValue, "url", "Hub to link to: nats-leaf://, tls://, ws://, wss://; repeatable",
     kLeaf, add_hub},
    {"creds", Kind::kValue, "file", "Credentials for the hub", kLeaf, set_creds},
    {"store", Kind::kValue, "dir", "Where messages for the hub are kept", kLeaf, set_store},
    {"forward", Kind::kValue, "subject", "Store and forward this subject; repeatable", kLeaf,
     add_forward},

    {"l|log", Kind::kValue, "file", "File to log to", kLog,
     [](Text v, FlagDraft& d) { return d.config.log.file = v, std::string(); }},
    {"T|logtime", Kind::kBool, "", "Timestamp log entries (default: true)", kLog,
     [](Text v, FlagDraft& d) { return d.config.log.time = v == "true", std::string(); }},
    {"logtime_utc", Kind::kBool, "", "Timestamps in UTC", kLog,
     [](Text v, FlagDraft& d) { return d.config.log.time_utc = v == "true", std::string(); }},
    {"s|syslog", Kind::kBool, "", "Log to syslog", kLog,
     [](Text v, FlagDraft& d) { return d.config.log.syslog = v == "true", std::string(); }},
    {"r|remote_syslog", Kind::kValue, "addr", "Syslog server (udp://localhost:514)", kLog,
     [](Text v, FlagDraft& d) {
       if (!parse_syslog(v)) return '"' + v + "\" " + kNoSyslogUrl;
       d.config.log.remote_syslog = v;
       d.config.log.syslog = !v.empty();
       return std::string();
     }},
    {"D|debug", Kind::kBool, "", "Debug output", kLog,
     [](Text v, FlagDraft& d) { return d.config.log.debug = v == "true", std::string(); }},
    {"V|trace", Kind::kBool, "", "Trace the raw protocol", kLog, set_trace<false, false>},
    {"VV", Kind::kBool, "", "Verbose trace", kLog, set_trace<false, true>},
    {"DV", Kind::kBool, "", "Debug and trace", kLog, set_trace<true, false>},
    {"DVV", Kind::kBool, "", "Debug and verbose trace", kLog, set_trace<true, true>},
    {"log_size_limit", Kind::kValue, "limit", "Log file size limit (default: none)", kLog,
     set_log_limit},
    {"max_traced_msg_len", Kind::kValue, "length", "Longest payload in a trace (default: none)",
     kLog, set_traced_length},

    {"user", Kind::kValue, "user", "User required for connections", kAuth,
     [](Text v, FlagDraft& d) { return only_user(d).user = v, std::string(); }},
    {"pass", Kind::kValue, "password", "Password required for connections", kAuth,
     [](Text v, FlagDraft& d) { return only_user(d).password = v, std::string(); }},
    {"auth", Kind::kValue, "token", "Token required for connections", kAuth, set_token},

    {"tls", Kind::kBool, "", "Clients must use TLS; their certificates are not asked for", kTls,
     [](Text v, FlagDraft& d) {
       d.tls_off = v != "true";
       return d.tls_off ? std::string() : set_tls(d, [](TlsListenConfig&) {});
     }},
    {"tlscert", Kind::kValue, "file", "Server certificate", kTls,
     [](Text v, FlagDraft& d) {
       return set_tls(d, [&](TlsListenConfig& t) { t.options.cert_file = v; });
     }},
    {"tlskey", Kind::kValue, "file", "Private key of the server certificate", kTls,
     [](Text v, FlagDraft& d) {
       return set_tls(d, [&](TlsListenConfig& t) { t.options.key_file = v; });
     }},
    {"tlsverify", Kind::kBoolOrOptional, "",
     "Clients must use TLS and show a certificate; =optional: or none", kTls,
     [](Text v, FlagDraft& d) {
       return set_tls(d, [&](TlsListenConfig& t) {
         t.options.verify = v == "true";
         t.options.verify_optional = v == "optional";
       });
     }},
    {"tlscacert", Kind::kValue, "file", "Authority that clients' certificates are verified by",
     kTls,
     [](Text v, FlagDraft& d) {
       return set_tls(d, [&](TlsListenConfig& t) { t.options.ca_file = v; });
     }},

    {"h|help|help_tls", Kind::kHelp, "", "Show this message", kCommon},
    {"v", Kind::kVersion, "", "Show the NATS version that is spoken", kCommon},
    {"version", Kind::kVersion, "", "Show petiole's version", kCommon},

    {"js|jetstream", Kind::kRefused, "", kNoJetStream, kServer},
    {"sd|store_dir", Kind::kNoEffect, "", "it is for JetStream, which is off without -js", kServer},
    {"routes|cluster|cluster_name|cluster_listen|cluster_advertise|no_advertise|connect_retries",
     Kind::kRefused, "", kNoRoutes, kServer},
    {"profile", Kind::kRefused, "", "Go's profiler is not part of petiole", kServer},
};

}  // namespace

std::span<const Flag> flag_table() { return kFlags; }

}  // namespace petiole
