// How clients and leafs may come in: TLS of a listener, WebSocket. Plain data; see config.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/config/access.h"
#include "platform/tls.h"

namespace petiole {

// tls {} of a listener.
struct TlsListenConfig {
  bool enabled = false;
  TlsOptions options = server_defaults();
  bool map = false;                      // verify_and_map
  bool handshake_first = false;          // No INFO in clear,
  std::chrono::nanoseconds fallback{0};  // unless the peer is silent for so long; 0: never.
  int rate_limit = 0;                    // Handshakes a second; 0: no limit.
  // Where the file says "cert_file" and so on, for errors: "petiole.conf:3:5". "": the block.
  std::vector<std::pair<std::string, std::string>> places;

  static TlsOptions server_defaults() {
    TlsOptions options;
    options.server = true;
    options.verify = false;
    options.timeout = 2s;  // nats-server const.go: TLS_TIMEOUT.
    return options;
  }
  bool operator==(const TlsListenConfig&) const = default;
};

struct WebSocketListenConfig {
  bool enabled = false;
  std::string host = "0.0.0.0";
  std::uint16_t port = 0;  // 0: any free one.
  TlsListenConfig tls;
  bool no_tls = false;
  bool compression = false;
  bool same_origin = false;
  std::vector<std::string> allowed_origins;
  std::string jwt_cookie, user_cookie, pass_cookie, token_cookie;
  std::vector<std::pair<std::string, std::string>> headers;
  std::chrono::nanoseconds handshake_timeout = 10s;       // nats-server waits for ever.
  std::optional<std::chrono::nanoseconds> ping_interval;  // None: as other clients.
  // authorization {} and no_auth_user: in place of the users of all clients.
  std::string user, password, token, no_auth_user;
  std::optional<std::chrono::nanoseconds> auth_timeout;
  std::string place;  // Of the block in the file, for errors.

  bool overrides_auth() const { return !user.empty() || !token.empty() || !no_auth_user.empty(); }
  bool operator==(const WebSocketListenConfig&) const = default;
};

}  // namespace petiole
