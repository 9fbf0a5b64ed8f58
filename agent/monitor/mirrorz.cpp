// /mirrorz, ours: what is kept for the hub, how fast it leaves, and what was lost.
#include <algorithm>

#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"

namespace petiole {
namespace {

json::object losses(const LossCounts& counts) {
  json::object item;
  item["age"] = counts.age;
  item["limit"] = counts.limit;
  item["refused"] = counts.refused;
  item["superseded"] = counts.superseded;
  item["rejected"] = counts.rejected;
  item["corrupt"] = counts.corrupt;
  item["uncounted"] = counts.uncounted;
  return item;
}

void add(LossCounts& sum, const LossCounts& counts) {
  sum.age += counts.age;
  sum.limit += counts.limit;
  sum.refused += counts.refused;
  sum.superseded += counts.superseded;
  sum.rejected += counts.rejected;
  sum.corrupt += counts.corrupt;
  sum.uncounted += counts.uncounted;
}

json::object rule_object(const RuleReport& rule, WallTime now) {
  json::object item;
  if (!rule.account.empty()) item["account"] = rule.account;
  item["subjects"] = json::value_from(rule.subjects);
  item["durability"] = rule.durability == Durability::kDisk ? "disk" : "outage";
  item["confirm"] = rule.confirm;
  item["messages"] = rule.messages;
  item["bytes"] = rule.bytes;
  if (rule.messages > 0 && rule.oldest != WallTime{}) {
    item["oldest"] = go_time(rule.oldest);
    item["oldest_age"] = std::max<std::int64_t>(
        0, std::chrono::duration_cast<std::chrono::seconds>(now - rule.oldest).count());
  }
  item["in_flight"] = rule.in_flight;
  item["captured"] = rule.captured;
  item["confirmed"] = rule.confirmed;
  item["duplicates"] = rule.duplicates;
  item["drain_rate"] = number_value(rule.drain_rate);
  const double drained = seconds_to_drained(rule);
  if (drained >= 0) item["time_to_drained"] = number_value(drained);
  item["losses"] = losses(rule.losses);
  if (!rule.hub_refuses.empty()) item["hub_refuses"] = rule.hub_refuses;
  if (!rule.refusing.empty()) item["refusing"] = rule.refusing;
  return item;
}

json::object storage(const StoreUsage& usage) {
  json::object item;
  item["file_bytes"] = usage.file_bytes;
  item["max_bytes"] = usage.bytes_max;
  item["live_bytes"] = usage.live_bytes;
  item["queued_bytes"] = usage.queued_bytes;
  item["bytes_written"] = usage.bytes_written;
  item["payload_bytes"] = usage.payload_bytes;
  const double payload = static_cast<double>(usage.payload_bytes);
  item["write_amplification"] =
      number_value(payload > 0 ? static_cast<double>(usage.bytes_written) / payload : 0);
  item["commits"] = usage.commits;
  return item;
}

}  // namespace

double seconds_to_drained(const RuleReport& rule) {
  if (rule.messages == 0) return 0;
  return rule.drain_rate > 0 ? static_cast<double>(rule.messages) / rule.drain_rate : -1;
}

json::object mirrorz(const MonitorInput& input) {
  json::object body;
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  body["enabled"] = input.mirror.has_value();
  if (!input.mirror) return body;
  const MirrorReport& mirror = *input.mirror;
  body["state"] = mirror.state;
  body["guarantee"] = mirror.guarantee;
  if (!mirror.quarantined.empty()) body["quarantined"] = mirror.quarantined;
  std::uint64_t messages = 0, bytes = 0;
  LossCounts total;
  json::array rules;
  for (const RuleReport& rule : mirror.rules) {
    messages += rule.messages;
    bytes += rule.bytes;
    add(total, rule.losses);
    rules.emplace_back(rule_object(rule, input.wall));
  }
  body["messages"] = messages;
  body["bytes"] = bytes;
  body["losses"] = losses(total);
  body["rules"] = std::move(rules);
  body["storage"] = storage(mirror.usage);
  return body;
}

}  // namespace petiole
