#include <doctest/doctest.h>

#include <array>

#include "tests/agent/routing/peers.h"

namespace petiole::test {
namespace {

TEST_CASE_FIXTURE(AccountFixture, "queue: one member of a group over all its patterns") {
  Peer a, b;
  sub(a, "q.*", "g");
  sub(b, "q.>", "g");
  sub(b, "q.x", "other");
  for (int i = 0; i < 100; ++i) CHECK(publish("q.x").delivered == 2);
  CHECK(a.got.size() + b.got.size() == 200);
}

TEST_CASE_FIXTURE(AccountFixture, "queue: members share evenly") {
  std::array<Peer, 4> peers;
  for (Peer& each : peers) sub(each, "q", "g");
  for (int i = 0; i < 4000; ++i) publish("q");
  for (const Peer& each : peers) {
    CHECK(each.got.size() > 850);
    CHECK(each.got.size() < 1150);
  }
}

TEST_CASE_FIXTURE(AccountFixture, "queue: a member that refuses is passed over") {
  Peer refuses, takes, leaf(PeerKind::kLeaf);
  refuses.takes = false;
  sub(refuses, "q", "g");
  sub(takes, "q", "g");
  sub(leaf, "q", "g", "", 1000);
  for (int i = 0; i < 50; ++i) CHECK(publish("q").delivered == 1);
  CHECK(takes.got.size() == 50);
  CHECK(leaf.got.empty());
  takes.takes = false;
  CHECK(publish("q").delivered == 1);
  CHECK(leaf.got == std::vector<std::string>{"queues g"});
}

TEST_CASE_FIXTURE(AccountFixture, "queue: without echo the publisher's own member is passed over") {
  Peer a, b;
  sub(a, "q", "g");
  sub(b, "q", "g");
  for (int i = 0; i < 20; ++i) publish("q", {.from = &a, .echo = false});
  CHECK(b.got.size() == 20);
}

TEST_CASE_FIXTURE(AccountFixture, "queue: leafs are chosen by weight") {
  Peer light(PeerKind::kLeaf), heavy(PeerKind::kLeaf);
  sub(light, "q", "g", "", 1);
  Subscription* weighed = sub(heavy, "q", "g", "", 1);
  account.reweigh(*weighed, 3);
  for (int i = 0; i < 4000; ++i) publish("q");
  CHECK(light.got.size() + heavy.got.size() == 4000);
  CHECK(heavy.got.size() > 2800);
  CHECK(heavy.got.size() < 3200);
}

}  // namespace
}  // namespace petiole::test
