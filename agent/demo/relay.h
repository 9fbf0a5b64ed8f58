// The cable of the demo: a TCP relay between the leaf and the hub that can be cut and mended.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "platform/network.h"

namespace petiole::demo {

// Listens on a free loopback port and forwards every connection to `hub_port`. While it is cut,
// connections are reset and new ones refused. Loop thread.
class Relay {
 public:
  Relay(Network& network, std::uint16_t hub_port);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  Status start();
  std::uint16_t port() const { return listener_->port(); }
  void cut();
  void mend() { cut_ = false; }

 private:
  class End;
  struct Pair;

  std::unique_ptr<Protocol> accept();

  Network& network_;
  std::uint16_t hub_port_;
  std::unique_ptr<Listener> listener_;
  std::list<std::weak_ptr<Pair>> pairs_;
  bool cut_ = false;
};

}  // namespace petiole::demo
