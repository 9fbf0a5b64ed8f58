// The inside of an Agent: what it owns, in the order in which it must be destroyed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/agent.h"
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
  Parts(const Config& config, Host host, FileReader file_reader);

  Started listen(std::unique_ptr<Listener>& listener, const char* what, const std::string& host,
                 std::uint16_t port, Network::Accept accept);
  void stop_listening();
  void close_all();
  static std::uint16_t port(const std::unique_ptr<Listener>& listener) {
    return listener ? listener->port() : std::uint16_t{0};
  }

  // Monitoring: agent_monitor.cpp.
  Network::Accept accept_monitor();
  MonitorInput gather();
  std::string answer(std::string_view target);

  // A changed configuration: agent_reload.cpp.
  void take_over(const Config& config);
  void change_remotes(const std::vector<RemoteConfig>& wanted);
  void start_probation(Config old_config);
  void end_probation();
  std::unique_ptr<Remote> make_remote(const RemoteConfig& config);

  Server server;
  LeafRegister links;
  std::unique_ptr<Mirror> mirror;
  FileReader read_file;
  std::vector<std::unique_ptr<Remote>> remotes;
  std::vector<std::unique_ptr<Remote>> leaving;  // Closing; gone with the next change or the end.
  Config before;                                 // While changed remotes are on probation.
  std::unique_ptr<Timer> probation;
  Monitor monitor;
  CpuMeter cpu;
  std::unique_ptr<LameDuck> lame_duck;
  std::unique_ptr<Listener> client_listener, leaf_listener, monitor_listener;
};

}  // namespace petiole
