// /accountz and /accstatz: nats-server monitor.go, Accountz, AccountStatz.
#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"

namespace petiole {
namespace {

struct Counts {
  std::size_t clients = 0, leafs = 0;
};

Counts count_connections(const MonitorInput& input, const std::string& account) {
  Counts counts;
  for (const auto& [cid, session] : input.server.open()) {
    const ConnectionReport report = session->report(false);
    if (report.account != account) continue;
    ++(report.kind == PeerKind::kLeaf ? counts.leafs : counts.clients);
  }
  return counts;
}

json::object account_detail(const MonitorInput& input, const Account& account) {
  const Counts counts = count_connections(input, account.name());
  json::object detail;
  detail["account_name"] = account.name();
  detail["update_time"] = go_time(input.server.started());
  detail["expired"] = false;
  detail["complete"] = true;
  detail["jetstream_enabled"] = false;
  detail["leafnode_connections"] = counts.leafs;
  detail["client_connections"] = counts.clients;
  detail["subscriptions"] = account.subscription_count();
  detail["name_tag"] = account.name();
  detail["sublist_stats"] = sublist_stats(input, account.name());
  return detail;
}

json::object traffic(std::uint64_t messages, std::uint64_t bytes) {
  json::object item;
  item["msgs"] = messages;
  item["bytes"] = bytes;
  return item;
}

json::object account_stat(const MonitorInput& input, const Account& account) {
  const Counts counts = count_connections(input, account.name());
  const AccountStats& stats = account.stats();
  json::object item;
  item["acc"] = account.name();
  item["name"] = account.name();
  item["conns"] = counts.clients;
  item["leafnodes"] = counts.leafs;
  item["total_conns"] = counts.clients + counts.leafs;
  item["num_subscriptions"] = account.subscription_count();
  item["sent"] = traffic(stats.messages_out, stats.bytes_out);
  item["received"] = traffic(stats.messages_in, stats.bytes_in);
  item["slow_consumers"] = account.name() == "$G" ? input.server.stats().slow_consumers : 0;
  return item;
}

}  // namespace

json::object accountz(const MonitorInput& input, Query& query) {
  const std::string_view wanted = query.text("acc");
  const auto& accounts = input.server.accounts();
  json::object body;
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  if (!wanted.empty()) {
    const auto account = accounts.find(wanted);
    if (account == accounts.end()) {
      query.fail("Account " + std::string(wanted.substr(0, 64)) + " does not exist");
      return {};
    }
    body["account_detail"] = account_detail(input, *account->second);
    return body;
  }
  json::array names;
  for (const auto& [name, account] : accounts) names.emplace_back(name);
  body["accounts"] = std::move(names);
  return body;
}

json::object accstatz(const MonitorInput& input, Query& query) {
  const bool unused = query.flag("unused");
  json::array list;
  for (const auto& [name, account] : input.server.accounts()) {
    json::object item = account_stat(input, *account);
    if (unused || item["total_conns"].to_number<std::uint64_t>() > 0) {
      list.emplace_back(std::move(item));
    }
  }
  json::object body;
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  body["account_statz"] = std::move(list);
  return body;
}

}  // namespace petiole
