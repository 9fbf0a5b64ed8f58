// The endpoints over the system account: nats-server events.go, initEventTracking.
#include "agent/system/calls.h"

namespace petiole {

namespace {

using Builder = json::object (*)(const MonitorInput&, Query&);

// As nats-server: an endpoint that cannot do what it was asked has `"data": null` and an error.
Answer from(CallContext& context, Builder build) {
  json::object body = build(context.input, context.query);
  if (!context.query.ok()) return {.code = 500, .error = context.query.error()};
  return {.body = std::move(body)};
}

AccountConnections connections_of(const CallContext& context, std::string_view account) {
  const AccountConnectionsByName counts = count_connections(context.input.server);
  const auto found = counts.find(account);
  return found == counts.end() ? AccountConnections() : found->second;
}

}  // namespace

Answer answer_idz(CallContext& context) {
  return {.form = Answer::Form::kBare, .body = context.identity.id()};
}

Answer answer_statsz(CallContext& context) {
  return {.body = statsz(context.input), .key = "statsz"};
}

Answer answer_varz(CallContext& context) { return {.body = varz(context.input)}; }

Answer answer_subsz(CallContext& context) {
  if (context.account.empty()) return from(context, subsz);
  QueryItems items{{"subs", "1"}, {"acc", std::string(context.account)}};
  for (const char* name : {"offset", "limit", "test"}) {
    items.emplace_back(name, context.query.text(name));
  }
  Query query(items);
  json::object body = subsz(context.input, query);
  if (!query.ok()) return {.code = 500, .error = query.error()};
  return {.body = std::move(body)};
}

Answer answer_connz(CallContext& context) { return from(context, connz); }
Answer answer_routez(CallContext& context) { return from(context, routez); }
Answer answer_gatewayz(CallContext& context) { return from(context, gatewayz); }
Answer answer_leafz(CallContext& context) { return from(context, leafz); }
Answer answer_accountz(CallContext& context) { return from(context, accountz); }

Answer answer_jsz(CallContext& context) {
  json::object body = jsz(context.input, context.query);
  if (!context.query.ok()) return {.form = Answer::Form::kSilent};  // Only a leader is asked.
  return {.body = std::move(body)};
}

Answer answer_healthz(CallContext& context) {
  const Health health = healthz(context.input, context.query);
  json::object body;
  for (const auto& member : health.body) {
    body[member.key()] = member.value();
    if (member.key() == "status") body["status_code"] = health.status;
  }
  return {.body = std::move(body)};
}

Answer answer_profilez(CallContext&) {
  return {.body = json::object{{"profile", nullptr}, {"error", "this server keeps no profiles"}}};
}

Answer answer_expvarz(CallContext& context) {
  const std::uint64_t bytes = context.input.process.resident_bytes;
  json::object memory{{"Alloc", bytes}, {"Sys", bytes}};
  return {.body = json::object{{"memstats", std::move(memory)}, {"cmdline", {"petiole"}}}};
}

Answer answer_empty(CallContext&) { return {.body = json::object()}; }

Answer answer_account_jsz(CallContext&) { return {.code = 500, .error = "jetstream not enabled"}; }

Answer answer_account_info(CallContext& context) {
  const auto& accounts = context.input.server.accounts();
  const auto found = accounts.find(context.account);
  if (found == accounts.end()) {
    return {.code = 500,
            .error = "Account " + std::string(context.account.substr(0, 64)) + " does not exist"};
  }
  return {.body = account_detail(context.input, *found->second)};
}

// PING asks for all accounts, and may name some.
Answer answer_account_statz(CallContext& context) {
  QueryItems items;
  if (context.account == "PING") {
    for (const std::string_view name : context.query.texts("acc")) items.emplace_back("acc", name);
  } else {
    items.emplace_back("acc", context.account);
  }
  const bool unused = context.query.flag("unused");
  if (unused) items.emplace_back("unused", "1");
  Query query(items);
  json::object body = accstatz(context.input, query);
  if (!unused && body["account_statz"].as_array().empty()) return {.form = Answer::Form::kSilent};
  return {.body = std::move(body)};
}

Answer answer_account_conns(CallContext& context) {
  const auto& accounts = context.input.server.accounts();
  const auto found = accounts.find(context.account);
  if (found == accounts.end()) return {.form = Answer::Form::kSilent};
  const AccountConnections connections = connections_of(context, context.account);
  if (connections.clients == 0) return {.form = Answer::Form::kSilent};
  json::object body = context.identity.event("account_connections");
  for (const auto& member : account_stat(context.input.server, *found->second, connections)) {
    body[member.key()] = member.value();
  }
  return {.form = Answer::Form::kBare, .body = std::move(body)};
}

}  // namespace petiole
