// The inside of an Agent: what it owns, in the order in which it must be destroyed.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "agent/auth/claim_service.h"
#include "agent/lame_duck.h"
#include "agent/leaf/accepting.h"
#include "agent/leaf/register.h"
#include "agent/leaf/remote.h"
#include "agent/mirrors.h"
#include "agent/monitor/certificate_ends.h"
#include "agent/monitor/monitor.h"
#include "agent/server.h"
#include "agent/session/client_listener.h"
#include "agent/system/system.h"
#include "platform/process.h"

namespace petiole {

struct Agent::Parts {
  Parts(const Config& config, Host host, FileReader file_reader);

  // What a listener is for, and what nats-server logs of it before the address: tools read that.
  struct Words {
    std::string what;
    std::string said;
  };

  Started listen(std::unique_ptr<Listener>& listener, const Words& words,
                 const ListenOptions& options, Network::Accept accept);
  Started listen_websocket();
  void introduce();  // To those who read the log.
  Started listen_monitor();
  void serve_claims();
  void stop_listening();
  void close_all();
  static std::uint16_t port(const std::unique_ptr<Listener>& listener) {
    return listener ? listener->port() : std::uint16_t{0};
  }

  MonitorInput gather();
  // Monitoring by HTTP: agent_monitor.cpp.
  Network::Accept accept_monitor();
  std::string answer(std::string_view target);

  // A changed configuration: agent_reload.cpp.
  void change_to(const Config& config, bool were_up);
  void take_over(const Config& config);
  void close_surplus();
  void change_remotes(const std::vector<RemoteConfig>& wanted);
  void serve_mirrors();
  void start_probation(Config way_back);
  void end_probation();
  std::unique_ptr<Remote> make_remote(const RemoteConfig& config);

  Server server;
  LeafRegister links;
  std::unique_ptr<ClaimService> claims;  // Null unless JWTs of accounts are kept here.
  std::unique_ptr<Mirrors> mirror;       // Null: nothing is kept.
  FileReader read_file;
  std::function<std::string()> reload;  // Empty: cannot.
  std::vector<std::unique_ptr<Remote>> remotes;
  std::vector<std::unique_ptr<Remote>> leaving;  // Closing; gone with the next change or the end.
  std::optional<Config> before;                  // The way back, while remotes are on probation.
  std::unique_ptr<Timer> probation;
  bool stopping = false;
  Monitor monitor;
  CpuMeter cpu;
  CertificateEnds certificates;
  std::unique_ptr<System> system;  // Null: there is no system account.
  std::unique_ptr<LameDuck> lame_duck;
  std::unique_ptr<Listener> client_listener, websocket_listener, leaf_listener, monitor_listener;
};

}  // namespace petiole
