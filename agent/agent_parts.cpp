#include "agent/agent_parts.h"

namespace petiole {

Agent::Parts::Parts(const Config& config, Host host)
    : server(config, host), links(server), monitor([this] { return gather(); }) {
  if (server.config().system_account.empty()) return;
  system = std::make_unique<System>(server, [this] { return gather(); });
}

MonitorInput Agent::Parts::gather() {
  const Host& host = server.host();
  MonitorInput input{.server = server};
  for (const auto& remote : remotes) input.links.push_back(remote->report());
  if (mirror) input.mirror = mirror->report();
  input.process = {.resident_bytes = resident_bytes(),
                   .cpu_percent = cpu.percent(host.clock.now()),
                   .cores = cores()};
  input.client_port = port(client_listener);
  input.leaf_port = port(leaf_listener);
  input.monitor_port = port(monitor_listener);
  input.now = host.clock.now();
  input.wall = host.clock.wall();
  input.requests = &monitor.requests();
  return input;
}

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
