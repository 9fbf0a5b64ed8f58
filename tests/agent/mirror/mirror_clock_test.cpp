// The clock on the wall is set, forth or back by years, while messages wait.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

constexpr Duration kYears = 24h * 365 * 56;

RuleConfig hour_rule() {
  RuleConfig rule = disk_rule();
  rule.max_age = 1h;
  return rule;
}

}  // namespace

TEST_CASE("mirror: a clock that is set makes no message too old") {
  for (const bool large : {false, true}) {  // Than what is in memory.
    for (const bool restart : {false, true}) {
      CAPTURE(large);
      CAPTURE(restart);
      World world(config_of(hour_rule()), {});
      if (large) world.limits.tail_messages_max = world.limits.loaded_messages_max = 2;
      world.clock.set_wall_offset(-1000s);  // 1970.
      world.start();
      publish(world, 1, 9);
      world.run(30min);
      if (restart) {
        world.crash();
        world.clock.set_wall_offset(-world.clock.now().time_since_epoch());
        world.start();
        world.run(1s);
      }
      world.clock.set_wall_offset(kYears);
      publish(world, 10, 10);
      world.run(5s);
      world.up();
      world.run(1min);
      CHECK(world.drained());
      CHECK(world.payloads() == numbers(1, 10));
    }
  }
}

// As of a board that begins with the time of its last stop: it is days behind until it has a
// network.
TEST_CASE("mirror: a clock that was set makes no message too old for the next run either") {
  for (const int restarts : {1, 3}) {
    CAPTURE(restarts);
    World world(config_of(hour_rule()), {});
    world.clock.set_wall_offset(kYears);
    world.start();
    publish(world, 1, 9);
    world.run(10min);
    world.clock.set_wall_offset(kYears + 72h);
    world.run(10s);
    publish(world, 10, 19);
    for (int i = 0; i < restarts; ++i) {
      world.run(5s);
      world.crash();
      world.start();
    }
    SUBCASE("sent in time") {
      world.run(20min);
      CHECK(world.rule().messages == 19);
      world.up();
      world.run(1min);
      CHECK(world.payloads() == numbers(1, 19));
    }
    SUBCASE("given up in an hour all the same") {
      world.run(51min);
      CHECK(world.rule().losses.age == 9);
      world.run(10min);
      CHECK(world.rule().losses.age == 19);
    }
    SUBCASE("set back meanwhile") {
      world.crash();
      world.clock.set_wall_offset(kYears);
      world.start();
      world.up();
      world.run(1min);
      CHECK(world.payloads() == numbers(1, 19));
    }
  }
}

TEST_CASE("mirror: a stamp of a clock that was never set says nothing of an age") {
  World world(config_of(hour_rule()), {});
  world.clock.set_wall_offset(-1000s);
  world.start();
  publish(world, 1, 9);
  world.run(30min);
  world.crash();
  world.clock.set_wall_offset(kYears);  // Before the next start.
  world.start();
  world.run(30min);
  CHECK(world.rule().messages == 9);
  SUBCASE("sent in time") {
    world.up();
    world.run(1min);
    CHECK(world.payloads() == numbers(1, 9));
  }
  SUBCASE("given up an hour after it was found") {
    world.run(31min);
    CHECK(world.rule().losses.age == 9);
  }
}

TEST_CASE("mirror: messages get too old by the time that passes, whatever the clock says") {
  for (const Duration jump : {kYears + 2h, kYears - 2h}) {
    CAPTURE(jump.count());
    World world(config_of(hour_rule()), {});
    world.start();
    publish(world, 1, 3);
    world.run(30min);
    world.clock.set_wall_offset(jump);
    world.run(1s);
    publish(world, 4, 6);
    world.run(29min);
    CHECK(world.rule().losses.age == 0);
    world.run(2min);
    CHECK(world.rule().losses.age == 3);
    world.up();
    world.run(1min);
    CHECK(world.payloads() == numbers(4, 6));
  }
}

TEST_CASE("mirror: messages get older while the machine sleeps") {
  World world(config_of(hour_rule()), {});
  world.start();
  publish(world, 1, 3);
  world.run(30min);
  world.clock.sleep(31min);
  publish(world, 4, 6);
  world.run(1min);
  CHECK(world.rule().losses.age == 3);
  world.up();
  world.run(1min);
  CHECK(world.payloads() == numbers(4, 6));
}

TEST_CASE("mirror: a backlog from a time to come is paced like any other") {
  MirrorConfig config = config_of(disk_rule());
  config.replay.max_rate = 1000;
  World world(config, {});
  world.start();
  const std::string payload(100, 'x');
  for (int i = 0; i < 100; ++i) world.publish("t.a", payload);
  world.run(1s);
  world.crash();
  world.clock.set_wall_offset(-1000s);
  world.start();
  world.up();
  world.run(3s);
  CHECK(world.payloads().size() > 10);
  CHECK(world.payloads().size() < 50);
}

TEST_CASE(
    "mirror: that nobody at the hub takes what waits is said after a minute, then once an hour") {
  World world(config_of(disk_rule()), {.stream_subject = ""});
  world.start();
  world.up();
  publish(world, 1, 3);
  const auto said = [&world] {
    const auto& lines = world.log.lines();
    return std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
      return line.find("mirror: t.>: 3 messages wait: at the hub no stream") != line.npos;
    });
  };
  world.run(50s);
  CHECK(said() == 0);
  world.run(50min);
  CHECK(said() == 1);
  world.run(15min);
  CHECK(said() == 2);
  world.hub.interest = {"t.a"};
  world.mirror->interest_changed(*world.link);
  world.run(2h);
  CHECK(world.drained());
  CHECK(said() == 2);
}
