#include "agent/system/statsz.h"

#include <algorithm>

#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"

namespace petiole {

namespace {

json::object traffic(std::uint64_t messages, std::uint64_t bytes) {
  return {{"msgs", messages}, {"bytes", bytes}};
}

void add_troubles(json::object& body, const ServerStats& stats) {
  body["slow_consumers"] = stats.slow_consumers;
  if (stats.slow_consumers != 0) {
    const std::uint64_t leafs = std::min(stats.slow_consumer_leafs, stats.slow_consumers);
    body["slow_consumer_stats"] = {{"clients", stats.slow_consumers - leafs},
                                   {"routes", 0},
                                   {"gateways", 0},
                                   {"leafs", leafs}};
  }
  if (stats.stale_connections != 0) body["stale_connections"] = stats.stale_connections;
}

}  // namespace

json::object statsz(const MonitorInput& input) {
  const ServerStats& stats = input.server.stats();
  const ConnectionCounters clients = client_traffic(input);
  const AccountConnectionsByName accounts = count_connections(input.server);
  const auto system = accounts.find(input.server.config().system_account);
  json::object body;
  body["start"] = go_time(input.server.started());
  body["mem"] = input.process.resident_bytes;
  body["cores"] = input.process.cores;
  body["cpu"] = number_value(input.process.cpu_percent);
  body["connections"] = input.server.client_count();
  body["total_connections"] = stats.connections_total;
  body["active_accounts"] = accounts.size();
  body["subscriptions"] = subscription_count(input);
  body["sent"] = traffic(stats.traffic.messages_out, stats.traffic.bytes_out);
  body["sent_to_clients"] = traffic(clients.messages_out, clients.bytes_out);
  body["received"] = traffic(stats.traffic.messages_in, stats.traffic.bytes_in);
  body["received_from_clients"] = traffic(clients.messages_in, clients.bytes_in);
  add_troubles(body, stats);
  // Over a leaf link of the system account others answer too, and nobody counts them here. Tools
  // stop at the number of the first answer, and without one wait for all.
  if (system == accounts.end() || system->second.leafs == 0) body["active_servers"] = 1;
  body["gomaxprocs"] = input.process.cores;
  return body;
}

}  // namespace petiole
