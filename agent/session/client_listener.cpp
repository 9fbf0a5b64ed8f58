#include "agent/session/client_listener.h"

#include <string>
#include <utility>

#include "agent/config/units.h"
#include "agent/session/client_session.h"

namespace petiole {

namespace {

// As the configuration is when the peer comes: a reload changes it.
EntranceOptions entrance_options(const Config& config) {
  EntranceOptions options;
  if (config.tls.enabled) options.tls = &config.tls;
  options.allow_clear = config.allow_non_tls;
  options.proxy_header = config.proxy_protocol;
  return options;
}

// The handshakes of a second count for all clients together.
class SharedLimit {
 public:
  std::shared_ptr<HandshakeLimit> of(const TlsListenConfig& tls) {
    if (!tls.enabled || tls.rate_limit <= 0) return nullptr;
    if (!limit_ || std::exchange(rate_, tls.rate_limit) != tls.rate_limit) {
      rate_ = tls.rate_limit;
      limit_ = std::make_shared<HandshakeLimit>(rate_);
    }
    return limit_;
  }

 private:
  int rate_ = 0;
  std::shared_ptr<HandshakeLimit> limit_;
};

}  // namespace

Network::Accept accept_clients(Server& server) {
  return [&server, limit = std::make_shared<SharedLimit>()](
             const PeerInfo& peer) -> std::unique_ptr<Protocol> {
    const Config& config = server.config();
    EntranceOptions options = entrance_options(config);
    options.limit = limit->of(config.tls);
    const bool full = server.client_count() >= config.limits.connections_max;
    return std::make_unique<ClientSession>(server,
                                           peer.websocket ? nullptr : make_entrance(options), full);
  };
}

}  // namespace petiole
