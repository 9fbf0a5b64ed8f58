// What all sessions of an agent share: identity, configuration, accounts and the register of
// connections that monitoring reads. Owned by Agent; handed down by reference. Loop thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/closed_connections.h"
#include "agent/config/config.h"
#include "agent/connection_report.h"
#include "agent/routing/account.h"
#include "platform/host.h"

namespace petiole {

// The NATS level that we implement: clients' tools gate features on it.
inline constexpr std::string_view kNatsVersion = "2.12.0";
inline constexpr std::string_view kPetioleVersion = "0.1.0";

// A session as the agent and its monitoring see it.
class Reportable {
 public:
  virtual ~Reportable() = default;
  virtual ConnectionReport report(bool subscriptions) const = 0;
  // Ends the connection in order; `reason` is a literal of wire 1.11.
  virtual void shut_down(const char* reason) = 0;
  // Tells a client that takes INFO at any time that this server is about to leave (wire 1.12).
  virtual void announce_lame_duck() {}
};

struct ServerStats {
  ConnectionCounters traffic;
  std::uint64_t connections_total = 0;
  std::uint64_t slow_consumers = 0;
  std::uint64_t slow_consumer_leafs = 0;
  std::uint64_t stale_connections = 0;
};

class Server {
 public:
  Server(const Config& config, Host host);
  ~Server();

  const Config& config() const { return config_; }
  const Host& host() const { return host_; }
  const std::string& id() const { return id_; }  // N…, 56 characters.
  const std::string& name() const { return name_; }
  WallTime started() const { return started_; }

  Account& global() { return *accounts_.at("$G"); }
  Account* account(std::string_view name);
  const std::map<std::string, std::unique_ptr<Account>, std::less<>>& accounts() const {
    return accounts_;
  }

  std::uint64_t next_cid() { return ++last_cid_; }

  // Sessions enter when accepted or dialled and leave with their last report.
  void enter(std::uint64_t cid, Reportable& session);
  void leave(std::uint64_t cid, const ConnectionReport& last);
  const std::map<std::uint64_t, Reportable*>& open() const { return open_; }
  const ClosedConnections& closed() const { return closed_; }
  std::size_t client_count() const { return clients_; }
  void count_client(int by) {
    clients_ = static_cast<std::size_t>(static_cast<long>(clients_) + by);
  }

  ServerStats& stats() { return stats_; }
  const ServerStats& stats() const { return stats_; }

 private:
  Config config_;
  Host host_;
  std::string id_, name_;
  WallTime started_{};
  std::map<std::string, std::unique_ptr<Account>, std::less<>> accounts_;
  std::uint64_t last_cid_ = 0;
  std::map<std::uint64_t, Reportable*> open_;
  ClosedConnections closed_;
  std::size_t clients_ = 0;
  ServerStats stats_;
};

}  // namespace petiole
