// The whole agent on one loop: listeners, sessions, accounts, hub links, mirror, monitoring.
//
// main.cpp builds one on the real machine; a scenario builds several on a simulated one; the demo
// builds two. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/config/config.h"
#include "platform/host.h"
#include "storage/store.h"

namespace petiole {

class Agent {
 public:
  // `store` may be null: no rule of `config` may then exist. Both outlive the agent.
  Agent(const Config& config, Host host, Store* store);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Opens the listeners and starts the hub links. Blocks for nothing but the binding of ports.
  struct Started {
    Status status;      // kBusy, kPermission: a port.
    std::string error;  // One line for people.
  };
  Started start();

  // Stops accepting, hands what is in memory windows to the store, says goodbye to peers and calls
  // `done` when all of that is through, or after a few seconds.
  void stop(std::function<void()> done);

  // Bound ports; 0: not listening.
  std::uint16_t client_port() const;
  std::uint16_t leaf_port() const;
  std::uint16_t monitor_port() const;

  // The body of a monitoring endpoint, as GET would answer it: "/varz?x=y". For `petiole demo` and
  // tests.
  std::string monitor(std::string_view target);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace petiole
