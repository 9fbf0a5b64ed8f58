// Whether an upgrade request is accepted, and what it says: nats-server websocket.go, wsUpgrade.
//
// Knows neither Beast nor a socket: a request is its fields.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/network.h"

namespace petiole {

struct UpgradeFields {
  std::string_view method, target;
  std::vector<std::pair<std::string_view, std::string_view>> headers;  // In order.
};

struct UpgradeVerdict {
  int status = 0;         // Of the refusal: 400, 403, 405; 0: accepted.
  const char* text = "";  // For people.
};

UpgradeVerdict judge_upgrade(const UpgradeFields& request, const WebSocketListenOptions& options);

// The path, and the cookies that `options` names. X-Forwarded-For is what anybody may claim.
UpgradeRequest read_upgrade(const UpgradeFields& request, const WebSocketListenOptions& options);

// The whole answer that refuses with `status`.
std::string upgrade_refusal(int status);

// Whether `origin` can be compared with others: "http://host[:port]" or "https://host[:port]".
bool is_origin(std::string_view origin);

// The close code for the end of a connection, as nats-server gives them: wire 3.7.
std::uint16_t websocket_close_code(Errc code);

}  // namespace petiole
