// The URL of a hub: nats-leaf://, nats://, tls://, ws://, wss://.
#pragma once

#include <string>
#include <string_view>

#include "agent/config/config.h"

namespace petiole {

// Fills `url` from `text`; without a scheme it is nats-leaf. Returns what is wrong, empty when
// nothing is. The text of the error does not repeat a password.
std::string parse_remote_url(std::string_view text, RemoteUrl& url);

// The URL without user and password, as logs and monitoring show it.
std::string to_text(const RemoteUrl& url);

inline bool uses_websocket(const RemoteUrl& url) {
  return url.scheme == RemoteUrl::Scheme::kWs || url.scheme == RemoteUrl::Scheme::kWss;
}
inline bool uses_tls(const RemoteUrl& url) {
  return url.scheme == RemoteUrl::Scheme::kTls || url.scheme == RemoteUrl::Scheme::kWss;
}

// "http://[user:password@]host:port" of a proxy. Returns what is wrong, empty when nothing is.
std::string parse_proxy_url(std::string_view text, RemoteUrl& url);

}  // namespace petiole
