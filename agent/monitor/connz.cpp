// /connz: nats-server monitor.go, Connz.
#include <algorithm>
#include <functional>

#include "agent/auth/certificate_user.h"
#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"
#include "agent/subject/subject.h"

namespace petiole {
namespace {

constexpr std::size_t kListDefault = 1024;  // nats-server: DefaultConnListSize.

struct Options {
  std::string_view sort;
  std::string_view user, account, mqtt_client;
  std::string_view filter;  // A subject; empty: none.
  bool auth = false, subscriptions = false, detail = false;
  bool open = true, closed = false;
  std::size_t offset = 0, limit = kListDefault;
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
    {"uptime", [](R a, R b) { return a.uptime < b.uptime; }},
    {"rtt", [](R a, R b) { return a.rtt < b.rtt; }, true},
    {"stop", [](R a, R b) { return a.stop < b.stop; }, true, true},
    {"reason", [](R a, R b) { return a.reason < b.reason; }, false, true},
};

const Sort* find_sort(std::string_view name) {
  for (const Sort& sort : kSorts) {
    if (sort.name == name) return &sort;
  }
  return nullptr;
}

std::string lower(std::string_view text) {
  std::string result(text.substr(0, 64));
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 'a' - 'A');
  }
  return result;
}

void read_state(Options& options, Query& query) {
  const std::string state = lower(query.text("state"));
  if (state.empty() || state == "open") return;
  if (state == "closed") {
    options.open = false;
    options.closed = true;
  } else if (state == "any" || state == "all") {
    options.closed = true;
  } else {
    query.fail("Error decoding state for " + std::string(query.text("state").substr(0, 64)));
  }
}

void read_sort(Options& options, Query& query) {
  options.sort = query.text("sort").empty() ? "cid" : query.text("sort");
  const Sort* const sort = find_sort(options.sort);
  if (sort == nullptr) {
    query.fail("invalid sorting option: " + std::string(options.sort.substr(0, 64)));
  } else if (sort->closed_only && options.open) {
    query.fail("sort by " + std::string(options.sort) + " only valid on closed connections");
  }
}

void read_filters(Options& options, Query& query) {
  options.user = query.text("user");
  options.account = query.text("acc");
  options.mqtt_client = query.text("mqtt_client");
  options.filter = query.text("filter_subject");
  if (options.filter == ">") options.filter = {};
  if (!options.filter.empty() && options.account.empty()) {
    query.fail("filter by subject only valid with account filtering");
  }
  options.cid = query.identifier("cid");
}

Options read_options(Query& query) {
  Options options;
  options.auth = query.flag("auth");
  options.detail = lower(query.text("subs")) == "detail";
  options.subscriptions = options.detail || query.flag("subs");
  options.offset = query.count("offset", 0);
  options.limit = std::min(query.count("limit", kListDefault), kListedMax);
  read_filters(options, query);
  read_state(options, query);
  read_sort(options, query);
  if (options.cid != 0) options.limit = 1;
  return options;
}

bool wants(const Options& options, const ConnectionReport& report) {
  if (!options.account.empty() && report.account != options.account) return false;
  if (options.cid != 0 && report.cid != options.cid) return false;
  if (!options.user.empty() && report.user != options.user) return false;
  return options.mqtt_client.empty();  // There are none.
}

bool subscribes(const ConnectionReport& report, std::string_view filter) {
  return std::any_of(
      report.subscription_list.begin(), report.subscription_list.end(),
      [filter](const Subscription* each) { return overlaps(each->subject(), filter); });
}

struct Found {
  std::vector<ConnectionReport> reports;  // Those to show.
  std::size_t total = 0;                  // Of all pages.
};

// In the register's own order, without a filter, only those on the page are looked at.
Found first_page(const MonitorInput& input, const Options& options) {
  const auto& open = input.server.open();
  Found found{.reports = {}, .total = open.size()};
  auto next = open.begin();
  std::advance(next, static_cast<std::ptrdiff_t>(std::min(options.offset, open.size())));
  for (; next != open.end() && found.reports.size() < options.limit; ++next) {
    found.reports.push_back(next->second->report(options.subscriptions));
  }
  return found;
}

void add_open(std::vector<ConnectionReport>& found, const MonitorInput& input,
              const Options& options) {
  const auto add = [&](const Reportable& session) {
    ConnectionReport report = session.report(options.subscriptions || !options.filter.empty());
    if (!options.filter.empty() && !subscribes(report, options.filter)) return;
    if (wants(options, report)) found.push_back(std::move(report));
  };
  const auto& open = input.server.open();
  if (options.cid != 0) {
    const auto one = open.find(options.cid);
    if (one != open.end()) add(*one->second);
    return;
  }
  for (const auto& [cid, session] : open) add(*session);
}

