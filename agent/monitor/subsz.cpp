// /subsz: nats-server monitor.go, Subsz, over the accounts' indexes and match caches.
#include <algorithm>
#include <tuple>
#include <vector>

#include "agent/monitor/endpoints.h"
#include "agent/monitor/text.h"
#include "agent/routing/match_cache.h"
#include "agent/subject/subject.h"

namespace petiole {
namespace {

struct Listed {
  const Subscription* subscription;
  const Account* account;
};

struct Listing {
  std::size_t offset = 0, limit = 1024;
  std::string_view test;
  std::vector<Listed> all;
};

// nats-server sublist.go, localSubs: what leafs want is in /leafz.
void add_account(Listing& listing, const Account& account) {
  account.for_each([&](const Subscription& subscription) {
    if (subscription.owner->kind() == PeerKind::kLeaf) return;
    if (!listing.test.empty() && !matches(subscription.subject(), listing.test)) return;
    listing.all.push_back({&subscription, &account});
  });
}

bool is_before(const Listed& a, const Listed& b) {
  const Subscription &left = *a.subscription, &right = *b.subscription;
  return std::tuple(left.owner->cid(), left.sid(), left.subject()) <
         std::tuple(right.owner->cid(), right.sid(), right.subject());
}

// The pages of several requests fit together.
json::array page(Listing& listing) {
  std::vector<Listed>& all = listing.all;
  const std::size_t begin = std::min(listing.offset, all.size());
  const std::size_t end = begin + std::min(listing.limit, all.size() - begin);
  const auto at = [&all](std::size_t n) { return all.begin() + static_cast<std::ptrdiff_t>(n); };
  std::nth_element(all.begin(), at(begin), all.end(), is_before);
  std::partial_sort(at(begin), at(end), all.end(), is_before);
  json::array list;
  for (std::size_t i = begin; i < end; ++i) {
    list.emplace_back(subscription_detail(*all[i].subscription, all[i].account));
  }
  return list;
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
  listing.offset = query.count("offset", 0);
  listing.limit = std::min(query.count("limit", 1024), kListedMax);
  listing.test = query.text("test");
  if (!listing.test.empty() && !is_valid_literal(listing.test)) {
    query.fail("invalid test subject, must be valid publish subject: " +
               std::string(listing.test.substr(0, 64)));
  }
  if (!query.ok()) return {};
  const std::string_view wanted = query.text("acc");
  if (list) {
    for (const auto& [name, account] : input.server.accounts()) {
      if (wanted.empty() || name == wanted) add_account(listing, *account);
    }
  }
  json::object body;
  body["server_id"] = input.server.id();
  body["now"] = go_time(input.wall);
  for (const auto& member : sublist_stats(input, wanted)) body[member.key()] = member.value();
  body["total"] = listing.all.size();
  body["offset"] = listing.offset;
  body["limit"] = listing.limit;
  if (json::array shown = page(listing); !shown.empty())
    body["subscriptions_list"] = std::move(shown);
  return body;
}

}  // namespace petiole
