// The top level: the listener, authentication, monitoring, files, and the blocks.
#include "agent/config/features.h"
#include "agent/config/keys.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;

constexpr std::string_view kNoOcsp =
    "OCSP asks a responder that an edge box often cannot reach; it is not part of petiole";
constexpr std::string_view kNoStore = "it was built with PETIOLE_STORE=OFF";
constexpr std::string_view kNoMonitor = "it was built with PETIOLE_MONITOR=OFF";

void read_name(Reader& r, E entry, Config& c) {
  std::string name;
  r.text(entry, name);
  if (name.find_first_of(" \t\r\n") != std::string::npos) {
    return r.error(entry.value.place, "\"server_name\" must not contain blanks");
  }
  c.server_name = name;
}

void set_monitor(Reader& r, E entry, MonitorConfig& monitor, bool secure, bool with_host) {
  if (!kHasMonitor) return report(r, entry, {entry.key, KeyKind::kRefused, kNoMonitor});
  MonitorConfig asked = monitor;
  asked.secure = secure;
  if (with_host) {
    asked.enabled = r.listen(entry, asked.host, asked.port);
  } else {
    // nats-server: 0 is off, -1 any free port.
    asked.enabled = !(entry.value.is(ConfigValue::Kind::kInteger) && entry.value.integer == 0);
    r.port(entry, asked.port);
  }
  const bool other = monitor.enabled && monitor.secure != secure;
  if (other && asked.enabled) {
    return r.error(entry.place, "give either \"http\" or \"https\", not both");
  }
  if (!other) monitor = asked;
}

void read_monitor(Reader& r, E entry, Config& c) { set_monitor(r, entry, c.monitor, false, true); }

void read_monitor_port(Reader& r, E entry, Config& c) {
  set_monitor(r, entry, c.monitor, false, false);
}

void read_secure_monitor(Reader& r, E entry, Config& c) {
  set_monitor(r, entry, c.monitor, true, true);
}

void read_secure_monitor_port(Reader& r, E entry, Config& c) {
  set_monitor(r, entry, c.monitor, true, false);
}

void read_base_path(Reader& r, E entry, Config& c) {
  std::string path;
  r.text(entry, path);
  if (!path.empty() && !path.starts_with('/')) path.insert(path.begin(), '/');
  while (path.ends_with('/')) path.pop_back();
  c.monitor.base_path = path;
}

void read_tags(Reader& r, E entry, Config& c) { r.texts(entry, c.server_tags); }

void read_metadata(Reader& r, E entry, Config& c) {
  if (!r.is_map(entry, entry.value)) return;
  for (const ConfigEntry& item : entry.value.entries) {
    std::string text;
    r.text(item, text);
    c.server_metadata.emplace_back(item.key, std::move(text));
  }
}

void read_mirror(Reader& r, E entry, Config& c) {
  if (!kHasStore) return report(r, entry, {"", KeyKind::kRefused, kNoStore});
  c.mirror.enabled = true;
  read_block(r, entry, mirror_keys(), c.mirror);
}

void read_trust(Reader& r, E entry, ClockConfig& c) {
  const int which = r.one_of(entry, {"floor", "wall", "ignore_expiry_until_set"});
  if (which >= 0) c.trust = static_cast<ClockTrust>(which);
}

constexpr Key<ClockConfig> kClockKeys[] = {{"trust", read_trust}};

void read_clock(Reader& r, E entry, Config& c) {
  read_block(r, entry, std::span<const Key<ClockConfig>>(kClockKeys), c.clock);
}

void read_lame_duck(Reader& r, E entry, Config& c) {
  r.duration(entry, c.lame_duck_duration, 30s);  // nats-server's own least.
}

// nats-server: 0 is the default.
void read_listen(Reader& r, E entry, Config& c) {
  if (!r.listen(entry, c.host, c.port)) c.port = Config().port;
}

void read_port(Reader& r, E entry, Config& c) {
  r.port(entry, c.port);
  if (entry.value.is(ConfigValue::Kind::kInteger) && entry.value.integer == 0)
    c.port = Config().port;
}

