// Ids of messages: what the hub takes for a repeat, and what not.
#include <doctest/doctest.h>

#include <algorithm>

#include "agent/protocol/headers.h"
#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

// To a nats-server it is none.
TEST_CASE("ids: an empty one is none, and gives way to ours") {
  for (const Durability durability : {Durability::kDisk, Durability::kOutage}) {
    RuleConfig rule = disk_rule();
    rule.durability = durability;
    World world(config_of(rule), {.duplicate_window = 10s});
    world.start();
    world.up();
    world.run(1s);
    world.hub.drop_acks = 1;
    for (int i = 1; i <= 3; ++i) {
      const std::string header = add_header(add_header({}, "Nats-Msg-Id", ""), "More", "1");
      world.account.publish({}, {"t.a", {}, header, std::to_string(i), {}});
    }
    world.run(1s);
    world.down();
    world.run(1min);
    world.hub.drop_acks = 0;
    world.up();
    world.run(10s);
    CHECK(world.drained());
    CHECK(world.payloads() == numbers(1, 3));
    CHECK(world.rule().duplicates == 0);
  }
}

namespace {

// As the box whose store was copied sends them: under the ids that ours are about to have.
void others(World& world, const std::string& subject) {
  std::string prefix = world.hub.stored.front().id;
  prefix.resize(prefix.rfind(':') + 1);
  for (int i = 1; i < 5000; ++i) {
    const std::string id = prefix + std::to_string(i);
    if (world.hub.stored.size() < static_cast<std::size_t>(i))
      world.hub.store(subject, id, "other");
  }
}

std::vector<std::string> sorted_payloads(const World& world) {
  std::vector<std::string> list = world.payloads();
  std::erase(list, "other");
  std::sort(list.begin(), list.end(),
            [](const std::string& a, const std::string& b) { return std::stoi(a) < std::stoi(b); });
  return list;
}

}  // namespace

TEST_CASE("ids: of a copied store none is lost, and none comes twice") {
  for (const std::size_t together : {1, 8}) {
    for (const bool crash : {false, true}) {
      CAPTURE(together);
      CAPTURE(crash);
      World world(config_of(disk_rule()), {.duplicate_window = 24h});
      world.limits.group_messages_max = together;
      world.limits.group_after = 4;
      world.start();
      world.up();
      publish(world, 1, 10);
      world.run(1s);
      publish(world, 11, 20);
      world.run(1s);
      REQUIRE(world.drained());
      others(world, "t.b");
      publish(world, 21, 60);
      world.run(1min);
      if (crash) {
        world.crash();
        world.start();
        world.up();
      }
      publish(world, 61, 100);
      world.run(1min);
      CHECK(world.drained());
      CHECK(sorted_payloads(world) == numbers(1, 100));
      CHECK(world.log.contains("copy"));
    }
  }
}

TEST_CASE("ids: of a copied store the next start knows what it sent") {
  World world(config_of(disk_rule()), {.duplicate_window = 1h});
  world.start();
  world.up();
  publish(world, 1, 10);
  world.run(1s);
  others(world, "t.b");
  publish(world, 11, 12);
  world.run(1min);
  world.hub.drop_acks = 1;
  publish(world, 13, 20);
  world.run(100ms);
  world.down();
  world.crash();
  world.run(2h);
  world.hub.drop_acks = 0;
  world.start();
  world.up();
  world.run(1min);
  CHECK(world.drained());
  CHECK(sorted_payloads(world) == numbers(1, 20));
}

// Nobody can tell it from another box's under the same ids.
TEST_CASE("ids: of a store that was put back nothing is lost") {
  for (const bool late : {false, true}) {
    CAPTURE(late);
    World world(config_of(disk_rule()), {});
    world.start();
    publish(world, 1, 10);
    world.run(1s);
    const ModelDisk backup = world.disk;
    publish(world, 11, 20);
    world.up();
    world.run(1min);
    REQUIRE(world.payloads() == numbers(1, 20));
    world.crash();
    world.disk = backup;
    if (late) world.run(10min);
    world.start();
    publish(world, 21, 30);
    world.up();
    world.run(1min);
    CHECK(world.drained());
    std::vector<std::string> wanted = numbers(1, 20);
    for (int i = 1; i <= 10; ++i) wanted.push_back(std::to_string(i));
    for (int i = 21; i <= 30; ++i) wanted.push_back(std::to_string(i));
    CHECK(world.payloads() == wanted);
  }
}
