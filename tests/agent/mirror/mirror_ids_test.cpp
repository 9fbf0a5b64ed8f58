// Ids of messages: what the hub takes for a repeat, and what not.
#include <doctest/doctest.h>

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
