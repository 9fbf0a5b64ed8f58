// /accstatz: nats-server monitor.go, AccountStatz; accounts.go, statz.
#include <algorithm>

#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"

namespace petiole {
namespace {

void add(ConnectionCounters& sum, const ConnectionCounters& more) {
  sum.messages_in += more.messages_in;
  sum.bytes_in += more.bytes_in;
  sum.messages_out += more.messages_out;
  sum.bytes_out += more.bytes_out;
}

json::object traffic(std::uint64_t messages, std::uint64_t bytes) {
  return {{"msgs", messages}, {"bytes", bytes}};
}

json::object traffic_by_kind(std::uint64_t messages, std::uint64_t bytes,
                             std::uint64_t leaf_messages, std::uint64_t leaf_bytes) {
  json::object item = traffic(messages, bytes);
  item["gateways"] = traffic(0, 0);
  item["routes"] = traffic(0, 0);
  item["leafs"] = traffic(leaf_messages, leaf_bytes);
  return item;
}

}  // namespace

AccountConnectionsByName count_connections(const Server& server) {
  AccountConnectionsByName counts;
  for (const auto& [cid, session] : server.open()) {
    const ConnectionReport report = session->report(false);
    AccountConnections& account = counts[report.account];
    if (report.kind == PeerKind::kLeaf) {
      ++account.leafs;
      add(account.leaf_traffic, report.counters);
    } else {
      ++account.clients;
    }
  }
  return counts;
}

ConnectionCounters client_traffic(const MonitorInput& input) {
  ConnectionCounters leafs;
  for (const auto& [name, counts] : count_connections(input.server)) {
    add(leafs, counts.leaf_traffic);
  }
  for (const auto& [name, account] : input.server.accounts()) {
    add(leafs, input.server.past_leaf_traffic(name));
  }
  const auto without = [](std::uint64_t all, std::uint64_t some) {
    return all - std::min(all, some);
  };
  const ConnectionCounters& all = input.server.stats().traffic;
  return {without(all.messages_in, leafs.messages_in), without(all.bytes_in, leafs.bytes_in),
          without(all.messages_out, leafs.messages_out), without(all.bytes_out, leafs.bytes_out)};
}

json::object account_stat(const Server& server, const Account& account,
                          const AccountConnections& connections) {
  const AccountStats& stats = account.stats();
  ConnectionCounters leafs = connections.leaf_traffic;
  add(leafs, server.past_leaf_traffic(account.name()));
  json::object item;
  item["acc"] = account.name();
  item["name"] = account.tag();
  item["conns"] = connections.clients;
  item["leafnodes"] = connections.leafs;
  item["total_conns"] = connections.clients + connections.leafs;
  item["num_subscriptions"] = account.subscription_count();
  item["sent"] =
      traffic_by_kind(stats.messages_out, stats.bytes_out, leafs.messages_out, leafs.bytes_out);
  item["received"] =
      traffic_by_kind(stats.messages_in, stats.bytes_in, leafs.messages_in, leafs.bytes_in);
  const auto slow = server.stats().slow_by_account.find(account.name());
  item["slow_consumers"] = slow == server.stats().slow_by_account.end() ? 0 : slow->second;
  return item;
}

json::object accstatz(const MonitorInput& input, Query& query) {
  const bool unused = query.flag("unused");
  const std::vector<std::string_view> wanted = query.texts("acc");
  const AccountConnectionsByName counts = count_connections(input.server);
  json::array list;
  for (const auto& [name, account] : input.server.accounts()) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    const auto found = counts.find(name);
    if (found == counts.end() && !unused) continue;
    list.emplace_back(account_stat(input.server, *account,
                                   found == counts.end() ? AccountConnections() : found->second));
  }
  json::object body;
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  body["account_statz"] = std::move(list);
  return body;
}

}  // namespace petiole
