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
  return [&server](const PeerInfo&) -> std::unique_ptr<Protocol> {
    if (server.client_count() >= server.config().limits.connections_max) {
      return std::make_unique<RefusedClient>();
    }
    return std::make_unique<ClientSession>(server);
  };
}

}  // namespace petiole
