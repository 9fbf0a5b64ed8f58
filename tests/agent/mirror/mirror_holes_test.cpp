// What the hub has out of order, as it refused or lost some, or some answers: what that says of the
// others, now and after a crash.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

// As a stream changes its leader: two are lost, those behind them are taken.
TEST_CASE("mirror: what is sent again behind others is no floor for those, after a crash either") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms, .latency = 20ms});
  world.limits.note_alone = world.limits.note_interval = 10ms;
  world.start();
  world.up();
  world.run(1s);
  world.hub.vanish_once = {"1", "2"};
  publish(world, 1, 10);
  world.run(1s);
  REQUIRE(world.payloads() == numbers(3, 10));
  world.hub.vanish_once = {"2"};
  const bool again = world.loop.run_until([&] { return world.payloads().size() == 9; }, 1min);
  REQUIRE(again);
  world.run(500ms);  // The first is confirmed, and noted; the second is lost once more.
  REQUIRE(world.rule().confirmed == 1);
  world.crash();
  world.run(1min);
  world.start();
  world.up();
  world.run(30s);
  std::vector<std::string> expected = numbers(3, 10);
  expected.insert(expected.end(), {"1", "2"});
  CHECK(world.payloads() == expected);
  CHECK(world.drained());
}

TEST_CASE(
    "mirror: where the stream keeps the last, one that was answered vouches for those before") {
  for (const bool groups : {false, true}) {
    for (const bool crash : {false, true}) {
      CAPTURE(groups);
      CAPTURE(crash);
      World world(config_of(disk_rule()), {.duplicate_window = 1ms, .per_subject = 1});
      world.limits.group_after = groups ? 1 : 1000;
      world.limits.group_messages_max = 4;
      world.start();
      world.up();
      world.run(1s);
      publish(world, 1, 10);
      world.run(1s);
      REQUIRE(world.drained());
      world.hub.acks_to_drop = 1;
      publish(world, 11, 20);
      world.run(1s);
      REQUIRE(world.payloads() == numbers(1, 20));
      world.down();
      if (crash) world.crash();
      world.run(10min);
      if (crash) world.start();
      world.up();
      world.run(30s);
      CHECK(world.payloads() == numbers(1, 20));
      CHECK(world.drained());
    }
  }
}

TEST_CASE("mirror: what the hub has out of order is noted before anything goes behind it") {
  for (const bool refused : {false, true}) {
    CAPTURE(refused);
    World world(config_of(disk_rule()), {.duplicate_window = 1ms, .latency = 20ms});
    world.start();
    world.up();
    world.run(1s);
    publish(world, 1, 2);
    world.run(10s);  // Noted.
    (refused ? world.hub.refuse_once : world.hub.vanish_once) = {"3"};
    publish(world, 3, 10);
    world.loop.run_until([&] { return world.payloads().size() == 9; }, 1min);
    world.commit_delay = 10s;  // A slow card.
    world.run(9s);
    world.crash();
    world.commit_delay = 1ms;
    world.run(1min);
    world.start();
    world.up();
    world.run(30s);
    std::vector<std::string> expected = {"1", "2"};
    for (const std::string& each : numbers(4, 10)) expected.push_back(each);
    expected.emplace_back("3");
    CHECK(world.payloads() == expected);
    CHECK(world.drained());
  }
}

// What a run with a failed disk found out of order nobody could note.
TEST_CASE("mirror: after a disk has failed none is taken to be behind those before it") {
  for (const int offline_starts : {0, 1}) {
    CAPTURE(offline_starts);
    World world(config_of(disk_rule()), {.duplicate_window = 1ms, .latency = 20ms}, 1,
                World::Under::kSqlite);
    world.power_cuts = false;
    world.start();
    world.up();
    world.run(1s);
    world.hub.vanish_once = {"1"};
    publish(world, 1, 10);
    world.run(1s);
    REQUIRE(world.payloads() == numbers(2, 10));
    world.sim_disk.fail_syncs(1);
    publish(world, 11, 11);
    world.run(1min);
    REQUIRE(world.mirror->report().state == "storage failed");
    world.crash();
    world.run(1min);
    for (int start = 0; start < offline_starts; ++start) {
      world.start();
      world.run(1min);
      world.crash();
    }
    world.start();
    world.up();
    world.run(30s);
    std::vector<std::string> payloads = world.payloads();
    std::sort(payloads.begin(), payloads.end(),
              [](const auto& a, const auto& b) { return std::stoi(a) < std::stoi(b); });
    CHECK(payloads == numbers(1, 11));
    CHECK(world.drained());
  }
}
