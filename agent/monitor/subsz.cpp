// /subsz: nats-server monitor.go, Subsz, over the accounts' indexes and match caches.
#include <algorithm>

#include "agent/config/check.h"
#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"
#include "agent/routing/match_cache.h"

namespace petiole {
namespace {

// Whether a published `subject` reaches `pattern`.
bool reaches(std::string_view subject, std::string_view pattern) {
  while (true) {
    const std::size_t subject_dot = subject.find('.');
    const std::size_t pattern_dot = pattern.find('.');
    const std::string_view token = pattern.substr(0, pattern_dot);
    if (token == ">") return true;
    if (token != "*" && token != subject.substr(0, subject_dot)) return false;
    if (subject_dot == std::string_view::npos || pattern_dot == std::string_view::npos) {
      return subject_dot == pattern_dot;
    }
    subject.remove_prefix(subject_dot + 1);
    pattern.remove_prefix(pattern_dot + 1);
  }
}

bool is_literal(std::string_view subject) {
  if (!check_subject(subject).empty()) return false;
  for (std::size_t begin = 0; begin < subject.size();) {
    const std::size_t dot = std::min(subject.find('.', begin), subject.size());
    const std::string_view token = subject.substr(begin, dot - begin);
    if (token == "*" || token == ">") return false;
    begin = dot + 1;
  }
  return true;
}

struct Listing {
  std::size_t offset = 0, limit = 1024, total = 0;
  std::string_view test;
  json::array list;
};

void add_account(Listing& listing, const Account& account) {
  account.for_each([&](const Subscription& subscription) {
    if (!listing.test.empty() && !reaches(listing.test, subscription.subject())) return;
    const std::size_t number = listing.total++;
    if (number < listing.offset || listing.list.size() >= listing.limit) return;
    listing.list.emplace_back(subscription_detail(subscription, 0, account.name()));
  });
}

}  // namespace

json::object sublist_stats(const MonitorInput& input, std::string_view account_name) {
  std::uint64_t subscriptions = 0, cached = 0, hits = 0, misses = 0;
  for (const auto& [name, account] : input.server.accounts()) {
    if (!account_name.empty() && name != account_name) continue;
    subscriptions += account->subscription_count();
    cached += account->cache().size();
    hits += account->cache().hits();
    misses += account->cache().misses();
  }
  const std::uint64_t matches = hits + misses;
  json::object body;
  body["num_subscriptions"] = subscriptions;
  body["num_cache"] = cached;
  body["num_inserts"] = subscriptions;  // Of those that are still there: churn is not counted.
  body["num_removes"] = 0;
  body["num_matches"] = matches;
  body["cache_hit_rate"] =
      number_value(matches == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(matches));
  body["max_fanout"] = 0;  // Would need a walk over the cache.
  body["avg_fanout"] = 0;
  return body;
}

json::object subsz(const MonitorInput& input, Query& query) {
  Listing listing;
  const bool list = query.flag("subs");
  listing.offset = static_cast<std::size_t>(std::max<std::int64_t>(0, query.number("offset", 0)));
  const std::int64_t limit = query.number("limit", 1024);
  listing.limit = limit <= 0 ? 1024 : static_cast<std::size_t>(limit);
  listing.test = query.text("test");
  if (!listing.test.empty() && !is_literal(listing.test)) {
    query.fail("invalid test subject, must be valid publish subject: " +
               std::string(listing.test.substr(0, 64)));
  }
  if (!query.ok()) return {};
  const std::string_view wanted = query.text("acc");
  if (list || !listing.test.empty()) {
    for (const auto& [name, account] : input.server.accounts()) {
      if (wanted.empty() || name == wanted) add_account(listing, *account);
    }
  }
  json::object body;
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  for (const auto& member : sublist_stats(input, wanted)) body[member.key()] = member.value();
  body["total"] = listing.total;
  body["offset"] = listing.offset;
  body["limit"] = listing.limit;
  if (!listing.list.empty()) body["subscriptions_list"] = std::move(listing.list);
  return body;
}

}  // namespace petiole
