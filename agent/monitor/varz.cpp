// /varz: nats-server monitor.go, Varz; fields in its order, ours at the end.
#include "agent/config/units.h"
#include "agent/monitor/certificate_ends.h"
#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"

namespace petiole {
namespace {

json::array remote_list(const Config& config) {
  json::array list;
  for (const RemoteConfig& remote : config.remotes) {
    json::object item;
    item["local_account"] = remote.account;
    if (remote.tls) item["tls_timeout"] = seconds_value(remote.tls->timeout);
    json::array urls;
    for (const RemoteUrl& url : remote.urls) urls.emplace_back(join_host_port(url.host, url.port));
    item["urls"] = std::move(urls);
    if (!remote.deny_exports.empty() || !remote.deny_imports.empty()) {
      json::object deny;
      if (!remote.deny_exports.empty()) deny["exports"] = json::value_from(remote.deny_exports);
      if (!remote.deny_imports.empty()) deny["imports"] = json::value_from(remote.deny_imports);
      item["deny"] = std::move(deny);
    }
    list.emplace_back(std::move(item));
  }
  return list;
}

// Of a listener's certificate, as nats-server tells it.
void add_certificate_end(json::object& to, const TlsListenConfig& tls, const MonitorInput& input) {
  if (!tls.enabled || !input.certificates) return;
  if (const auto end = input.certificates->of(tls.options.cert_file)) {
    to["tls_cert_not_after"] = go_time(*end);
  }
}

json::object leaf_options(const MonitorInput& input) {
  const Config& config = input.server.config();
  json::object leaf;
  if (config.leaf_listen.enabled) {
    leaf["host"] = config.leaf_listen.host;
    leaf["port"] = input.leaf_port != 0 ? input.leaf_port : config.leaf_listen.port;
    leaf["auth_timeout"] = seconds_value(config.leaf_listen.auth.timeout);
    const TlsListenConfig& tls = config.leaf_listen.tls;
    leaf["tls_timeout"] = seconds_value(tls.options.timeout);
    if (tls.enabled) leaf["tls_required"] = true;
    if (tls.enabled && tls.options.verify) leaf["tls_verify"] = true;
    add_certificate_end(leaf, tls, input);
  }
  if (!config.remotes.empty()) leaf["remotes"] = remote_list(config);
  return leaf;
}

json::object websocket_options(const MonitorInput& input) {
  const WebSocketListenConfig& config = input.server.config().websocket;
  json::object websocket;
  if (!config.enabled) return websocket;
  websocket["host"] = config.host;
  websocket["port"] = input.websocket_port != 0 ? input.websocket_port : config.port;
  if (!config.no_auth_user.empty()) websocket["no_auth_user"] = config.no_auth_user;
  if (!config.jwt_cookie.empty()) websocket["jwt_cookie"] = config.jwt_cookie;
  if (config.handshake_timeout != WebSocketListenConfig().handshake_timeout) {
    websocket["handshake_timeout"] = config.handshake_timeout.count();
  }
  if (config.auth_timeout) websocket["auth_timeout"] = seconds_value(*config.auth_timeout);
  if (config.no_tls) websocket["no_tls"] = true;
  if (config.tls.map) websocket["tls_map"] = true;
  if (const auto& pinned = config.tls.options.pinned_certs; !pinned.empty()) {
    websocket["tls_pinned_certs"] = json::value_from(pinned);
  }
  if (config.same_origin) websocket["same_origin"] = true;
  if (!config.allowed_origins.empty()) {
    websocket["allowed_origins"] = json::value_from(config.allowed_origins);
  }
  if (config.compression) websocket["compression"] = true;
  add_certificate_end(websocket, config.tls, input);
  return websocket;
}

void add_identity(json::object& body, const MonitorInput& input) {
  const Config& config = input.server.config();
  body["server_id"] = input.server.id();
  body["server_name"] = input.server.name();
  body["version"] = kNatsVersion;
  body["proto"] = 1;
  body["go"] = "c++20";  // As INFO says it.
  body["host"] = config.host;
  body["port"] = input.client_port != 0 ? input.client_port : config.port;
  if (config.auth.required()) body["auth_required"] = true;
  if (config.tls.enabled && !config.allow_non_tls) body["tls_required"] = true;
  if (config.tls.enabled && config.tls.options.verify) body["tls_verify"] = true;
}

void add_options(json::object& body, const MonitorInput& input) {
  const Config& config = input.server.config();
  const Limits& limits = config.limits;
  body["max_connections"] = limits.connections_max;
  if (limits.subscriptions_max != 0) body["max_subscriptions"] = limits.subscriptions_max;
  body["ping_interval"] = limits.ping_interval.count();
  body["ping_max"] = limits.pings_out_max;
  body["http_host"] = config.monitor.host;
  const int port = input.monitor_port != 0  ? input.monitor_port
                   : config.monitor.enabled ? config.monitor.port
                                            : 0;
  body["http_port"] = config.monitor.secure ? 0 : port;
  body["http_base_path"] = config.monitor.base_path;
  body["https_port"] = config.monitor.secure ? port : 0;
  body["auth_timeout"] = seconds_value(limits.auth_timeout);
  body["max_control_line"] = limits.control_line_bytes_max;
  body["max_payload"] = limits.payload_bytes_max;
  body["max_pending"] = limits.pending_bytes_max;
  body["cluster"] = json::object();
  body["gateway"] = json::object();
  body["leaf"] = leaf_options(input);
  body["mqtt"] = json::object();
  body["websocket"] = websocket_options(input);
  body["jetstream"] = json::object();
  body["tls_timeout"] = seconds_value(config.tls.options.timeout);
  body["write_deadline"] = limits.write_deadline.count();
}

void add_process(json::object& body, const MonitorInput& input) {
  body["start"] = go_time(input.server.started());
  body["now"] = go_time(input.wall);
  body["uptime"] = uptime_text(input.now - input.server.began());
  body["mem"] = input.process.resident_bytes;
  body["cores"] = input.process.cores;
  body["gomaxprocs"] = input.process.cores;
  body["cpu"] = number_value(input.process.cpu_percent);
}

std::size_t leaf_count(const MonitorInput& input) {
  return input.server.open().size() -
         std::min(input.server.open().size(), input.server.client_count());
}

void add_counters(json::object& body, const MonitorInput& input) {
  const ServerStats& stats = input.server.stats();
  const ConnectionCounters clients = client_traffic(input);
  body["connections"] = input.server.client_count();
  body["total_connections"] = stats.connections_total;
  body["routes"] = 0;
  body["remotes"] = 0;
  body["leafnodes"] = leaf_count(input);
  body["in_msgs"] = stats.traffic.messages_in;
  body["in_bytes"] = stats.traffic.bytes_in;
  body["in_client_msgs"] = clients.messages_in;
  body["in_client_bytes"] = clients.bytes_in;
  body["out_msgs"] = stats.traffic.messages_out;
  body["out_bytes"] = stats.traffic.bytes_out;
  body["out_client_msgs"] = clients.messages_out;
  body["out_client_bytes"] = clients.bytes_out;
  body["slow_consumers"] = stats.slow_consumers;
  body["stale_connections"] = stats.stale_connections;
  body["stalled_clients"] = 0;
  body["subscriptions"] = subscription_count(input);
}

}  // namespace

std::size_t subscription_count(const MonitorInput& input) {
  std::size_t count = 0;
  for (const auto& [name, account] : input.server.accounts())
    count += account->subscription_count();
  return count;
}

json::object varz(const MonitorInput& input) {
  const ServerStats& stats = input.server.stats();
  const Config& config = input.server.config();
  json::object body;
  add_identity(body, input);
  add_options(body, input);
  add_process(body, input);
  add_counters(body, input);
  json::object counts;
  if (input.requests) {
    for (const auto& [path, count] : *input.requests) counts[path] = count;
  }
  body["http_req_stats"] = std::move(counts);
  body["config_load_time"] = go_time(input.server.configured());
  body["config_digest"] = config.digest;
  if (!config.server_tags.empty()) body["tags"] = json::value_from(config.server_tags);
  if (!config.server_metadata.empty()) {
    json::object metadata;
    for (const auto& [key, value] : config.server_metadata) metadata[key] = value;
    body["metadata"] = std::move(metadata);
  }
  if (const auto& operators = config.auth.trust.operators; !operators.empty()) {
    body["trusted_operators_jwt"] = json::value_from(operators);
  }
  if (!config.system_account.empty()) body["system_account"] = config.system_account;
  const std::uint64_t leafs = stats.slow_consumer_leafs;
  json::object slow;
  slow["clients"] = stats.slow_consumers - std::min(leafs, stats.slow_consumers);
  slow["routes"] = 0;
  slow["gateways"] = 0;
  slow["leafs"] = leafs;
  body["slow_consumer_stats"] = std::move(slow);
  json::object stale;
  stale["clients"] = stats.stale_connections - std::min(stats.stale_leafs, stats.stale_connections);
  stale["routes"] = 0;
  stale["gateways"] = 0;
  stale["leafs"] = stats.stale_leafs;
  body["stale_connection_stats"] = std::move(stale);
  add_certificate_end(body, config.tls, input);
  body["petiole_version"] = kPetioleVersion;
  const Calendar& calendar = input.server.calendar();
  body["clock"] = {{"trust", kClockTrustNames[static_cast<int>(calendar.trust())]},
                   {"set", calendar.is_set()},
                   {"floor", go_time(std::chrono::floor<std::chrono::seconds>(calendar.floor()))}};
  return body;
}

}  // namespace petiole
