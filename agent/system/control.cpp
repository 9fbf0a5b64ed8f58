// What acts on this server, or tells a client of itself.
#include <algorithm>

#include "agent/auth/identity.h"
#include "agent/routing/match_result.h"
#include "agent/subject/subject.h"
#include "agent/subject/subject_index.h"
#include "agent/system/calls.h"

namespace petiole {

namespace {

// The connection that {"cid":n} names; null: none.
Reportable* named_connection(const CallContext& context) {
  const Result<json::value> body = parse_json(context.body);
  if (!body.ok() || !body->is_object()) return nullptr;
  const std::int64_t cid = get_int(body->get_object(), "cid");
  const auto& open = context.input.server.open();
  const auto found = open.find(static_cast<std::uint64_t>(cid));
  return cid <= 0 || found == open.end() ? nullptr : found->second;
}

// nats-server says nothing to a request that it cannot read.
bool readable(const CallContext& context) {
  return !context.body.empty() && parse_json(context.body).ok();
}

Answer error(std::string text) { return {.key = nullptr, .code = 500, .error = std::move(text)}; }

bool counts(const Subscription& subscription, std::string_view queue) {
  if (subscription.closed) return false;
  return subscription.owner->kind() == PeerKind::kClient &&
         (queue.empty() || subscription.queue() == queue);
}

std::size_t count_matching(const Account& account, std::string_view subject,
                           std::string_view queue) {
  MatchResult result;
  result.fill(account.index(), subject);
  const auto count = [queue](const std::vector<Subscription*>& list) {
    return static_cast<std::size_t>(std::count_if(
        list.begin(), list.end(), [queue](const Subscription* s) { return counts(*s, queue); }));
  };
  return (queue.empty() ? count(result.plain) : 0) + count(result.members);
}

json::object rules_of(const SubjectRules& rules) {
  json::object item;
  if (rules.allow && !rules.allow->empty()) item["allow"] = json::value_from(*rules.allow);
  if (!rules.deny.empty()) item["deny"] = json::value_from(rules.deny);
  return item;
}

json::object permissions_of(const PermissionsConfig& permissions) {
  json::object item;
  item["publish"] = rules_of(permissions.publish);
  item["subscribe"] = rules_of(permissions.subscribe);
  if (permissions.responses) {
    item["responses"] = {{"max", permissions.responses->max},
                         {"ttl", permissions.responses->expires.count()}};
  }
  return item;
}

// nats-server client.go, publicPermissions and claimExpiration: in whole seconds, as nanoseconds.
void add_grant(json::object& data, const Identity& who, WallTime now) {
  if (who.claims && !who.claims->name.empty()) data["user_name"] = who.claims->name;
  if (who.permissions) data["permissions"] = permissions_of(who.permissions->config());
  if (who.expires == WallTime::max()) return;
  const auto left = std::chrono::floor<std::chrono::seconds>(who.expires - now);
  data["expires"] = std::chrono::nanoseconds(left).count();
}

}  // namespace

Answer answer_kick(CallContext& context) {
  if (!readable(context)) return {.form = Answer::Form::kSilent};
  Reportable* const session = named_connection(context);
  if (!session) return error("no such client or leafnode id");
  session->shut_down("Kicked");
  return {};
}

Answer answer_lame_duck(CallContext& context) {
  if (!readable(context)) return {.form = Answer::Form::kSilent};
  Reportable* const session = named_connection(context);
  if (!session) return error("no such client id");
  session->announce_lame_duck();
  return {};
}

Answer answer_reload(CallContext& context) {
  if (!context.reload) return error("this server takes a changed configuration at its next start");
  std::string wrong = context.reload();
  return wrong.empty() ? Answer() : error(std::move(wrong));
}

// The body: a subject and perhaps a queue. The answer is a number.
Answer answer_subscribers(CallContext& context) {
  std::string_view body = context.body;
  while (body.starts_with(' ')) body.remove_prefix(1);
  const std::string_view subject = body.substr(0, body.find_first_of(" \r\n"));
  std::string_view queue = body.substr(subject.size());
  while (!queue.empty() && queue.front() <= ' ') queue.remove_prefix(1);
  queue = queue.substr(0, queue.find_first_of(" \r\n"));
  std::size_t count = 0;
  if (is_valid_literal(subject)) {
    count = count_matching(context.from, subject, queue);
  } else if (is_valid_subject(subject)) {
    context.from.for_each([&](const Subscription& each) {
      if (counts(each, queue) && covers(subject, each.subject())) ++count;
    });
  }
  return {.form = Answer::Form::kBare, .body = count};
}

// Of the client that asks; nobody else's.
Answer answer_user_info(CallContext& context) {
  const auto& open = context.input.server.open();
  const auto found = open.find(context.from_cid);
  if (found == open.end()) return {.form = Answer::Form::kSilent};
  const ConnectionReport report = found->second->report(false);
  const auto& accounts = context.input.server.accounts();
  const auto account = accounts.find(report.account);
  json::object data;
  data["user"] = report.user;
  data["account"] = report.account;
  data["account_name"] = account == accounts.end() ? report.account : account->second->tag();
  if (const Identity* const who = found->second->identity()) {
    add_grant(data, *who, context.input.wall);
  }
  return {.body = std::move(data)};
}

}  // namespace petiole
