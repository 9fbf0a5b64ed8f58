// The endpoints, each a function of the snapshot and the query. A bad query sets the query's error.
//
// Used by monitor.cpp for HTTP and by agent/system for requests to the system account; in every
// build.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "agent/monitor/input.h"
#include "agent/monitor/query.h"
#include "platform/json.h"

namespace petiole {

// Of one answer, whatever was asked for: nobody waits while 100,000 subscriptions are written.
inline constexpr std::size_t kListedMax = 16 * 1024;

json::object varz(const MonitorInput& input);                  // varz.cpp
json::object connz(const MonitorInput& input, Query& query);   // connz.cpp
json::object leafz(const MonitorInput& input, Query& query);   // leafz.cpp
json::object routez(const MonitorInput& input, Query& query);  // peerz.cpp
json::object gatewayz(const MonitorInput& input, Query& query);
json::object jsz(const MonitorInput& input, Query& query);
json::object subsz(const MonitorInput& input, Query& query);  // subsz.cpp
json::object sublist_stats(const MonitorInput& input, std::string_view account);
json::object accountz(const MonitorInput& input, Query& query);  // accountz.cpp
json::object accstatz(const MonitorInput& input, Query& query);  // accstatz.cpp
json::object linkz(const MonitorInput& input);                   // linkz.cpp
json::object mirrorz(const MonitorInput& input);                 // mirrorz.cpp
std::string metrics(const MonitorInput& input);                  // metrics.cpp

// healthz.cpp. `status` is that of HTTP.
struct Health {
  int status = 200;
  json::object body;
};
Health healthz(const MonitorInput& input, Query& query);

// What /accstatz and the account events tell of one account.
struct AccountConnections {
  std::size_t clients = 0, leafs = 0;
  ConnectionCounters leaf_traffic;  // Of those that are open.
};
using AccountConnectionsByName = std::map<std::string, AccountConnections, std::less<>>;
AccountConnectionsByName count_connections(const Server& server);
json::object account_stat(const Server& server, const Account& account,
                          const AccountConnections& connections);
json::object account_detail(const MonitorInput& input, const Account& account);

// All that clients, not leafs, sent and got.
ConnectionCounters client_traffic(const MonitorInput& input);

// The subscriptions of a connection, as connz and leafz list them; `room` is what may still be
// listed, and is counted down.
json::array subject_list(const ConnectionReport& report, std::size_t& room);
json::object subscription_detail(const Subscription& subscription, const Account* account);
std::size_t subscription_count(const MonitorInput& input);
bool is_up(const RemoteReport& link);
// Seconds until the rule's backlog is gone at its present rate; negative: it is not shrinking.
double seconds_to_drained(const RuleReport& rule);

}  // namespace petiole
