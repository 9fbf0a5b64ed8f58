#include "agent/session/client_listener.h"

#include "agent/session/client_session.h"

namespace petiole {

namespace {

// A client too many: is told so and closed.
class RefusedClient : public Protocol {
 public:
  void opened(Wire& wire, Time) override {
    wire.output().append("-ERR 'maximum connections exceeded'\r\n");
    wire.close({Errc::kPermission, "maximum connections exceeded"});
  }
  Result<std::size_t> receive(std::string_view input, Time) override { return input.size(); }
  Status tick(Time) override { return {}; }
  Time deadline() const override { return kNever; }
  void closed(const CloseReason&, Time) override {}
};

}  // namespace

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
    if (server.client_count() >= server.config().limits.connections_max) {
      return std::make_unique<RefusedClient>();
    }
    return std::make_unique<ClientSession>(server,
                                           peer.websocket ? nullptr : make_entrance(options));
  };
}

}  // namespace petiole
