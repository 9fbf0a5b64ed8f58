// Dialling and listening. Real sockets in the product, a simulated network in a scenario.
//
// A connection owns its Protocol. All calls and callbacks are on the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/protocol.h"
#include "platform/status.h"
#include "platform/time.h"
#include "platform/tls.h"

namespace petiole {

struct WebSocketOptions {
  std::string host;  // Of the Host header.
  std::string path = "/";
  bool compression = false;
  std::size_t message_bytes_max = 64 << 20;  // A larger frame, or one that inflates beyond, closes.
  std::vector<std::pair<std::string, std::string>> headers;
};

struct ProxyOptions {
  std::string host;
  std::uint16_t port = 0;
  std::string user, password;  // Basic Proxy-Authorization; empty: none.
  Duration timeout = std::chrono::seconds(15);
};

struct DialOptions {
  std::string host;  // A name, or an address (IPv6 without brackets).
  std::uint16_t port = 0;
  Duration timeout = std::chrono::seconds(15);  // Each for resolving, connecting, TLS, WebSocket.
  std::size_t turn = 0;  // Which of a name's addresses goes first: one may take us and be no hub.
  std::optional<ProxyOptions> proxy;
  std::optional<TlsOptions> tls;              // TLS before anything else.
  std::optional<WebSocketOptions> websocket;  // After TLS.
  // Unsent bytes that the kernel may hold (TCP_NOTSENT_LOWAT); 0: its default. Small on slow links,
  // so that a PONG is not stuck behind seconds of queued data.
  std::size_t unsent_bytes_max = 0;
  std::function<void(Stage)> reached;  // Optional: each stage as it is done.
};

// The accepting side of WebSocket. nats-server websocket.go, wsUpgrade.
struct WebSocketListenOptions {
  bool compression = false;
  std::size_t message_bytes_max = 64 << 20;  // A larger frame, or one that inflates beyond, closes.
  bool secure = false;                       // Behind TLS: the scheme of our own origin is https.
  bool same_origin = false;                  // An Origin must be that of the Host header.
  std::vector<std::string> allowed_origins;  // An Origin must be one of these; empty: any.
  std::vector<std::pair<std::string, std::string>> headers;  // Added to the answer.
  std::vector<std::string> cookies;                          // Names that PeerInfo is to hold.
  Duration timeout = std::chrono::seconds(10);               // For the upgrade to be done.
};

struct ListenOptions {
  std::string host = "0.0.0.0";     // A name, or an address. Any IPv4 address is any address.
  std::uint16_t port = 0;           // 0: any free port; see Listener::port.
  std::optional<TlsOptions> tls{};  // Before anything else; `server` is set.
  std::optional<WebSocketListenOptions> websocket{};  // After TLS.
  std::size_t unsent_bytes_max = 0;                   // As of a dial, of each that is accepted.
};

class Listener {
 public:
  virtual ~Listener() = default;  // Stops listening; accepted connections live on.
  virtual std::uint16_t port() const = 0;
};

// A dial under way or its connection. Destroying it does nothing; cancel() aborts.
class Dial {
 public:
  virtual ~Dial() = default;
  virtual void cancel() = 0;
};

class Network {
 public:
  virtual ~Network() = default;

  // Makes the protocol of an accepted connection; null refuses it. Called when TLS and WebSocket
  // are done: a peer that gets no further costs its layers and a timer.
  using Accept = std::function<std::unique_ptr<Protocol>(const PeerInfo&)>;
  virtual Result<std::unique_ptr<Listener>> listen(const ListenOptions& options, Accept accept) = 0;

  // Connects and gives the wire to `protocol`, by opened(); a failure is told by closed(), in a
  // later turn, with the stage that failed.
  virtual std::unique_ptr<Dial> dial(const DialOptions& options,
                                     std::unique_ptr<Protocol> protocol) = 0;
};

}  // namespace petiole
