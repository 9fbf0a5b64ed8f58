#include "agent/routing/match_cache.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "agent/subject/subject.h"
#include "agent/subject/subject_index.h"
#include "tests/agent/routing/peers.h"

namespace petiole::test {
namespace {

std::string random_subject(std::mt19937& random, bool pattern) {
  static constexpr const char* kWords[] = {"a", "b", "c", "d", "e", "f", "*"};
  std::string subject;
  const unsigned long count = 1 + random() % 3;
  for (unsigned long i = 0; i < count; ++i) {
    if (i != 0) subject += '.';
    if (pattern && random() % 6 == 0 && i + 1 == count) return subject + ">";
    subject += kWords[random() % (pattern ? 7 : 6)];
  }
  return subject;
}

TEST_CASE("match cache: a cached answer is what the index says, under churn") {
  for (const std::size_t entries : {0u, 1u, 7u, 64u, 8192u}) {
    CAPTURE(entries);
    std::mt19937 random(static_cast<unsigned>(entries));
    Peer owner;
    SubjectIndex index;
    Limits limits;
    limits.match_cache_entries_max = entries;
    MatchCache cache(limits, 5);
    std::vector<Subscription*> all;
    for (int i = 0; i < 20000; ++i) {
      if (random() % 8 == 0) {
        if (all.size() < 60 && (all.empty() || random() % 2 == 0)) {
          const char* queue = random() % 3 == 0 ? "q" : "";
          all.push_back(make_subscription(owner, random_subject(random, true), queue, "1"));
          index.insert(*all.back());
          cache.invalidate(all.back()->subject());
        } else {
          std::swap(all[random() % all.size()], all.back());
          index.remove(*all.back());
          cache.invalidate(all.back()->subject());
          free_subscription(all.back());
          all.pop_back();
        }
      }
      const std::string subject = random_subject(random, random() % 8 == 0);
      MatchEntry& entry = cache.pin(subject);
      if (!entry.filled) {
        entry.result.fill(index, subject);
        cache.fill_done(entry);
      }
      std::size_t expected = 0;
      for (const Subscription* each : all) expected += matches(each->subject(), subject);
      CAPTURE(subject);
      REQUIRE(entry.result.plain.size() + entry.result.members.size() == expected);
      for (const Subscription* each : entry.result.plain) {
        REQUIRE(std::find(all.begin(), all.end(), each) != all.end());
      }
      cache.unpin(entry);
      REQUIRE(cache.size() <= std::max<std::size_t>(entries, 0));
    }
    for (Subscription* each : all) free_subscription(each);
    if (entries == 8192) CHECK(cache.hits() > cache.misses() / 4);
  }
}

struct Cached {
  MatchCache cache{Limits{}, 1};
  bool hit(std::string_view subject) {
    MatchEntry& entry = cache.pin(subject);
    const bool filled = entry.filled;
    if (!filled) cache.fill_done(entry);
    cache.unpin(entry);
    return filled;
  }
};

TEST_CASE_FIXTURE(Cached, "match cache: a subscription makes stale only what it can match") {
  for (const char* subject : {"a.b.c", "a.x", "b.c", "d"}) {
    hit(subject);
    CHECK(hit(subject));
  }
  cache.invalidate("b.c");
  CHECK(!hit("b.c"));
  CHECK(hit("a.b.c"));
  cache.invalidate("_INBOX.abc.*");
  for (const char* subject : {"a.b.c", "a.x", "b.c", "d"}) CHECK(hit(subject));
  cache.invalidate("a.b.>");
  CHECK(!hit("a.b.c"));
  CHECK(hit("a.x"));
  cache.invalidate("a.*");
  CHECK(!hit("a.x"));
  CHECK(hit("b.c"));
  cache.invalidate(">");
  CHECK(!hit("d"));
}

TEST_CASE("match cache: the targets of all entries are bounded") {
  Peer owner;
  SubjectIndex index;
  Limits limits;
  limits.match_cache_targets_max = 100;
  MatchCache cache(limits, 1);
  std::vector<Subscription*> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(make_subscription(owner, ">", "", "1"));
    index.insert(*all.back());
  }
  for (int i = 0; i < 1000; ++i) {
    MatchEntry& entry = cache.pin("s." + std::to_string(i));
    entry.result.fill(index, entry.subject);
    cache.fill_done(entry);
    cache.unpin(entry);
  }
  CHECK(cache.size() <= 6);
  for (Subscription* each : all) free_subscription(each);
}

TEST_CASE("match cache: targets stay bounded when what is cached already comes to match more") {
  Peer owner;
  SubjectIndex index;
  Limits limits;
  limits.match_cache_targets_max = 100;
  limits.match_cache_entries_max = 50;
  MatchCache cache(limits, 1);
  std::vector<Subscription*> all;
  for (const int round : {0, 1, 2}) {
    CAPTURE(round);
    for (int i = 0; i < 50; ++i) {
      MatchEntry& entry = cache.pin("s." + std::to_string(100 * (round / 2) + i));
      if (!entry.filled) entry.result.fill(index, entry.subject);
      CHECK(entry.result.plain.size() == all.size());
      cache.fill_done(entry);
      cache.unpin(entry);
      CHECK(cache.targets() <= 100);
    }
    for (int i = 0; round == 0 && i < 20; ++i) {
      all.push_back(make_subscription(owner, ">", "", "1"));
      index.insert(*all.back());
      cache.invalidate(">");
    }
  }
  for (Subscription* each : all) free_subscription(each);
}

TEST_CASE("match cache: what is used stays when others pass through") {
  Limits limits;
  limits.match_cache_entries_max = 16;
  MatchCache cache(limits, 1);
  const auto use = [&](const std::string& subject) {
    MatchEntry& entry = cache.pin(subject);
    const bool filled = entry.filled;
    if (!filled) cache.fill_done(entry);
    cache.unpin(entry);
    return filled;
  };
  use("hot");
  int missed = 0;
  for (int i = 0; i < 1000; ++i) {
    use("cold." + std::to_string(i));
    missed += use("hot") ? 0 : 1;
  }
  CHECK(missed < 100);
}

}  // namespace
}  // namespace petiole::test
