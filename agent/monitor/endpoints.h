// The endpoints, each a function of the snapshot and the query. A bad query sets the query's error.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "agent/monitor/input.h"
#include "agent/monitor/query.h"
#include "platform/http.h"
#include "platform/json.h"

namespace petiole {

using RequestCounts = std::map<std::string, std::uint64_t, std::less<>>;

json::object varz(const MonitorInput& input, const RequestCounts& requests);  // varz.cpp
json::object connz(const MonitorInput& input, Query& query);                  // connz.cpp
json::object leafz(const MonitorInput& input, Query& query);                  // leafz.cpp
json::object subsz(const MonitorInput& input, Query& query);                  // subsz.cpp
json::object sublist_stats(const MonitorInput& input, std::string_view account);
json::object accountz(const MonitorInput& input, Query& query);  // accountz.cpp
json::object accstatz(const MonitorInput& input, Query& query);
json::object linkz(const MonitorInput& input);                  // linkz.cpp
json::object mirrorz(const MonitorInput& input);                // mirrorz.cpp
HttpResponse healthz(const MonitorInput& input, Query& query);  // healthz.cpp
std::string metrics(const MonitorInput& input);                 // metrics.cpp

// The subscriptions of a connection, as connz and leafz list them.
json::array subject_list(const ConnectionReport& report);
json::object subscription_detail(const Subscription& subscription, std::uint64_t cid,
                                 std::string_view account);
std::size_t subscription_count(const MonitorInput& input);
bool is_up(const RemoteReport& link);
// Seconds until the rule's backlog is gone at its present rate; negative: it is not shrinking.
double seconds_to_drained(const RuleReport& rule);

}  // namespace petiole
