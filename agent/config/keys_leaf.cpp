// leafnodes {}: the listener, the remotes and, ours, the timing of the links.
#include "agent/config/features.h"
#include "agent/config/keys.h"
#include "agent/config/units.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;

void read_listen(Reader& r, E entry, Config& c) {
  c.leaf_listen.enabled = r.listen(entry, c.leaf_listen.host, c.leaf_listen.port);
}

void read_port(Reader& r, E entry, Config& c) {
  // nats-server: 0 is off, -1 any free port.
  c.leaf_listen.enabled =
      !(entry.value.is(ConfigValue::Kind::kInteger) && entry.value.integer == 0);
  r.port(entry, c.leaf_listen.port);
}

void read_remotes(Reader& r, E entry, Config& c) {
  r.maps(entry, [&](const ConfigValue& map) {
    RemoteDraft draft;
    read_entries(r, map, remote_keys(), draft);
    if (draft.config.urls.empty()) {
      return r.error(map.place, "this remote has no \"url\"");
    }
    if (!draft.disabled) c.remotes.push_back(std::move(draft.config));
  });
}

// nats-server: leafs older than 2.8.0 can not be asked for.
void read_min_version(Reader& r, E entry, Config& c) {
  r.text(entry, c.leaf_listen.min_version);
  const auto version = parse_version(c.leaf_listen.min_version);
  if (!version || *version < Version{2, 8, 0}) {
    r.error(entry.value.place, "\"" + entry.key + "\" must be a version from 2.8.0 on, not \"" +
                                   c.leaf_listen.min_version.substr(0, 60) + "\"");
  }
}

bool is_default(E entry) {
  return is_zero(entry) || (entry.value.is(ConfigValue::Kind::kInteger) && entry.value.integer < 0);
}

// nats-server's names for the heartbeat; what is not positive is its default there, and ours here.
// It goes for the round trip of a busy link, too.
void read_ping_interval(Reader& r, E entry, Config& c) {
  if (is_default(entry)) return;
  r.quoted_duration(entry, c.link.ping_interval, 1ms);
  c.link.heartbeat = c.link.ping_interval;
}

constexpr Key<Config> kLeafKeys[] = {
    {"listen", read_listen},
    {"host|net", [](Reader& r, E e, Config& c) { r.text(e, c.leaf_listen.host); }},
    {"port", read_port},
    {"authorization",
     [](Reader& r, E e, Config& c) { read_authorization(r, e, c.leaf_listen.auth); }},
    {"tls", [](Reader& r, E e, Config& c) { read_tls_listener(r, e, c.leaf_listen.tls); }},
    {"min_version|minimum_version", read_min_version},
    {"isolate_leafnode_interest|isolate",
     [](Reader& r, E e, Config& c) { r.boolean(e, c.leaf_listen.isolate_interest); }},
    {"advertise|leafnode_advertise",
     [](Reader& r, E e, Config& c) { r.text(e, c.leaf_listen.advertise); }},
    {"no_advertise", [](Reader& r, E e, Config& c) { r.boolean(e, c.leaf_listen.no_advertise); }},
    {"remotes", read_remotes},
    {"compression",
     [](Reader& r, E e, Config& c) { read_compression(r, e, c.leaf_listen.compression); }},

    // Time-outs and back-off of the links to hubs; README, "Link options".
    {"reconnect|reconnect_delay|reconnect_interval",
     [](Reader& r, E e, Config& c) { r.quoted_duration(e, c.link.reconnect_min, 10ms); }},
    {"reconnect_max", [](Reader& r, E e, Config& c) { r.duration(e, c.link.reconnect_max, 10ms); }},
    {"stable_after", [](Reader& r, E e, Config& c) { r.duration(e, c.link.stable_after); }},
    {"loop_delay", [](Reader& r, E e, Config& c) { r.duration(e, c.link.loop_delay, 1s); }},
    {"dial_timeout", [](Reader& r, E e, Config& c) { r.duration(e, c.link.dial_timeout, 1ms); }},
    {"first_info_timeout",
     [](Reader& r, E e, Config& c) { r.duration(e, c.link.first_info_timeout, 1ms); }},
    {"tls_timeout", [](Reader& r, E e, Config& c) { r.duration(e, c.link.tls_timeout, 1ms); }},
    {"heartbeat", [](Reader& r, E e, Config& c) { r.duration(e, c.link.heartbeat, 100ms); }},
    {"heartbeats_missed_max",
     [](Reader& r, E e, Config& c) { r.number(e, c.link.heartbeats_missed_max, 1, 1000); }},
    {"ping_interval", read_ping_interval},
    {"ping_max",
     [](Reader& r, E e, Config& c) {
       if (!is_default(e)) r.number(e, c.link.heartbeats_missed_max, 1, 1000);
     }},
    {"link_down_grace",
     [](Reader& r, E e, Config& c) { r.duration(e, c.monitor.link_down_grace); }},
    {"unsent_bytes_max",
     [](Reader& r, E e, Config& c) { r.size(e, c.link.unsent_bytes_max, 0, 1ull << 30); }},
    {"staged_bytes_max",
     [](Reader& r, E e, Config& c) { r.size(e, c.link.staged_bytes_max, 1024, 1ull << 30); }},

    {"write_deadline|write_timeout", KeyKind::kNoEffect,
     "a link is judged by its heartbeat; see heartbeat"},
};

}  // namespace

std::span<const Key<Config>> leaf_keys() { return kLeafKeys; }

}  // namespace petiole
