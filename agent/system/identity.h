// How this server names itself in answers and events: nats-server events.go, ServerInfo.
#pragma once

#include <cstdint>
#include <string>

#include "agent/server.h"
#include "platform/json.h"

namespace petiole {

class ServerIdentity {
 public:
  explicit ServerIdentity(const Server& server) : server_(server) {}

  json::object server();  // Counts: every message has its own `seq`.
  json::object id() const;
  // The head of an event: type, id, timestamp, server.
  json::object event(const char* type);

  const Server& of() const { return server_; }
  std::string cluster() const;  // Empty: none.
  const std::string& domain() const { return server_.config().leaf_listen.domain; }

 private:
  const Server& server_;
  std::uint64_t sequence_ = 0;
};

}  // namespace petiole
