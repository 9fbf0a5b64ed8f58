// Two things that go wrong at once.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> sorted(std::vector<std::string> list) {
  std::sort(list.begin(), list.end());
  return list;
}

}  // namespace

TEST_CASE("mirror: a stream that is made while the hub is asked for its streams is found soon") {
  World world(config_of(disk_rule()), {.stream_subject = "", .latency = 2s});
  world.hub.interest = {"t.>"};
  world.start();
  world.up();
  world.run(3s);  // The answer is on its way: there is none.
  world.hub.options().stream_subject = "t.>";
  world.mirror->interest_changed(*world.link);
  world.run(12s);
  world.hub.refuse_once = {"1"};
  publish(world, 1, 1);
  world.run(1min);
  CHECK(world.payloads() == numbers(1, 1));
}

TEST_CASE("mirror: a rule that refuses at its limit gives up nothing, in memory neither") {
  for (const bool fails : {false, true}) {
    CAPTURE(fails);
    RuleConfig rule = disk_rule();
    rule.max_messages = 30;
    rule.discard = Discard::kNew;
    rule.durability = fails ? Durability::kDisk : Durability::kOutage;
    World world(config_of(rule), {.latency = 100ms});
    world.start();
    if (fails) {
      publish(world, 1, 20);
      world.run(1s);
      world.model->fail();
      world.run(1s);
    }
    world.up();
    if (!fails) world.run(5s);
    publish(world, fails ? 21 : 1, 40);  // In one turn: none is sent meanwhile.
    world.run(1min);
    CHECK(world.rule().losses.limit == 0);
    CHECK(world.rule().losses.refused == 10);
    CHECK(world.payloads() == numbers(1, 30));
  }
}

TEST_CASE("mirror: a hub that lists its streams is not asked for what permissions deny") {
  for (const char* denied : {"$JS.hub.API.STREAM.MSG.GET.", "$JS.hub.API.STREAM.INFO."}) {
    CAPTURE(denied);
    World world(config_of(disk_rule()), {.denied = denied});
    world.start();
    world.up();
    world.run(1s);
    world.hub.refuse_once = {"2"};
    world.hub.acks_to_drop = 5;
    publish(world, 1, 6);
    world.run(100ms);
    world.down();
    world.up();
    world.run(5s);
    CHECK(world.hub.violations == 0);
    CHECK(world.drained());
    CHECK(sorted(world.payloads()) == numbers(1, 6));
    const bool told = world.mirror->report().guarantee.find("look into") != std::string::npos;
    CHECK(told == (std::string(denied).find("MSG") != std::string::npos));
  }
}
