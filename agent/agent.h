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
#include <vector>

#include "agent/config/config.h"
#include "agent/leaf/soliciting.h"
#include "agent/routing/account.h"
#include "platform/host.h"
#include "storage/store.h"

namespace petiole {

class Agent {
 public:
  // `store` may be null: then nothing is mirrored. `read_file` reads credentials at each connect.
  // Host and store outlive the agent; its connections end before it does: see stop().
  Agent(const Config& config, Host host, Store* store, FileReader read_file = {});
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Opens the listeners and starts the hub links. Blocks for nothing but the binding of ports.
  struct Started {
    Status status;      // kBusy, kPermission: a port.
    std::string error;  // One line for people.
  };
  // `own_address` is by which others reach a listener on every address; empty: not known.
  Started start(const std::string& own_address = {});

  // Stops accepting, hands what is in memory windows to the store, closes all connections in order
  // and calls `done` when what was captured is on disk.
  void stop(std::function<void()> done);

  // Tells clients that this server is about to leave, closes them one by one over
  // lame_duck_duration, then calls `done`; see wire 1.12.
  void lame_duck(std::function<void()> done);

  // Takes over a changed configuration without ending those who stay valid under it. Nothing is
  // changed when a part of it needs a restart. When a changed remote does not come up in time
  // though the one before it was up, all goes back to what was, and that is logged.
  struct Reloaded {
    std::vector<std::string> lines;  // What was taken over, for the log.
    std::vector<std::string> errors;
  };
  Reloaded reload(const Config& config);
  // What $SYS.REQ.SERVER.<id>.RELOAD calls: it reads the configuration again and returns what is
  // wrong with it; empty: nothing.
  void on_reload(std::function<std::string()> reload);

  // The network may have changed: hub links dial or probe at once.
  void kick_links();

  // Bound ports; 0: not listening.
  std::uint16_t client_port() const;
  std::uint16_t websocket_port() const;
  std::uint16_t leaf_port() const;
  std::uint16_t monitor_port() const;

  // The body of a monitoring endpoint, as GET would answer it: "/varz?x=y". For `petiole demo` and
  // tests.
  std::string monitor(std::string_view target);

  // Whether every hub link is up, and one line about them: for systemd's status text.
  std::string status_line() const;
  bool links_up() const;

  // For the parts of a scenario that live inside the agent, such as its model of a hub's stream.
  Account* account(std::string_view name);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace petiole
