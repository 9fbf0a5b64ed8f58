#include "agent/system/events.h"

#include <algorithm>

#include "agent/monitor/text.h"
#include "agent/routing/message_trace.h"
#include "agent/system/encoded_text.h"
#include "agent/system/internal_trace.h"

namespace petiole {

namespace {

constexpr Duration kBeat = 30s;           // nats-server events.go: eventsHBInterval.
constexpr std::size_t kLeafsFew = 16;     // So many are asked at each change in the account,
constexpr Duration kLeafsAsked = 1s;      // and more not again before that has passed.
constexpr Duration kStatszFirst = 250ms;  // startStatszTimer.
constexpr Duration kStatszLast = 10s;     // statsHBInterval.

// Subscriptions of the agent's own parts are no reason to make events.
bool is_own(const Subscription& subscription) {
  const PeerKind kind = subscription.owner->kind();
  return kind == PeerKind::kSystem || kind == PeerKind::kInternal;
}

// What has left is counted elsewhere from now on: the sum of both never goes back.
void take_away(ConnectionCounters& sum, const ConnectionCounters& part) {
  const auto less = [](std::uint64_t& from, std::uint64_t by) { from -= std::min(from, by); };
  less(sum.messages_in, part.messages_in);
  less(sum.bytes_in, part.bytes_in);
  less(sum.messages_out, part.messages_out);
  less(sum.bytes_out, part.bytes_out);
}

// A client that never said who it is counts to the global account, as in nats-server.
const std::string& account_of(const ConnectionReport& report) {
  static const std::string kGlobal = "$G";
  return report.account.empty() ? kGlobal : report.account;
}

void add_text(json::object& item, const char* name, std::string_view text) {
  if (!text.empty()) item[name] = text;
}

// nats-server events.go, ClientInfo. `stop`: it is gone.
json::object client_info(const ConnectionReport& report, const std::string& stop) {
  json::object item;
  item["start"] = go_time(report.start);
  add_text(item, "host", report.ip);
  item["id"] = report.cid;
  item["acc"] = account_of(report);
  add_text(item, "user", report.user);
  add_text(item, "name", report.name);
  add_text(item, "lang", report.lang);
  add_text(item, "ver", report.version);
  if (!stop.empty()) {
    if (report.rtt.count() > 0) item["rtt"] = report.rtt.count();
    item["stop"] = stop;
  }
  add_text(item, "jwt", report.jwt);
  add_text(item, "issuer_key", report.issuer);
  item["name_tag"] = report.name_tag.empty() ? account_of(report) : report.name_tag;
  if (!report.tags.empty()) item["tags"] = json::value_from(report.tags);
  const bool leaf = report.kind == PeerKind::kLeaf;
  item["kind"] = leaf ? "Leafnode" : "Client";
  if (!leaf) add_text(item, "client_type", report.type);
  return item;
}

json::object traffic(std::uint64_t messages, std::uint64_t bytes) {
  return {{"msgs", messages}, {"bytes", bytes}};
}

// `sent` is what the client sent.
void add_goodbye(json::object& body, const ConnectionReport& report, std::string_view reason) {
  const std::string stop(body["timestamp"].as_string());
  body["client"] = client_info(report, stop);
  body["sent"] = traffic(report.counters.messages_in, report.counters.bytes_in);
  body["received"] = traffic(report.counters.messages_out, report.counters.bytes_out);
  body["reason"] = reason;
}

}  // namespace

Events::Events(Server& server, Account& system, ServerIdentity& identity,
               std::function<MonitorInput()> gather)
    : server_(server),
      system_(system),
      identity_(identity),
      gather_(std::move(gather)),
      beat_timer_(server.host().loop.make_timer([this] { beat(); })),
      statsz_timer_(server.host().loop.make_timer([this] { send_statsz(); })) {
  server_.observe(this);
  system_.listen(*this);
}

Events::~Events() {
  system_.unlisten(*this);
  server_.observe(nullptr);
}

void Events::added(const Subscription& subscription) {
  if (is_own(subscription) || watchers_++ != 0) return;
  const Time now = server_.host().clock.now();
  beat_timer_->arm(now + kBeat);
  statsz_gap_ = kStatszFirst;
  statsz_timer_->arm(now + statsz_gap_);
}

void Events::removed(const Subscription& subscription) {
  if (is_own(subscription) || --watchers_ != 0) return;
  beat_timer_->cancel();
  statsz_timer_->cancel();
}

bool Events::is_wanted(std::string_view subject) {
  return is_watched() && system_.has_interest(subject);
}

void Events::publish(Account& account, std::string_view subject, const json::object& body) {
  const std::string text = to_text(json::value(body));
  Message message;
  message.subject = subject;
  message.payload = text;
  trace_internal(server_.host().log, server_.config().log, &account == &system_, message);
  account.publish({.echo = false, .capture = false}, message);
}

void Events::connected(const Reportable& session) {
  const ConnectionReport report = session.report(false);
  Members& members = members_[report.account];
  if (report.kind == PeerKind::kLeaf) {
    members.leafs[report.cid] = &session;
  } else {
    ++members.clients;
  }
  if (!is_watched()) return;
  tell_connections(report.account);
  const std::string subject = "$SYS.ACCOUNT." + report.account + ".CONNECT";
  if (!is_wanted(subject)) return;
  json::object body = identity_.event("client_connect");
  body["client"] = client_info(report, {});
  publish(system_, subject, body);
}

void Events::remove_member(const ConnectionReport& report) {
  const auto found = members_.find(report.account);
  if (found == members_.end()) return;
  Members& members = found->second;
  if (report.kind == PeerKind::kLeaf) {
    members.leafs.erase(report.cid);
    take_away(members.leaf_traffic, report.counters);
  } else if (members.clients != 0) {
    --members.clients;
  }
  tell_connections(report.account);
  if (members.clients == 0 && members.leafs.empty()) members_.erase(found);
}

void Events::left(const Reportable& session) { remove_member(session.report(false)); }

void Events::disconnected(const ConnectionReport& last) {
  remove_member(last);
  if (!is_watched()) return;
  const std::string subject = "$SYS.ACCOUNT." + account_of(last) + ".DISCONNECT";
  if (!is_wanted(subject)) return;
  json::object body = identity_.event("client_disconnect");
  add_goodbye(body, last, last.reason);
  publish(system_, subject, body);
}

void Events::refused(const Reportable& session, const char* reason) {
  constexpr std::string_view kInAccount = "$SYS.ACCOUNT.CLIENT.AUTH.ERR";
  const ConnectionReport report = session.report(false);
  const std::string subject = "$SYS.SERVER." + server_.id() + ".CLIENT.AUTH.ERR";
  Account* const account = server_.account(report.account);
  const bool in_account = account && account->has_interest(kInAccount);
  const bool in_system = is_wanted(subject);
  if (!in_account && !in_system) return;
  json::object body = identity_.event("client_disconnect");
  add_goodbye(body, report, reason);
  if (in_system) publish(system_, subject, body);
  if (in_account) publish(*account, kInAccount, body);
}

// When thousands of leafs come back at once, each of them is a change in the account.
void Events::ask_leafs(Members& members) const {
  const Time now = server_.host().clock.now();
  if (members.leafs.size() > kLeafsFew && now - members.asked < kLeafsAsked) return;
  members.asked = now;
  ConnectionCounters& sum = members.leaf_traffic = {};
  for (const auto& [cid, leaf] : members.leafs) {
    const ConnectionCounters counters = leaf->report(false).counters;
    sum.messages_in += counters.messages_in;
    sum.bytes_in += counters.bytes_in;
    sum.messages_out += counters.messages_out;
    sum.bytes_out += counters.bytes_out;
  }
}

// Not of the global account, as in nats-server; on its old subject too.
void Events::tell_connections(const std::string& name) {
  if (!is_watched() || name == "$G") return;
  Account* const account = server_.account(name);
  if (!account) return;
  const std::string subjects[] = {"$SYS.SERVER.ACCOUNT." + name + ".CONNS",
                                  "$SYS.ACCOUNT." + name + ".SERVER.CONNS"};
  if (std::none_of(std::begin(subjects), std::end(subjects),
                   [this](const std::string& subject) { return is_wanted(subject); })) {
    return;
  }
  AccountConnections connections;
  if (const auto found = members_.find(name); found != members_.end()) {
    ask_leafs(found->second);
    connections.clients = found->second.clients;
    connections.leafs = found->second.leafs.size();
    connections.leaf_traffic = found->second.leaf_traffic;
  }
  json::object body = identity_.event("account_connections");
  for (const auto& member : account_stat(server_, *account, connections)) {
    body[member.key()] = member.value();
  }
  for (const std::string& subject : subjects) {
    if (is_wanted(subject)) publish(system_, subject, body);
  }
}

// In the account, where links to other servers carry it to who waits for it.
void Events::traced(Account& account, const MessageTrace& trace) {
  if (!account.has_interest(trace.dest())) return;
  const EncodedText body =
      encode(trace.json(to_text(json::value(identity_.server()))), trace.encoding());
  Message message;
  message.subject = trace.dest();
  message.header = body.header;
  message.payload = body.payload;
  trace_internal(server_.host().log, server_.config().log, &account == &system_, message);
  account.publish({.echo = false, .capture = false}, message);
}

void Events::tell_leaving(std::string_view name) {
  const std::string subject = "$SYS.SERVER." + server_.id() + "." + std::string(name);
  if (is_wanted(subject)) publish(system_, subject, identity_.server());
}

void Events::beat() {
  for (const auto& [name, members] : members_) tell_connections(name);
  beat_timer_->arm(server_.host().clock.now() + kBeat);
}

void Events::send_statsz() {
  statsz_gap_ = std::min(statsz_gap_ * 2, kStatszLast);
  statsz_timer_->arm(server_.host().clock.now() + statsz_gap_);
  if (!is_wanted(statsz_subject())) return;
  const MonitorInput input = gather_();
  json::object body;
  body["server"] = identity_.server();
  body["statsz"] = statsz(input);
  publish(system_, statsz_subject(), body);
}

}  // namespace petiole
