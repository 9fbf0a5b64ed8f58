// The inside of an Agent: what it owns, in the order in which it must be destroyed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "agent/auth/claim_service.h"
#include "agent/lame_duck.h"
#include "agent/leaf/accepting.h"
#include "agent/leaf/register.h"
#include "agent/leaf/remote.h"
#include "agent/mirror/mirror.h"
#include "agent/monitor/monitor.h"
#include "agent/server.h"
#include "agent/session/client_listener.h"
#include "platform/process.h"

namespace petiole {

struct Agent::Parts {
  Parts(const Config& config, Host host);

  Started listen(std::unique_ptr<Listener>& listener, const char* what, const std::string& host,
                 std::uint16_t port, Network::Accept accept);
  void serve_claims();
  void stop_listening();
  void close_all();
  static std::uint16_t port(const std::unique_ptr<Listener>& listener) {
    return listener ? listener->port() : std::uint16_t{0};
  }

  // Monitoring: agent_monitor.cpp.
  Network::Accept accept_monitor();
  MonitorInput gather();
  std::string answer(std::string_view target);

  Server server;
  LeafRegister links;
  std::unique_ptr<ClaimService> claims;  // Null unless JWTs of accounts are kept here.
  std::unique_ptr<Mirror> mirror;
  std::vector<std::unique_ptr<Remote>> remotes;
  Monitor monitor;
  CpuMeter cpu;
  std::unique_ptr<LameDuck> lame_duck;
  std::unique_ptr<Listener> client_listener, leaf_listener, monitor_listener;
};

}  // namespace petiole
