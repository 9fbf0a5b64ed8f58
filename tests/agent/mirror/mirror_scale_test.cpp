// Much of a thing: clients of the hub that come and go, streams, subjects, messages that get old.
#include <doctest/doctest.h>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

TEST_CASE("scale: a backlog that gets too old faster than a page a second is given up as it does") {
  RuleConfig rule = disk_rule();
  rule.max_age = 5s;
  rule.max_messages = 12'000;
  rule.discard = Discard::kNew;
  World world(config_of(rule), {});
  world.start();
  for (int i = 0; i < 30; ++i) {
    publish(world, i * 1000, i * 1000 + 999);
    world.run(1s);
  }
  CHECK(world.rule().messages < 8'000);
  CHECK(world.rule().losses.refused == 0);
}
