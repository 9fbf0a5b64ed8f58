#include "agent/agent_parts.h"

#include "agent/auth/gate.h"

namespace petiole {

Agent::Parts::Parts(const Config& config, Host host)
    : server(config, host), links(server), monitor([this] { return gather(); }) {}

Agent::Started Agent::Parts::listen(std::unique_ptr<Listener>& listener, const char* what,
                                    const std::string& host, std::uint16_t port,
                                    Network::Accept accept) {
  const std::string where = host + ":" + std::to_string(port);
  auto bound = server.host().network.listen({.host = host, .port = port}, std::move(accept));
  if (!bound.ok()) {
    return {bound.status(), std::string("cannot listen for ") + what + " connections on " + where +
                                ": " + std::string(bound.status().text())};
  }
  listener = std::move(*bound);
  server.host().log.info(std::string("Listening for ") + what + " connections on " + host + ":" +
                         std::to_string(listener->port()));
  return {};
}

void Agent::Parts::serve_claims() {
  AccountBook* const book = server.gate().book();
  Account* const system = server.account(server.config().system_account);
  if (!book || !book->store().keeps() || !system) return;
  claims =
      std::make_unique<ClaimService>(*book, *system, server.host(),
                                     ClaimService::Self{server.name(), server.config().host,
                                                        server.id(), std::string(kNatsVersion)});
}

void Agent::Parts::stop_listening() {
  client_listener.reset();
  leaf_listener.reset();
}

void Agent::Parts::close_all() {
  // A session may leave the register while it ends.
  std::vector<Reportable*> sessions;
  for (const auto& [cid, session] : server.open()) sessions.push_back(session);
  for (Reportable* session : sessions) session->shut_down("Server Shutdown");
}

}  // namespace petiole