Found collect(const MonitorInput& input, const Options& options) {
  const bool all = options.cid == 0 && options.user.empty() && options.account.empty() &&
                   options.mqtt_client.empty();
  if (all && options.open && !options.closed && options.sort == "cid") {
    return first_page(input, options);
  }
  std::vector<ConnectionReport> reports;
  if (options.open) add_open(reports, input, options);
  if (options.closed) {
    input.server.closed().for_each([&](const ConnectionReport& report) {
      if (wants(options, report)) reports.push_back(report);
    });
  }
  const Sort& sort = *find_sort(options.sort);
  std::stable_sort(reports.begin(), reports.end(),
                   [&](R a, R b) { return sort.descending ? sort.less(b, a) : sort.less(a, b); });
  Found found{.reports = {}, .total = reports.size()};
  const std::size_t begin = std::min(options.offset, reports.size());
  const std::size_t end = begin + std::min(options.limit, reports.size() - begin);
  found.reports.assign(
      std::make_move_iterator(reports.begin() + static_cast<std::ptrdiff_t>(begin)),
      std::make_move_iterator(reports.begin() + static_cast<std::ptrdiff_t>(end)));
  return found;
}

void add_times(json::object& item, const ConnectionReport& report, WallTime now) {
  const bool stopped = report.stop != WallTime{};
  item["start"] = go_time(report.start);
  item["last_activity"] = go_time(report.last_activity);
  if (stopped) {
    item["stop"] = go_time(report.stop);
    item["reason"] = report.reason;
  }
  if (report.rtt.count() > 0 || report.kind != PeerKind::kLeaf) {
    item["rtt"] = go_duration(report.rtt);
  }
  item["uptime"] = uptime_text(report.uptime);
  item["idle"] = uptime_text((stopped ? report.stop : now) - report.last_activity);
}

void add_text(json::object& item, const char* name, const std::string& text) {
  if (!text.empty()) item[name] = text;
}

const std::string& account_tag(const ConnectionReport& report) {
  return report.name_tag.empty() ? report.account : report.name_tag;
}

void add_subscriptions(json::object& item, const ConnectionReport& report, const Options& options,
                       std::size_t& room) {
  if (!options.subscriptions || report.subscription_list.empty()) return;
  if (!options.detail) {
    item["subscriptions_list"] = subject_list(report, room);
    return;
  }
  json::array list;
  for (const Subscription* subscription : report.subscription_list) {
    if (room == 0) break;
    --room;
    list.emplace_back(subscription_detail(*subscription, nullptr));
  }
  item["subscriptions_list_detail"] = std::move(list);
}

// A JWT is shown of open connections alone: the closed ones would fill the memory with them.
void add_identity(json::object& item, const ConnectionReport& report) {
  add_text(item, "jwt", report.jwt);
  add_text(item, "issuer_key", report.issuer);
  const bool nameless = report.stop != WallTime{} && report.account == "$G";  // As nats-server.
  if (!nameless) add_text(item, "name_tag", account_tag(report));
  if (!report.tags.empty()) item["tags"] = json::value_from(report.tags);
}

// nats-server monitor.go, TLSPeerCert; of the first, as the rest of a chain is not kept.
json::object certificate(const PeerCertificate& shown) {
  return {{"subject", subject_text(shown)},
          {"spki_sha256", shown.key_digest},
          {"cert_sha256", shown.digest}};
}

json::object connection(const ConnectionReport& report, const Options& options, WallTime now,
                        std::size_t& room) {
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
  if (options.auth && report.certificate) {
    item["tls_peer_certs"] = json::array{certificate(*report.certificate)};
  }
  if (report.tls_first) item["tls_first"] = true;
  if (options.auth) {
    add_text(item, "authorized_user", report.user);
    if (report.account != "$G") add_text(item, "account", report.account);
  }
  add_subscriptions(item, report, options, room);
  if (options.auth) add_identity(item, report);
  return item;
}

}  // namespace

json::array subject_list(const ConnectionReport& report, std::size_t& room) {
  json::array list;
  for (const Subscription* subscription : report.subscription_list) {
    if (room == 0) break;
    --room;
    list.emplace_back(
        json::string_view(subscription->subject().data(), subscription->subject().size()));
  }
  return list;
}

json::object subscription_detail(const Subscription& subscription, const Account* account) {
  json::object item;
  if (account) {
    item["account"] = account->name();
    item["account_tag"] = account->tag();
  }
  item["subject"] = subscription.subject();
  if (!subscription.queue().empty()) item["qgroup"] = subscription.queue();
  item["sid"] = subscription.sid();
  item["msgs"] = subscription.delivered;
  if (subscription.max != 0 && !subscription.owner->is_import()) item["max"] = subscription.max;
  item["cid"] = subscription.owner->cid();
  return item;
}

json::object connz(const MonitorInput& input, Query& query) {
  const Options options = read_options(query);
  if (!query.ok()) return {};
  // Of an account that is not here nats-server tells nothing, not even who answers.
  const bool known = options.account.empty() || input.server.accounts().contains(options.account);
  const Found found = known ? collect(input, options) : Found();
  std::size_t room = kListedMax;
  json::array connections;
  for (const ConnectionReport& report : found.reports) {
    connections.emplace_back(connection(report, options, input.wall, room));
  }
  json::object body;
  body["server_id"] = known ? input.server.id() : "";
  body["now"] = go_time(input.wall);
  body["num_connections"] = connections.size();
  body["total"] = found.total;
  body["offset"] = options.offset;
  body["limit"] = options.limit;
  if (known) {
    body["connections"] = std::move(connections);
  } else {
    body["connections"] = nullptr;
  }
  return body;
}

}  // namespace petiole
