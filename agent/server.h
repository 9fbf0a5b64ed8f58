// What all sessions of an agent share: identity, configuration, accounts and the register of
// connections that monitoring reads. Owned by Agent; handed down by reference. Loop thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/auth/server_keys.h"
#include "agent/closed_connections.h"
#include "agent/config/config.h"
#include "agent/config/units.h"
#include "agent/connection_report.h"
#include "agent/routing/account.h"
#include "agent/routing/exchange.h"
#include "platform/calendar.h"
#include "platform/host.h"

namespace petiole {

class Gate;
struct Identity;
struct Outcome;
class CalloutRequests;
class MessageTrace;

// The NATS level that we implement: clients' tools gate features on it.
inline constexpr std::string_view kNatsVersion = "2.12.0";
inline constexpr std::string_view kPetioleVersion = "0.1.0";

// A session as the agent and its monitoring see it.
class Reportable {
 public:
  virtual ~Reportable() = default;
  virtual ConnectionReport report(bool subscriptions) const = 0;
  // As whom it came in; null: nobody yet, or it tells nobody.
  virtual const Identity* identity() const { return nullptr; }
  // Ends the connection in order; `reason` is a literal of wire 1.11.
  virtual void shut_down(const char* reason) = 0;
  // The account's JWT has changed: looks whether the peer may stay, and as whom.
  virtual void review() {}
  // Tells a client that takes INFO at any time that this server is about to leave (wire 1.12).
  virtual void announce_lame_duck() {}
  // The configuration was replaced; `before` is the gate by which this came in, null when the users
  // are the same. Who may not stay under the new one ends; others take it over.
  virtual void configuration_changed(const Gate* before) { (void)before; }
};

// Told of connections that come and go. Must change no connection during a call.
class ServerEvents {
 public:
  virtual ~ServerEvents() = default;
  virtual void connected(const Reportable& session) = 0;  // It belongs to an account now.
  virtual void left(const Reportable& session) = 0;       // Its account, for another; it stays.
  // Who it says it is was not believed; `reason` as in Reportable::shut_down, or what the service
  // of a callout said; it is valid during the call.
  virtual void refused(const Reportable& session, const char* reason) = 0;
  virtual void disconnected(const ConnectionReport& last) = 0;  // Of any that was entered.
  // A message of `account` was traced, and is on its way. Publishes; called inside of no publish.
  virtual void traced(Account& account, const MessageTrace& trace) = 0;
};

// Told of accounts that come while the server runs, and of those that are about to go.
class AccountWatcher {
 public:
  virtual ~AccountWatcher() = default;
  virtual void account_came(Account& account) = 0;
  virtual void account_leaves(Account& account) = 0;
};

// The ports that the listeners have; 0: not listening. Differs from the configuration's where that
// leaves the choice to the system.
struct ListenPorts {
  std::uint16_t client = 0, websocket = 0, leaf = 0;
  std::string own_address{};  // By which others reach a listener on every address; empty: unknown.
};

struct ServerStats {
  ConnectionCounters traffic;
  std::uint64_t connections_total = 0;
  std::uint64_t slow_consumers = 0;
  std::map<std::string, std::uint64_t, std::less<>> slow_by_account;  // Those that were in one.
  std::uint64_t slow_consumer_leafs = 0;
  std::uint64_t stale_connections = 0;
  std::uint64_t stale_leafs = 0;  // Of those.
};

class Server {
 public:
  Server(const Config& config, Host host);
  ~Server();

  const Config& config() const { return config_; }
  // Takes over what may change while a server runs (config/changes.h), tells every session, and
  // returns what was before. References into config() stay valid but for those into vectors.
  Config replace(const Config& config);
  const Host& host() const { return host_; }
  const std::string& id() const { return keys_.id; }  // N…, 56 characters.
  const ServerKeys& keys() const { return keys_; }
  const std::string& name() const { return name_; }
  WallTime started() const { return started_; }
  Time began() const { return began_; }  // The same, for how long it runs: a clock may be set.
  WallTime configured() const { return configured_; }  // When the configuration was taken over.
  // What INFO names. The configuration's ports until listening_at().
  const ListenPorts& ports() const { return ports_; }
  void listening_at(const ListenPorts& ports) { ports_ = ports; }
  // What leafs are told of the leaf port. nats-server leafnode.go, setLeafNodeInfoHostPortAndIP.
  HostPort leaf_address() const;
  // In which certificates and tokens are judged.
  const Calendar& calendar() const { return calendar_; }

