// What all sessions of an agent share: identity, configuration, accounts and the register of
// connections that monitoring reads. Owned by Agent; handed down by reference. Loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/config/config.h"
#include "agent/routing/account.h"
#include "platform/host.h"

namespace petiole {

class Gate;

// The NATS level that we implement: clients' tools gate features on it.
inline constexpr std::string_view kNatsVersion = "2.12.0";
inline constexpr std::string_view kPetioleVersion = "0.1.0";

struct ConnectionCounters {
  std::uint64_t messages_in = 0, bytes_in = 0, messages_out = 0, bytes_out = 0;
};

// What /connz and /leafz show of one connection. A session fills it when asked.
struct ConnectionReport {
  std::uint64_t cid = 0;
  PeerKind kind = PeerKind::kClient;
  std::string type;  // "nats", "websocket".
  std::string ip;
  std::uint16_t port = 0;
  WallTime start{}, last_activity{}, stop{};
  std::string reason;  // Closed ones; wire 1.11.
  Duration rtt{};
  std::uint64_t pending_bytes = 0;
  ConnectionCounters counters;
  std::size_t subscriptions = 0;
  std::string name, lang, version, tls_version, tls_cipher, user, account;
  bool is_spoke = false;                               // Leafs.
  std::vector<const Subscription*> subscription_list;  // Only when asked for; open ones only.
};

// A session as the agent and its monitoring see it.
class Reportable {
 public:
  virtual ~Reportable() = default;
  virtual ConnectionReport report(bool subscriptions) const = 0;
  // Ends the connection in order; `reason` is a literal of wire 1.11.
  virtual void shut_down(const char* reason) = 0;
  // The account's JWT has changed: looks whether the peer may stay, and as whom.
  virtual void review() {}
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

  Gate& gate() { return *gate_; }
  // Makes the account when it is new, and gives it the limits of `config`. Its users that are in
  // are reviewed in a later turn.
  void apply_account(const AccountConfig& config);

  std::uint64_t next_cid() { return ++last_cid_; }

  // Sessions enter when accepted or dialled and leave with their last report.
  void enter(std::uint64_t cid, Reportable& session);
  void leave(std::uint64_t cid, ConnectionReport last);
  const std::map<std::uint64_t, Reportable*>& open() const { return open_; }
  const std::deque<ConnectionReport>& closed() const { return closed_; }
  std::size_t client_count() const { return clients_; }
  void count_client(int by) {
    clients_ = static_cast<std::size_t>(static_cast<long>(clients_) + by);
  }

  ServerStats& stats() { return stats_; }
  const ServerStats& stats() const { return stats_; }

 private:
  void review_all();

  Config config_;
  Host host_;
  std::string id_, name_;
  WallTime started_{};
  std::map<std::string, std::unique_ptr<Account>, std::less<>> accounts_;
  std::unique_ptr<Gate> gate_;
  bool reviewing_ = false;
  std::shared_ptr<Server*> self_;  // Held weakly by callbacks.
  std::uint64_t last_cid_ = 0;
  std::map<std::uint64_t, Reportable*> open_;
  std::deque<ConnectionReport> closed_;
  std::size_t clients_ = 0;
  ServerStats stats_;
};

}  // namespace petiole
