// /leafz: nats-server monitor.go, Leafz.
#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"

namespace petiole {

json::object leafz(const MonitorInput& input, Query& query) {
  const bool subscriptions = query.flag("subs");
  const std::string_view account = query.text("acc");
  std::size_t room = kListedMax;
  json::array leafs;
  for (const auto& [cid, session] : input.server.open()) {
    const ConnectionReport report = session->report(subscriptions);
    if (report.kind != PeerKind::kLeaf) continue;
    if (!account.empty() && report.account != account) continue;
    json::object item;
    item["id"] = report.cid;
    item["name"] = report.name;
    item["is_spoke"] = report.is_spoke;
    item["account"] = report.account;
    item["ip"] = report.ip;
    item["port"] = report.port;
    if (report.rtt.count() > 0) item["rtt"] = go_duration(report.rtt);
    item["in_msgs"] = report.counters.messages_in;
    item["out_msgs"] = report.counters.messages_out;
    item["in_bytes"] = report.counters.bytes_in;
    item["out_bytes"] = report.counters.bytes_out;
    item["subscriptions"] = report.subscriptions;
    if (subscriptions && !report.subscription_list.empty()) {
      item["subscriptions_list"] = subject_list(report, room);
    }
    item["compression"] = report.compression;
    leafs.emplace_back(std::move(item));
  }
  json::object body;
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  body["leafnodes"] = leafs.size();
  body["leafs"] = std::move(leafs);
  return body;
}

}  // namespace petiole