constexpr Key<Config> kServerKeys[] = {
    {"listen", read_listen},
    {"host|net", [](Reader& r, E e, Config& c) { r.text(e, c.host); }},
    {"port", read_port},
    {"server_name", read_name},
    {"client_advertise", [](Reader& r, E e, Config& c) { r.text(e, c.client_advertise); }},
    {"server_tags", read_tags},
    {"server_metadata", read_metadata},
    {"authorization", [](Reader& r, E e, Config& c) { read_authorization(r, e, c.auth); }},
    {"no_auth_user", [](Reader& r, E e, Config& c) { r.text(e, c.auth.no_auth_user); }},
    {"accounts", read_accounts},
    {"mappings|maps", read_global_mappings},
    {"system_account|system", [](Reader& r, E e, Config& c) { r.text(e, c.system_account); }},
    {"no_system_account|no_system|no_sys_acc", read_no_system_account},
    {"operator|operators|roots|root|root_operators|root_operator",
     [](Reader& r, E e, Config& c) { r.texts(e, c.auth.trust.operators); }},
    {"trusted_keys|trusted", [](Reader& r, E e, Config& c) { r.texts(e, c.auth.trust.keys); }},
    {"default_sentinel",
     [](Reader& r, E e, Config& c) { r.text(e, c.auth.trust.default_sentinel); }},
    {"resolver|account_resolver|accounts_resolver",
     [](Reader& r, E e, Config& c) { read_resolver(r, e, c.auth.trust.resolver); }},
    {"resolver_tls",
     [](Reader& r, E e, Config& c) { read_resolver_tls(r, e, c.auth.trust.resolver); }},
    {"resolver_preload",
     [](Reader& r, E e, Config& c) { read_preload(r, e, c.auth.trust.resolver); }},
    {"resolver_pinned_accounts",
     [](Reader& r, E e, Config& c) { read_pinned(r, e, c.auth.trust); }},
    {"leafnodes|leaf", [](Reader& r, E e, Config& c) { read_block(r, e, leaf_keys(), c); }},
    {"store_and_forward", read_mirror},
    {"http", read_monitor},
    {"http_port|monitor_port", read_monitor_port},
    {"http_base_path", read_base_path},
    {"https", read_secure_monitor},
    {"https_port", read_secure_monitor_port},
    {"tls", [](Reader& r, E e, Config& c) { read_tls_listener(r, e, c.tls); }},
    {"allow_non_tls", [](Reader& r, E e, Config& c) { r.boolean(e, c.allow_non_tls); }},
    {"websocket|ws", [](Reader& r, E e, Config& c) { read_websocket(r, e, c.websocket); }},
    {"proxy_protocol", [](Reader& r, E e, Config& c) { r.boolean(e, c.proxy_protocol); }},
    {"clock", read_clock},  // Ours.
    {"pid_file|pidfile", [](Reader& r, E e, Config& c) { r.text(e, c.pid_file); }},
    {"ports_file_dir", [](Reader& r, E e, Config& c) { r.text(e, c.ports_file_dir); }},
    {"lame_duck_duration", read_lame_duck},
    {"lame_duck_grace_period", [](Reader& r, E e, Config& c) { r.duration(e, c.lame_duck_grace); }},

    {"ocsp|ocsp_cache", KeyKind::kRefused, kNoOcsp},
    {"proxies", KeyKind::kRefused, "trusted proxies are not part of petiole"},
    {"mqtt", KeyKind::kUnserved, "MQTT is not part of petiole"},
    {"jetstream|store_dir|storedir", KeyKind::kRefused,
     "JetStream on the leaf comes with a later version; streams live on the hub, and "
     "store_and_forward keeps messages here"},
    {"default_js_domain", KeyKind::kRefused, "it comes with JetStream on the leaf"},
    {"cluster", KeyKind::kUnserved, "routes come with a later version"},
    {"gateway", KeyKind::kUnserved, "gateways come with a later version"},
};

}  // namespace

std::span<const Key<Config>> server_keys() { return kServerKeys; }

}  // namespace petiole