  Account& global() { return *accounts_.at("$G"); }
  Account* account(std::string_view name);
  const std::map<std::string, std::unique_ptr<Account>, std::less<>>& accounts() const {
    return accounts_;
  }

  Gate& gate() { return *gate_; }
  const Gate& gate() const { return *gate_; }
  // What an answer of `asked`, which may be of a configuration before, is worth under the present
  // one. `type` is one of ConnectionTypes.
  Outcome confirm(const Outcome& answer, std::uint8_t type, const Gate& asked) const;
  // Makes the account that `config` names, or changes it: limits, mappings, exports and imports;
  // its connections stay. Imports of others that waited for it work from now on, and those that it
  // does not allow any more end. For reload and account JWTs; from no publish.
  void apply(const AccountConfig& config);
  // Ends its connections, and the imports from it. False: there is no such account, or it is "$G",
  // the system account or that of a remote, which stay.
  bool remove_account(std::string_view name);
  const Exchange& exchange() const { return exchange_; }
  // Our own cluster name; empty: none. The reference without a cluster takes its server name for
  // one as soon as it has remotes.
  std::string cluster() const { return config_.remotes.empty() ? std::string() : name_; }

  std::uint64_t next_cid() { return ++last_cid_; }

  // Sessions enter when accepted or dialled and leave with their last report.
  void enter(std::uint64_t cid, Reportable& session);
  void leave(std::uint64_t cid, const ConnectionReport& last);
  const std::map<std::uint64_t, Reportable*>& open() const { return open_; }
  const ClosedConnections& closed() const { return closed_; }
  // What leafs of this account that are gone have carried.
  ConnectionCounters past_leaf_traffic(std::string_view account) const;
  std::size_t client_count() const { return clients_; }
  void count_client(int by) {
    clients_ = static_cast<std::size_t>(static_cast<long>(clients_) + by);
  }

  // At most one observer, not owned; null: none.
  void observe(ServerEvents* events) { events_ = events; }
  void watch_accounts(AccountWatcher* watcher) { watcher_ = watcher; }
  void connected(const Reportable& session) {
    if (events_) events_->connected(session);
  }
  void left(const Reportable& session) {
    if (events_) events_->left(session);
  }
  void refused(const Reportable& session, const char* reason) {
    if (events_) events_->refused(session, reason);
  }

  void traced(Account& account, const MessageTrace& trace) {
    if (events_) events_->traced(account, trace);
  }

  ServerStats& stats() { return stats_; }
  const ServerStats& stats() const { return stats_; }

 private:
  Account& make_account(const std::string& name);
  void set_accounts();
  void look_up_linked();
  void make_gate();
  void review_later(const std::string& account);
  void review();
  void connect_imports();
  void watch_imports();

  Config config_;
  Host host_;
  Calendar calendar_;
  ServerKeys keys_;
  std::string name_;
  WallTime started_{}, configured_{};
  Time began_{};
  ListenPorts ports_;
  std::map<std::string, std::unique_ptr<Account>, std::less<>> accounts_;
  std::vector<std::unique_ptr<Account>> departed_;  // Their last connections are about to close.
  Exchange exchange_;
  std::unique_ptr<Timer> import_timer_;
  std::unique_ptr<CalloutRequests> callouts_;
  std::unique_ptr<Gate> gate_;
  std::vector<std::unique_ptr<Gate>> former_gates_;  // The last one, and who still has to answer.
  std::set<std::string, std::less<>> changed_;       // Accounts whose members are to be reviewed.
  std::shared_ptr<Server*> self_;                    // Held weakly by callbacks.
  std::uint64_t last_cid_ = 0;
  std::map<std::uint64_t, Reportable*> open_;
  ClosedConnections closed_;
  std::map<std::string, ConnectionCounters, std::less<>> past_leafs_;  // By account.
  std::size_t clients_ = 0;
  ServerStats stats_;
  ServerEvents* events_ = nullptr;
  AccountWatcher* watcher_ = nullptr;
};

}  // namespace petiole
