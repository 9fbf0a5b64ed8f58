#include "agent/system/calls.h"

#include <algorithm>

#include "agent/subject/subject.h"

namespace petiole {

namespace {

using enum OptionType;

constexpr OptionKey kConnzKeys[] = {
    {"sort", "sort", kText},
    {"auth", "auth", kBool},
    {"subscriptions", "subs", kBool},
    {"subscriptions_detail", "subs", kDetail},
    {"offset", "offset", kInt},
    {"limit", "limit", kInt},
    {"cid", "cid", kInt},
    {"mqtt_client", "mqtt_client", kText},
    {"state", "state", kState},
    {"user", "user", kText},
    {"acc", "acc", kText},
    {"filter_subject", "filter_subject", kText},
};
constexpr OptionKey kSubszKeys[] = {
    {"offset", "offset", kInt}, {"limit", "limit", kInt}, {"subscriptions", "subs", kBool},
    {"account", "acc", kText},  {"test", "test", kText},
};
constexpr OptionKey kLeafzKeys[] = {{"subscriptions", "subs", kBool}, {"account", "acc", kText}};
constexpr OptionKey kRoutezKeys[] = {{"subscriptions", "subs", kBool},
                                     {"subscriptions_detail", "subs", kDetail}};
constexpr OptionKey kAccountzKeys[] = {{"account", "acc", kText}};
constexpr OptionKey kStatzKeys[] = {{"accounts", "acc", kTexts},
                                    {"include_unused", "unused", kBool}};
constexpr OptionKey kJszKeys[] = {
    {"account", "acc", kText},
    {"accounts", "accounts", kBool},
    {"streams", "streams", kBool},
    {"consumer", "consumers", kBool},
    {"config", "config", kBool},
    {"leader_only", "leader-only", kBool},
    {"offset", "offset", kInt},
    {"limit", "limit", kInt},
    {"raft", "raft", kBool},
    {"stream_leader_only", "stream-leader-only", kBool},
    {"direct_consumer", "direct-consumers", kBool},
};
constexpr OptionKey kHealthzKeys[] = {
    {"js-enabled", "js-enabled", kBool},
    {"js-enabled-only", "js-enabled-only", kBool},
    {"js-server-only", "js-server-only", kBool},
    {"js-meta-only", "js-meta-only", kBool},
    {"account", "account", kText},
    {"stream", "stream", kText},
    {"consumer", "consumer", kText},
    {"details", "details", kBool},
};

constexpr OptionTable kConnz{"Connz", kConnzKeys}, kSubsz{"Subsz", kSubszKeys},
    kLeafz{"Leafz", kLeafzKeys}, kRoutez{"Routez", kRoutezKeys},
    kAccountz{"Accountz", kAccountzKeys}, kStatz{"AccountStatz", kStatzKeys}, kJsz{"Jsz", kJszKeys},
    kHealthz{"Healthz", kHealthzKeys}, kStatsz{"Statsz", {}}, kVarz{"Varz", {}},
    kGatewayz{"Gatewayz", {}}, kProfilez{"Profilez", {}}, kExpvarz{"Expvarz", {}},
    kIpqueuesz{"Ipqueuesz", {}}, kRaftz{"Raftz", {}}, kAccInfo{"AccInfo", {}},
    kControl{"Control", {}};

constexpr std::uint8_t kServers = kThisServer | kAllServers;

// nats-server events.go, initEventTracking.
constexpr Call kCalls[] = {
    {"STATSZ", kServers, &kStatsz, answer_statsz, true},
    {"IDZ", kServers, nullptr, answer_idz},
    {"VARZ", kServers, &kVarz, answer_varz},
    {"SUBSZ", kServers, &kSubsz, answer_subsz},
    {"CONNZ", kServers | kAccount, &kConnz, answer_connz},
    {"ROUTEZ", kServers, &kRoutez, answer_routez},
    {"GATEWAYZ", kServers, &kGatewayz, answer_gatewayz},
    {"LEAFZ", kServers | kAccount, &kLeafz, answer_leafz},
    {"ACCOUNTZ", kServers, &kAccountz, answer_accountz},
    {"JSZ", kServers, &kJsz, answer_jsz},
    {"HEALTHZ", kServers, &kHealthz, answer_healthz},
    {"PROFILEZ", kServers, &kProfilez, answer_profilez},
    {"EXPVARZ", kServers, &kExpvarz, answer_expvarz},
    {"IPQUEUESZ", kServers, &kIpqueuesz, answer_empty},
    {"RAFTZ", kServers, &kRaftz, answer_empty},
    {"KICK", kThisServer, nullptr, answer_kick},
    {"LDM", kThisServer, nullptr, answer_lame_duck},
    {"RELOAD", kThisServer, &kControl, answer_reload},
    {"SUBSZ", kAccount, &kSubsz, answer_subsz},
    {"JSZ", kAccount, &kJsz, answer_account_jsz},
    {"INFO", kAccount, &kAccInfo, answer_account_info},
    {"STATZ", kAccount, &kStatz, answer_account_statz},
    {"CONNS", kAccount, nullptr, answer_account_conns},
    {"$SYS.REQ.SERVER.PING", kWhole, &kStatsz, answer_statsz, true},
    {"$SYS.REQ.USER.INFO", kWhole, nullptr, answer_user_info},
    {"$SYS.DEBUG.SUBSCRIBERS", kWhole, nullptr, answer_subscribers},
};

const Call* named(std::string_view name, std::uint8_t scope) {
  const auto* const found = std::find_if(std::begin(kCalls), std::end(kCalls), [&](const Call& c) {
    return (c.scope & scope) != 0 && c.name == name;
  });
  return found == std::end(kCalls) ? nullptr : found;
}

// The two tokens behind `prefix`; false: not so many, or more.
bool split(std::string_view subject, std::string_view prefix, std::string_view& first,
           std::string_view& second) {
  if (!subject.starts_with(prefix)) return false;
  Tokens tokens{subject.substr(prefix.size())};
  first = tokens.next();
  if (!tokens.more) return false;
  second = tokens.next();
  return !tokens.more;
}

}  // namespace

FoundCall find_call(std::string_view subject, std::string_view server_id) {
  std::string_view whom, name;
  if (split(subject, "$SYS.REQ.SERVER.", whom, name)) {
    if (whom == "PING") return {named(name, kAllServers)};
    return {whom == server_id ? named(name, kThisServer) : nullptr};
  }
  if (split(subject, "$SYS.REQ.ACCOUNT.", whom, name)) return {named(name, kAccount), whom};
  return {named(subject, kWhole)};
}

// nats-server events.go, registerSystemImports.
FoundCall find_account_call(std::string_view subject, std::string_view account) {
  if (subject == "$SYS.REQ.USER.INFO") return {named(subject, kWhole)};
  if (subject == "$SYS.REQ.ACCOUNT.PING.STATZ") return {named("STATZ", kAccount), account};
  if (subject == "$SYS.REQ.ACCOUNT.PING.CONNZ" || subject == "$SYS.REQ.SERVER.PING.CONNZ") {
    return {named("CONNZ", kAccount), account};
  }
  return {};
}

Answer run_call(const Call& call, CallContext& context) {
  if (!call.options) return call.answer(context);
  RequestOptions options;
  std::string error = read_options(context.body, *call.options, options);
  if (!error.empty()) return {.code = 400, .error = std::move(error)};
  if (!options.filter.accepts(context.identity)) return {.form = Answer::Form::kSilent};
  // What the subject says of the account goes before what the body says.
  if (!context.account.empty() && call.name != "STATZ") {
    options.items.emplace(options.items.begin(), "acc", context.account);
  }
  CallContext with{context.input, context.identity, context.reload,   context.account,
                   context.body,  context.from,     context.from_cid, Query(options.items)};
  return call.answer(with);
}

}  // namespace petiole
