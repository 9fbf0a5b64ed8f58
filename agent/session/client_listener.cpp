#include "agent/session/client_listener.h"

#include "agent/session/client_session.h"

namespace petiole {

Network::Accept accept_clients(Server& server) {
  const Config& config = server.config();
  EntranceOptions options;
  if (config.tls.enabled) options.tls = &config.tls;
  options.allow_clear = config.allow_non_tls;
  options.proxy_header = config.proxy_protocol;
  if (config.tls.rate_limit > 0) {
    options.limit = std::make_shared<HandshakeLimit>(config.tls.rate_limit);
  }
  return [&server, options](const PeerInfo& peer) -> std::unique_ptr<Protocol> {
    const bool full = server.client_count() >= server.config().limits.connections_max;
    return std::make_unique<ClientSession>(server,
                                           peer.websocket ? nullptr : make_entrance(options), full);
  };
}

}  // namespace petiole
