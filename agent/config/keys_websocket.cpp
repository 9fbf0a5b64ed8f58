// websocket {}: the listener for browsers and for leafs over WebSocket. nats-server opts.go,
// parseWebsocket.
#include <algorithm>
#include <cctype>

#include "agent/config/features.h"
#include "agent/config/keys.h"
#include "platform/websocket_upgrade.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;
using W = WebSocketListenConfig;

void read_listen(Reader& r, E entry, W& w) { w.enabled = r.listen(entry, w.host, w.port); }

void read_port(Reader& r, E entry, W& w) {
  // nats-server: 0 is off, -1 any free port.
  w.enabled = !(entry.value.is(ConfigValue::Kind::kInteger) && entry.value.integer == 0);
  r.port(entry, w.port);
}

void read_origins(Reader& r, E entry, W& w) {
  r.texts(entry, w.allowed_origins);
  for (const std::string& origin : w.allowed_origins) {
    if (!is_origin(origin)) {
      r.error(entry.value.place, "\"" + origin.substr(0, 80) +
                                     "\" is no origin; allowed here: http://host[:port] and "
                                     "https://host[:port]");
    }
  }
}

void read_headers(Reader& r, E entry, W& w) {
  if (!r.is_map(entry, entry.value)) return;
  for (const ConfigEntry& item : entry.value.entries) {
    std::string text, name = item.key;
    r.text(item, text);
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const bool ours = name.starts_with("sec-websocket-") || name == "host" || name == "upgrade" ||
                      name == "content-length" || name == "connection" || name == "nats-no-masking";
    if (ours || name.empty() || (item.key + text).find_first_of("\r\n:") < item.key.size() ||
        text.find_first_of("\r\n") != text.npos) {
      r.error(item.place, "the header \"" + item.key + "\" is not allowed here");
    }
    w.headers.emplace_back(item.key, std::move(text));
  }
}

void set_duration(Reader& r, E entry, std::optional<std::chrono::nanoseconds>& target) {
  std::chrono::nanoseconds value{0};
  r.duration(entry, value, 1ms);
  if (value.count() > 0) target = value;
}

void read_ping_interval(Reader& r, E entry, W& w) {
  std::chrono::nanoseconds value{0};
  r.quoted_duration(entry, value, 1ms);
  if (value.count() > 0) w.ping_interval = value;
}

constexpr Key<W> kAuthKeys[] = {
    {"user|username", [](Reader& r, E e, W& w) { r.text(e, w.user); }},
    {"password|pass", [](Reader& r, E e, W& w) { r.text(e, w.password); }},
    {"token", [](Reader& r, E e, W& w) { r.text(e, w.token); }},
    {"timeout", [](Reader& r, E e, W& w) { set_duration(r, e, w.auth_timeout); }},
};

constexpr Key<W> kWebSocketKeys[] = {
    {"listen", read_listen},
    {"host|net", [](Reader& r, E e, W& w) { r.text(e, w.host); }},
    {"port", read_port},
    {"tls", [](Reader& r, E e, W& w) { read_tls_listener(r, e, w.tls); }},
    {"no_tls", [](Reader& r, E e, W& w) { r.boolean(e, w.no_tls); }},
    {"compression|compress", [](Reader& r, E e, W& w) { r.boolean(e, w.compression); }},
    {"same_origin", [](Reader& r, E e, W& w) { r.boolean(e, w.same_origin); }},
    {"allowed_origins|allowed_origin|allow_origins|allow_origin|origins|origin", read_origins},
    {"handshake_timeout", [](Reader& r, E e, W& w) { r.duration(e, w.handshake_timeout, 1ms); }},
    {"ping_interval", read_ping_interval},
    {"jwt_cookie", [](Reader& r, E e, W& w) { r.text(e, w.jwt_cookie); }},
    {"user_cookie", [](Reader& r, E e, W& w) { r.text(e, w.user_cookie); }},
    {"pass_cookie", [](Reader& r, E e, W& w) { r.text(e, w.pass_cookie); }},
    {"token_cookie", [](Reader& r, E e, W& w) { r.text(e, w.token_cookie); }},
    {"no_auth_user", [](Reader& r, E e, W& w) { r.text(e, w.no_auth_user); }},
    {"authorization|authentication",
     [](Reader& r, E e, W& w) { read_block(r, e, std::span<const Key<W>>(kAuthKeys), w); }},
    {"headers", read_headers},
    {"advertise", KeyKind::kNoEffect, "a lone node advertises no WebSocket URLs"},
};

}  // namespace

std::span<const Key<WebSocketListenConfig>> websocket_keys() { return kWebSocketKeys; }

void read_websocket(Reader& r, const ConfigEntry& entry, WebSocketListenConfig& config) {
  if (turns_off(entry.value)) return;
  if (!kHasWebSocket) {
    return r.error(entry.place, "\"" + entry.key +
                                    "\" is not supported by this build: it was built with "
                                    "PETIOLE_WEBSOCKET=OFF");
  }
  config.place = r.tree().place_text(entry.place);
  read_block(r, entry, websocket_keys(), config);
}

}  // namespace petiole
