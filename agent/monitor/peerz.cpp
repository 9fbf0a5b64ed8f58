// /routez, /gatewayz, /jsz: what nats-server says that has none of these.
#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"

namespace petiole {

namespace {

// 1, t, true or detail.
void check_subs(Query& query) {
  const std::string_view subs = query.text("subs");
  if (subs != "detail") query.flag("subs");
}

}  // namespace

json::object routez(const MonitorInput& input, Query& query) {
  check_subs(query);
  json::object body;
  body["server_id"] = input.server.id();
  body["server_name"] = input.server.name();
  body["now"] = go_time(input.wall);
  body["num_routes"] = 0;
  body["routes"] = json::array();
  return body;
}

json::object gatewayz(const MonitorInput& input, Query& query) {
  check_subs(query);
  query.flag("accs");
  json::object body;
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  body["outbound_gateways"] = json::object();
  body["inbound_gateways"] = json::object();
  return body;
}

json::object jsz(const MonitorInput& input, Query& query) {
  for (const char* name : {"accounts", "streams", "consumers", "direct-consumers", "config",
                           "leader-only", "raft", "stream-leader-only"}) {
    query.flag(name);
  }
  query.number("offset", 0);
  query.number("limit", 0);
  if (query.ok() && query.flag("leader-only")) query.fail("filtered response: not leader");
  json::object body;
  for (const char* name :
       {"memory", "storage", "reserved_memory", "reserved_storage", "accounts", "ha_assets"}) {
    body[name] = 0;
  }
  body["api"] = {{"level", 0}, {"total", 0}, {"errors", 0}};
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  body["disabled"] = true;
  body["config"] = {{"max_memory", 0}, {"max_storage", 0}};
  for (const char* name : {"streams", "consumers", "messages", "bytes", "total"}) body[name] = 0;
  return body;
}

}  // namespace petiole
