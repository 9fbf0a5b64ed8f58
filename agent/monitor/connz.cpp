// /connz: nats-server monitor.go, Connz.
#include <algorithm>
#include <functional>

#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"

namespace petiole {
namespace {

struct Options {
  std::string_view sort;
  std::string_view user, account;
  bool auth = false, subscriptions = false, detail = false;
  bool open = true, closed = false;
  std::size_t offset = 0, limit = 1024;  // nats-server: DefaultConnListSize.
  std::uint64_t cid = 0;
};

using Less = bool (*)(const ConnectionReport&, const ConnectionReport&);

struct Sort {
  std::string_view name;
  Less less;
  bool descending = false;
  bool closed_only = false;
};

using R = const ConnectionReport&;
constexpr Sort kSorts[] = {
    {"cid", [](R a, R b) { return a.cid < b.cid; }},
    {"start", [](R a, R b) { return a.start < b.start; }},
    {"subs", [](R a, R b) { return a.subscriptions < b.subscriptions; }, true},
    {"pending", [](R a, R b) { return a.pending_bytes < b.pending_bytes; }, true},
    {"msgs_to", [](R a, R b) { return a.counters.messages_out < b.counters.messages_out; }, true},
    {"msgs_from", [](R a, R b) { return a.counters.messages_in < b.counters.messages_in; }, true},
    {"bytes_to", [](R a, R b) { return a.counters.bytes_out < b.counters.bytes_out; }, true},
    {"bytes_from", [](R a, R b) { return a.counters.bytes_in < b.counters.bytes_in; }, true},
    {"last", [](R a, R b) { return a.last_activity < b.last_activity; }, true},
    {"idle", [](R a, R b) { return a.last_activity > b.last_activity; }, true},
    {"uptime", [](R a, R b) { return a.start > b.start; }, true},
    {"rtt", [](R a, R b) { return a.rtt < b.rtt; }, true},
    {"stop", [](R a, R b) { return a.stop < b.stop; }, false, true},
    {"reason", [](R a, R b) { return a.reason < b.reason; }, false, true},
};

const Sort* find_sort(std::string_view name) {
  for (const Sort& sort : kSorts) {
    if (sort.name == name) return &sort;
  }
  return nullptr;
}

void read_state(Options& options, Query& query) {
  const std::string_view state = query.text("state");
  if (state.empty() || state == "open" || state == "OPEN" || state == "0") return;
  if (state == "closed" || state == "CLOSED" || state == "1") {
    options.open = false;
    options.closed = true;
  } else if (state == "any" || state == "all" || state == "ALL" || state == "2") {
    options.closed = true;
  } else {
    query.fail("Error decoding state for " + std::string(state.substr(0, 64)));
  }
}

Options read_options(Query& query) {
  Options options;
  read_state(options, query);
  options.sort = query.text("sort").empty() ? "cid" : query.text("sort");
  const Sort* sort = find_sort(options.sort);
  if (sort == nullptr) {
    query.fail("invalid sorting option: " + std::string(options.sort.substr(0, 64)));
  } else if (sort->closed_only && options.open) {
    query.fail("sort by " + std::string(options.sort) + " only valid on closed connections");
  }
  options.user = query.text("user");
  options.account = query.text("acc");
  options.auth = query.flag("auth");
  options.detail = query.text("subs") == "detail";
  options.subscriptions = options.detail || query.flag("subs");
  options.offset = static_cast<std::size_t>(std::max<std::int64_t>(0, query.number("offset", 0)));
  const std::int64_t limit = query.number("limit", 1024);
  options.limit = limit <= 0 ? 1024 : static_cast<std::size_t>(limit);
  const std::int64_t cid = query.number("cid", 0);
  options.cid = cid < 0 ? 0 : static_cast<std::uint64_t>(cid);
  if (options.cid != 0) options.limit = 1;
  return options;
}

bool matches(const Options& options, const ConnectionReport& report) {
  if (options.cid != 0 && report.cid != options.cid) return false;
  if (!options.user.empty() && report.user != options.user) return false;
  return options.account.empty() || report.account == options.account;
}

std::vector<ConnectionReport> collect(const MonitorInput& input, const Options& options) {
  std::vector<ConnectionReport> reports;
  if (options.open) {
    for (const auto& [cid, session] : input.server.open()) {
      ConnectionReport report = session->report(options.subscriptions);
      if (matches(options, report)) reports.push_back(std::move(report));
    }
  }
  if (options.closed) {
    input.server.closed().for_each([&](R report) {
      if (matches(options, report)) reports.push_back(report);
    });
  }
  const Sort& sort = *find_sort(options.sort);
  std::stable_sort(reports.begin(), reports.end(),
                   [&](R a, R b) { return sort.descending ? sort.less(b, a) : sort.less(a, b); });
  return reports;
}

void add_times(json::object& item, const ConnectionReport& report, WallTime now) {
  const bool stopped = report.stop != WallTime{};
  item["start"] = go_time(report.start);
  item["last_activity"] = go_time(report.last_activity);
  if (stopped) {
    item["stop"] = go_time(report.stop);
    item["reason"] = report.reason;
  }
  if (report.rtt.count() > 0) item["rtt"] = go_duration(report.rtt);
  item["uptime"] = uptime_text((stopped ? report.stop : now) - report.start);
  item["idle"] = uptime_text((stopped ? report.stop : now) - report.last_activity);
}

void add_text(json::object& item, const char* name, const std::string& text) {
  if (!text.empty()) item[name] = text;
}

void add_subscriptions(json::object& item, const ConnectionReport& report, const Options& options) {
  if (!options.subscriptions || report.subscription_list.empty()) return;
  if (!options.detail) {
    item["subscriptions_list"] = subject_list(report);
    return;
  }
  json::array list;
  for (const Subscription* subscription : report.subscription_list) {
    list.emplace_back(subscription_detail(*subscription, report.cid, {}));
  }
  item["subscriptions_list_detail"] = std::move(list);
}

json::object connection(const ConnectionReport& report, const Options& options, WallTime now) {
  json::object item;
  item["cid"] = report.cid;
  item["kind"] = report.kind == PeerKind::kLeaf ? "Leafnode" : "Client";
  if (report.kind != PeerKind::kLeaf) add_text(item, "type", report.type);
  item["ip"] = report.ip;
  item["port"] = report.port;
  add_times(item, report, now);
  item["pending_bytes"] = report.pending_bytes;
  item["in_msgs"] = report.counters.messages_in;
  item["out_msgs"] = report.counters.messages_out;
  item["in_bytes"] = report.counters.bytes_in;
  item["out_bytes"] = report.counters.bytes_out;
  item["subscriptions"] = report.subscriptions;
  add_text(item, "name", report.name);
  add_text(item, "lang", report.lang);
  add_text(item, "version", report.version);
  add_text(item, "tls_version", report.tls_version);
  add_text(item, "tls_cipher_suite", report.tls_cipher);
  if (options.auth) {
    add_text(item, "authorized_user", report.user);
    if (report.account != "$G") add_text(item, "account", report.account);
  }
  add_subscriptions(item, report, options);
  if (options.auth) add_text(item, "name_tag", report.account);
  return item;
}

}  // namespace

json::array subject_list(const ConnectionReport& report) {
  json::array list;
  for (const Subscription* subscription : report.subscription_list) {
    list.emplace_back(
        json::string_view(subscription->subject().data(), subscription->subject().size()));
  }
  return list;
}

json::object subscription_detail(const Subscription& subscription, std::uint64_t cid,
                                 std::string_view account) {
  json::object item;
  if (!account.empty()) item["account"] = account;
  item["subject"] = subscription.subject();
  if (!subscription.queue().empty()) item["qgroup"] = subscription.queue();
  item["sid"] = subscription.sid();
  item["msgs"] = subscription.delivered;
  if (subscription.max != 0) item["max"] = subscription.max;
  item["cid"] = cid;
  return item;
}

json::object connz(const MonitorInput& input, Query& query) {
  const Options options = read_options(query);
  if (!query.ok()) return {};
  const std::vector<ConnectionReport> reports = collect(input, options);
  const std::size_t begin = std::min(options.offset, reports.size());
  const std::size_t end = begin + std::min(options.limit, reports.size() - begin);
  json::array connections;
  for (std::size_t i = begin; i < end; ++i) {
    connections.emplace_back(connection(reports[i], options, input.wall));
  }
  json::object body;
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  body["num_connections"] = connections.size();
  body["total"] = reports.size();
  body["offset"] = options.offset;
  body["limit"] = options.limit;
  body["connections"] = std::move(connections);
  return body;
}

}  // namespace petiole
