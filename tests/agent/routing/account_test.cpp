#include "agent/routing/account.h"

#include <doctest/doctest.h>

#include "agent/routing/match_cache.h"
#include "tests/agent/routing/peers.h"

namespace petiole::test {
namespace {

TEST_CASE_FIXTURE(AccountFixture, "account: each plain match gets a copy") {
  Peer a, b;
  sub(a, "x.*");
  sub(a, "x.>", "", "2");
  sub(b, "x.y");
  sub(b, "z");
  CHECK(publish("x.y").delivered == 3);
  CHECK(a.got.size() == 2);
  CHECK(b.got.size() == 1);
  CHECK(account.stats().messages_in == 1);
  CHECK(account.stats().messages_out == 3);
  CHECK(account.stats().bytes_out == 3);
}

TEST_CASE_FIXTURE(AccountFixture, "account: without echo the publisher hears nothing") {
  Peer a;
  sub(a, "x");
  CHECK(publish("x", {.from = &a, .echo = false}).delivered == 0);
  CHECK(publish("x", {.from = &a}).delivered == 1);
}

TEST_CASE_FIXTURE(AccountFixture, "account: a large payload for several is copied once") {
  Peer a, b;
  sub(a, "x");
  const std::string large(10000, 'x');
  publish("x", {}, large);
  CHECK(!a.last_shared);
  sub(b, "x");
  publish("x", {}, large);
  REQUIRE(a.last_shared);
  CHECK(a.last_shared == b.last_shared);
  CHECK(*a.last_shared == large);
  publish("x", {}, "small");
  CHECK(!a.last_shared);
}

TEST_CASE_FIXTURE(AccountFixture,
                  "account: what is retired in a publish is not freed before its end") {
  Peer a, b;
  Subscription* first = sub(a, "x");
  Subscription* second = sub(b, "x");
  a.hook = [&](Subscription&) {
    drop(second);
    publish("x");  // Nested: must not free yet.
  };
  b.hook = [&](Subscription&) { drop(first); };
  publish("x");
  CHECK(a.got.size() + b.got.size() <= 3);
  CHECK(account.subscription_count() < 2);
}

TEST_CASE_FIXTURE(AccountFixture,
                  "account: a nested publish that matches anew leaves the outer one alone") {
  Peer a, b, c;
  sub(a, "x");
  sub(b, "x");
  bool once = true;
  a.hook = b.hook = [&](Subscription&) {
    if (!std::exchange(once, false)) return;
    sub(c, "x");  // Makes the outer result stale while it is walked.
    publish("x", {}, "nested");
  };
  publish("x", {}, "outer");
  CHECK(a.got.size() == 2);
  CHECK(b.got.size() == 2);
  CHECK(c.got == std::vector<std::string>{"1:nested"});
}

TEST_CASE_FIXTURE(AccountFixture, "account: interest of anyone else") {
  Peer a, leaf(PeerKind::kLeaf);
  CHECK(!account.has_interest("x"));
  sub(a, "x");
  CHECK(account.has_interest("x"));
  CHECK(!account.has_interest("x", &a));
  sub(leaf, ">");
  CHECK(account.has_interest("x", &a));
  CHECK(!account.has_interest("y", &leaf));
}

class Listener : public InterestListener {
 public:
  void added(const Subscription& each) override { log += "+" + std::string(each.subject()); }
  void removed(const Subscription& each) override { log += "-" + std::string(each.subject()); }
  void reweighed(const Subscription& each, std::uint32_t before) override {
    log += "w" + std::to_string(before) + ">" + std::to_string(each.weight);
  }
  std::string log;
};

TEST_CASE_FIXTURE(AccountFixture, "account: listeners hear of every change until they leave") {
  Peer a;
  Listener listener;
  account.listen(listener);
  Subscription* x = sub(a, "x");
  account.reweigh(*x, 3);
  account.reweigh(*x, 3);
  drop(x);
  account.unlisten(listener);
  sub(a, "y");
  CHECK(listener.log == "+xw1>3-x");
}

class Rules : public Capture {
 public:
  int rule_of(std::string_view subject) const override {
    return subject.starts_with("t.") ? 4 : -1;
  }
  bool capture(int rule, const Message& message) override {
    CHECK(rule == 4);
    taken += std::string(message.payload);
    return !full;
  }
  bool captures_requests(int) const override { return requests; }
  bool has_undurable() const override { return false; }
  bool congested() const override { return false; }
  void when_durable(std::function<void(Status)>) override {}
  std::string taken;
  bool full = false, requests = false;
};

TEST_CASE_FIXTURE(AccountFixture, "account: it is empty when nobody is in it or holds on to it") {
  Peer a;
  Rules rules;
  Listener listener;
  CHECK(account.is_empty());
  const auto held = [&](auto begin, auto end) {
    begin();
    CHECK(!account.is_empty());
    end();
    CHECK(account.is_empty());
  };
  held([&] { account.count_client(1); }, [&] { account.count_client(-1); });
  held([&] { account.count_leaf(1); }, [&] { account.count_leaf(-1); });
  held([&] { sub(a, "x"); }, [&] { drop(made.back()); });
  held([&] { account.listen(listener); }, [&] { account.unlisten(listener); });
  held([&] { account.set_capture(&rules); }, [&] { account.set_capture(nullptr); });
}

TEST_CASE_FIXTURE(AccountFixture,
                  "account: what is captured goes to locals and leafs, not to uplinks") {
  Peer local, leaf(PeerKind::kLeaf), hub(PeerKind::kLeaf);
  hub.is_uplink = true;
  for (Peer* each : {&local, &leaf, &hub}) sub(*each, ">");
  sub(hub, "t.*", "q");
  CHECK(publish("t.1").delivered == 3);  // Fills the cache before the rules exist.
  Rules rules;
  account.set_capture(&rules);
  const PublishOutcome outcome = publish("t.1", {}, "m");
  CHECK(outcome.captured);
  CHECK(outcome.delivered == 3);
  CHECK(rules.taken == "m");
  CHECK(hub.got.size() == 1);
  CHECK(leaf.got.size() == 2);
  CHECK(!publish("u.1").captured);
  CHECK(hub.got.size() == 2);
  CHECK(!publish("t.1", {.capture = false}).captured);
  CHECK(hub.got.size() == 3);
  account.set_capture(nullptr);
}

TEST_CASE_FIXTURE(AccountFixture,
                  "account: requests pass by the mirror unless the rule takes them") {
  Rules rules;
  account.set_capture(&rules);
  CHECK(!publish("t.1", {}, "a", "reply").captured);
  rules.requests = true;
  CHECK(publish("t.1", {}, "b", "reply").captured);
  CHECK(rules.taken == "b");
  rules.full = true;
  const PublishOutcome refused = publish("t.1", {}, "c");
  CHECK(refused.captured);
  CHECK(refused.delivered == 0);
  account.set_capture(nullptr);
}

// Nor could the time that a publish takes tell it: what is known of a subject is an account's own.
TEST_CASE_FIXTURE(AccountFixture, "account: what others do is not seen in what a match costs") {
  limits.match_cache_entries_max = 16;
  AccountFixture other;
  Peer here, there;
  sub(here, "x");
  publish("x");
  publish("x");
  REQUIRE(account.cache().misses() == 1);
  for (const char* subject : {"x", "x.>", ">"}) other.sub(there, subject);
  for (int i = 0; i < 1000; ++i) other.publish("x." + std::to_string(i));
  other.publish("x");
  publish("x");
  CHECK(account.cache().misses() == 1);
  CHECK(account.cache().hits() == 2);
  CHECK(account.cache().size() == 1);
  CHECK(account.hash_seed() != Account("B", limits, entropy).hash_seed());
}

}  // namespace
}  // namespace petiole::test
