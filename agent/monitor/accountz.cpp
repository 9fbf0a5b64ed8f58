// /accountz: nats-server monitor.go, Accountz.
#include <algorithm>
#include <chrono>

#include "agent/auth/gate.h"
#include "agent/auth/validity.h"
#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"
#include "agent/subject/transform.h"

namespace petiole {
namespace {

const char* type_name(ExportConfig::Kind kind) {
  return kind == ExportConfig::Kind::kStream ? "stream" : "service";
}

json::object latency(const ExportConfig& each) {
  json::object item;
  if (each.latency_sampling < 0) {
    item["sampling"] = "headers";
  } else {
    item["sampling"] = each.latency_sampling;
  }
  item["results"] = each.latency_subject;
  return item;
}

json::object export_item(const ExportConfig& each) {
  constexpr const char* kResponses[] = {"Singleton", "Streamed", "Chunked"};
  json::object item;
  item["subject"] = each.subject;
  item["type"] = type_name(each.kind);
  if (each.is_private && each.accounts.empty()) item["token_req"] = true;
  if (each.kind == ExportConfig::Kind::kService) {
    item["response_type"] = kResponses[static_cast<int>(each.response)];
  }
  if (each.latency_sampling != 0) item["service_latency"] = latency(each);
  if (!each.accounts.empty()) item["approved_accounts"] = json::value_from(each.accounts);
  return item;
}

json::object import_item(const ImportConfig& each) {
  json::object item;
  item["subject"] = each.subject;
  item["account"] = each.account;
  const std::string local = pattern_of(local_subject(each));
  if (each.kind == ExportConfig::Kind::kService) item["to"] = local;
  item["local_subject"] = local;
  item["type"] = type_name(each.kind);
  item["invalid"] = false;
  item["share"] = each.share;
  item["tracking"] = false;
  return item;
}

// What every account may ask the system account: agent/system/imports.h.
json::array system_imports(const std::string& system, const std::string& account) {
  const auto item = [&](const char* local, const std::string& subject) {
    return import_item({.kind = ExportConfig::Kind::kService,
                        .account = system,
                        .subject = subject,
                        .to = local,
                        .share = subject.starts_with("$SYS.REQ.USER.")});
  };
  const std::string prefix = "$SYS.REQ.ACCOUNT." + account;
  return {item("$SYS.REQ.ACCOUNT.PING.CONNZ", prefix + ".CONNZ"),
          item("$SYS.REQ.SERVER.PING.CONNZ", prefix + ".CONNZ"),
          item("$SYS.REQ.ACCOUNT.PING.STATZ", prefix + ".STATZ"),
          item("$SYS.REQ.USER.INFO", "$SYS.REQ.USER." + account + ".INFO")};
}

json::object mappings(const AccountConfig& config) {
  json::object all;
  for (const MappingConfig& mapping : config.mappings) {
    json::array list;
    for (const MappingConfig::Destination& to : mapping.destinations) {
      json::object item{{"subject", to.subject}, {"weight", to.weight}};
      if (!to.cluster.empty()) item["cluster"] = to.cluster;
      list.emplace_back(std::move(item));
    }
    all[mapping.source] = std::move(list);
  }
  return all;
}

// With what the exporter measures, if it is a service that is measured.
json::object import_item(const Exchange& exchange, const ImportConfig& each) {
  json::object item = import_item(each);
  const AccountConfig* const exporter = exchange.config(each.account);
  const ExportConfig* const offer = exporter && each.kind == ExportConfig::Kind::kService
                                        ? find_export(*exporter, each.kind, each.subject)
                                        : nullptr;
  if (offer && offer->latency_sampling != 0) item["latency"] = latency(*offer);
  return item;
}

void add_shares(json::object& detail, const MonitorInput& input, const std::string& name) {
  const std::string& system = input.server.config().system_account;
  const Exchange& exchange = input.server.exchange();
  json::array exports, imports;
  if (!system.empty() && name != system) imports = system_imports(system, name);
  if (const AccountConfig* const mine = exchange.config(name)) {
    if (!mine->mappings.empty()) detail["mappings"] = mappings(*mine);
    for (const ExportConfig& each : mine->exports) exports.emplace_back(export_item(each));
    for (const ImportConfig& each : mine->imports) {
      imports.emplace_back(import_item(exchange, each));
    }
  }
  if (!exports.empty()) detail["exports"] = std::move(exports);
  if (!imports.empty()) detail["imports"] = std::move(imports);
}

// Of an account that a JWT names: all that it says, as the reference shows it.
void add_claims(json::object& detail, const MonitorInput& input, const std::string& name) {
  const AccountBook* const book = input.server.gate().book();
  const AccountClaims* const claims = book ? book->find(name) : nullptr;
  if (!claims) return;
  const std::string& token = *book->token(name);
  detail["expired"] = validity(*claims, input.wall) == Validity::kExpired;
  detail["jwt"] = token;
  detail["issuer_key"] = claims->issuer;
  detail["name_tag"] = detail["account_name"];  // Its place; the caller knows it.
  if (!claims->tags.empty()) detail["tags"] = json::value_from(claims->tags);
  detail["decoded_jwt"] = body_of(find_token(token));
  json::object revoked;
  for (const auto& [user, since] : claims->revocations) {
    constexpr std::int64_t kFar = 9'000'000'000;  // Nanoseconds end soon behind it.
    const auto at = std::chrono::seconds(std::clamp<std::int64_t>(since, 0, kFar));
    revoked[user] = go_time(WallTime(at));
  }
  if (!revoked.empty()) detail["revoked_user"] = std::move(revoked);
}

}  // namespace

json::object account_detail(const MonitorInput& input, const Account& account) {
  const AccountConnectionsByName counts = count_connections(input.server);
  const auto found = counts.find(account.name());
  const AccountConnections mine = found == counts.end() ? AccountConnections() : found->second;
  json::object detail;
  detail["account_name"] = account.name();
  detail["update_time"] = go_time(input.server.started());
  if (account.name() == input.server.config().system_account) detail["is_system"] = true;
  detail["expired"] = false;
  detail["complete"] = true;
  detail["jetstream_enabled"] = false;
  detail["leafnode_connections"] = mine.leafs;
  detail["client_connections"] = mine.clients;
  detail["subscriptions"] = account.subscription_count();
  add_shares(detail, input, account.name());
  add_claims(detail, input, account.name());
  detail["name_tag"] = account.tag();
  detail["sublist_stats"] = sublist_stats(input, account.name());
  return detail;
}

json::object accountz(const MonitorInput& input, Query& query) {
  const std::string_view wanted = query.text("acc");
  const auto& accounts = input.server.accounts();
  json::object body;
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  const std::string& system = input.server.config().system_account;
  if (!system.empty()) body["system_account"] = system;
  if (!wanted.empty()) {
    const auto account = accounts.find(wanted);
    if (account == accounts.end()) {
      query.fail("Account " + std::string(wanted.substr(0, 64)) + " does not exist");
      return {};
    }
    body["account_detail"] = account_detail(input, *account->second);
    return body;
  }
  json::array names;
  for (const auto& [name, account] : accounts) names.emplace_back(name);
  body["accounts"] = std::move(names);
  return body;
}

}  // namespace petiole
