// What the connections, dials and listeners of one AsioNetwork share.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "platform/handshakes.h"
#include "platform/layer_stack.h"
#include "platform/loop_core.h"
#include "platform/output.h"

namespace petiole {

class Connection;
class DialWork;
class HostResolver;

// Keeps connections alive until their last call.
class ConnectionRegister {
 public:
  // Returns the place of `connection`, which is told when it changes.
  std::size_t add(std::shared_ptr<Connection> connection);
  void remove(std::size_t place);
  std::size_t size() const { return connections_.size(); }
  std::vector<std::shared_ptr<Connection>> take_all() { return std::exchange(connections_, {}); }

 private:
  std::vector<std::shared_ptr<Connection>> connections_;
};

struct NetworkCore {
  LoopCore& loop;
  ChunkPool& chunks;
  LayerFactory& layers;
  HostResolver& resolver;
  LayerScratch scratch{};
  std::string plain{}, wire{};  // Of the read or write under way; see Connection.
  ConnectionRegister open{};
  std::set<std::shared_ptr<DialWork>> dials{};  // Under way.
  Handshakes handshakes{};
  std::function<void(const std::string&)> report{};  // Empty: nobody is told.
};

}  // namespace petiole
