#include <doctest/doctest.h>

#include "tests/agent/routing/peers.h"

namespace petiole::test {
namespace {

using Lines = std::vector<std::string>;

TEST_CASE_FIXTURE(AccountFixture, "leaf: one line for all matches of a peer") {
  Peer leaf(PeerKind::kLeaf);
  sub(leaf, "x.*");
  sub(leaf, "x.>");
  sub(leaf, "x.y", "g1");
  sub(leaf, "x.*", "g2");
  CHECK(publish("x.y").delivered == 1);
  CHECK(leaf.got == Lines{"plain g1 g2"});
}

TEST_CASE_FIXTURE(AccountFixture, "leaf: only queue interest") {
  Peer leaf(PeerKind::kLeaf), other(PeerKind::kLeaf);
  sub(leaf, "x", "g1");
  sub(other, "y", "g1");
  publish("x");
  CHECK(leaf.got == Lines{"queues g1"});
  CHECK(other.got.empty());
}

TEST_CASE_FIXTURE(AccountFixture, "leaf: never back to the origin, nor to its cluster") {
  Peer from(PeerKind::kLeaf), same(PeerKind::kLeaf), other(PeerKind::kLeaf);
  from.cluster = same.cluster = "edge";
  other.cluster = "hub";
  for (Peer* each : {&from, &same, &other}) {
    sub(*each, "x");
    sub(*each, "x", "g");
  }
  publish("x", {.from = &from, .leaf = true, .queues = "g"});
  CHECK(from.got.empty());
  CHECK(same.got.empty());
  CHECK(other.got == Lines{"plain g"});
  publish("x");
  CHECK(from.got.size() == 1);
  CHECK(same.got.size() == 1);
}

TEST_CASE_FIXTURE(AccountFixture,
                  "leaf: what is imported goes back to the cluster, not to the hub") {
  Peer from(PeerKind::kLeaf), same(PeerKind::kLeaf);
  from.cluster = same.cluster = "edge";
  sub(same, "x");
  sub(same, "x", "g");
  const Account::Origin imported{.from = &from, .leaf = true, .queues = "g", .imported = true};
  publish("x", imported);
  CHECK(same.got == Lines{"plain g"});
  from.hub = same.hub = "hub";  // Both lead there.
  publish("x", imported);
  CHECK(same.got.size() == 1);
  same.hub = "another";
  publish("x", imported);
  CHECK(same.got.size() == 2);
}

TEST_CASE_FIXTURE(AccountFixture, "leaf: its messages serve only the queue groups they name") {
  Peer from(PeerKind::kLeaf), client;
  sub(client, "x", "g1", "1");
  sub(client, "x", "g2", "2");
  sub(client, "x", "", "3");
  CHECK(publish("x", {.from = &from, .leaf = true}).delivered == 1);
  CHECK(client.got == Lines{"3:x"});
  client.got.clear();
  CHECK(publish("x", {.from = &from, .leaf = true, .queues = " g2 g9"}).delivered == 2);
  CHECK(client.got == Lines{"3:x", "2:x"});
}

TEST_CASE_FIXTURE(AccountFixture, "leaf: as many groups as there are, in one line") {
  Peer leaf(PeerKind::kLeaf), other(PeerKind::kLeaf);
  std::string line = "plain";
  for (int i = 100; i < 300; ++i) {
    const std::string name = "g" + std::to_string(i);
    line += " " + name;
    sub(leaf, "x", name);
    sub(other, "x", name, "1", 0);
  }
  sub(leaf, "x");
  CHECK(publish("x").delivered == 1);
  CHECK(leaf.got == Lines{line});
  CHECK(other.got.empty());
}

TEST_CASE_FIXTURE(AccountFixture, "leaf: many groups and leafs at once") {
  std::vector<std::unique_ptr<Peer>> leafs;
  for (int i = 0; i < 20; ++i) {
    leafs.push_back(std::make_unique<Peer>(PeerKind::kLeaf));
    for (int g = 0; g < 10; ++g) sub(*leafs.back(), "x", "g" + std::to_string(g));
  }
  publish("x");
  std::size_t groups = 0;
  for (const auto& each : leafs) {
    CHECK(each->got.size() <= 1);
    for (const std::string& line : each->got) {
      groups += static_cast<std::size_t>(std::count(line.begin(), line.end(), 'g'));
    }
  }
  CHECK(groups == 10);
}

}  // namespace
}  // namespace petiole::test
