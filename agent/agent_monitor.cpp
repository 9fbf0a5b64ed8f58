// What monitoring is made from: a snapshot of all parts of the agent.
#include "agent/agent_parts.h"

namespace petiole {

Network::Accept Agent::Parts::accept_monitor() {
  return [this](const PeerInfo&) {
    return make_http_server([this](const HttpRequest& request) { return monitor.answer(request); });
  };
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
  input.websocket_port = port(websocket_listener);
  input.now = host.clock.now();
  input.wall = host.clock.wall();
  return input;
}

std::string Agent::Parts::answer(std::string_view target) {
  HttpRequest request{
      .method = "GET", .path = std::string(target.substr(0, target.find('?'))), .query = {}};
  if (const std::size_t at = target.find('?'); at != target.npos) {
    std::string_view rest = target.substr(at + 1);
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      const std::size_t equals = pair.find('=');
      request.query.emplace_back(pair.substr(0, equals),
                                 equals == pair.npos ? "" : pair.substr(equals + 1));
    }
  }
  return monitor.answer(request).body;
}

}  // namespace petiole
