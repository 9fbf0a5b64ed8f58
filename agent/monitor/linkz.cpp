// /linkz, ours: every configured remote, also those that are down.
#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"

namespace petiole {
namespace {

json::object traffic(const LinkBytes& bytes) {
  json::object item;
  item["handshake"] = bytes.handshake;
  item["keepalive"] = bytes.keepalive;
  item["interest"] = bytes.interest;
  item["data"] = bytes.data;
  item["total"] = bytes.handshake + bytes.keepalive + bytes.interest + bytes.data;
  item["wire"] = bytes.wire;
  return item;
}

json::object hub(const HubInfo& info) {
  json::object item;
  item["server_id"] = info.server_id;
  item["server_name"] = info.server_name;
  item["version"] = info.version;
  if (!info.domain.empty()) item["domain"] = info.domain;
  item["jetstream"] = info.jetstream;
  item["max_payload"] = info.payload_bytes_max;
  return item;
}

json::object link_object(const RemoteReport& link, const MonitorInput& input) {
  json::object item;
  item["url"] = link.url;
  item["account"] = link.account;
  item["state"] = link.state;
  if (!link.step.empty()) item["step"] = link.step;
  item["since"] = go_time(link.since);
  if (link.down_since != kNever) {
    item["down_seconds"] =
        std::chrono::duration_cast<std::chrono::seconds>(input.now - link.down_since).count();
  }
  if (!link.last_error.empty()) {
    item["last_error"] = link.last_error;
    item["last_error_at"] = go_time(link.last_error_at);
  }
  item["attempt"] = link.attempt;
  if (link.next_retry != WallTime{}) item["next_retry"] = go_time(link.next_retry);
  if (link.rtt.count() > 0) item["rtt"] = go_duration(link.rtt);
  item["rtt_ns"] = link.rtt.count();
  if (link.cid != 0) item["cid"] = link.cid;
  if (is_up(link)) item["hub"] = hub(link.hub);
  item["subscriptions"] = link.subscriptions;
  item["links"] = link.links;
  item["dropped"] = link.dropped;
  item["in_bytes"] = traffic(link.in);
  item["out_bytes"] = traffic(link.out);
  return item;
}

}  // namespace

// A doubtful link is one that still has its chance to answer.
bool is_up(const RemoteReport& link) { return link.state == "up" || link.state == "doubtful"; }

json::object linkz(const MonitorInput& input) {
  json::array links;
  for (const RemoteReport& link : input.links) links.emplace_back(link_object(link, input));
  json::object body;
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  body["link_down_grace"] = input.server.config().monitor.link_down_grace.count();
  body["links"] = std::move(links);
  return body;
}

}  // namespace petiole
