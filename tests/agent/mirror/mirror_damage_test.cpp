// What is counted of a segment that turns out damaged: no more than what was lost with it.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

constexpr int kSegment = 100;  // Messages of one.

// Three segments, A to C, of publishers with ids or without; the first messages of A are at the
// hub, and the link is down.
void fill(World& world, bool ids) {
  world.power_cuts = false;
  world.limits.loaded_messages_max = 20;
  world.limits.load_messages = 10;
  world.limits.tail_messages_max = 1;
  world.start();
  for (const char letter : {'A', 'B', 'C'}) {
    for (int i = 0; i < kSegment; ++i) {
      const std::string id = ids ? letter + std::to_string(i) : std::string();
      world.publish("t.a", std::string(700, letter), id);
    }
    world.run(1s);
  }
  world.run(20s);  // All is in the database file then.
  world.up();
  world.loop.run_until([&] { return world.rule().confirmed >= 30; }, 10s);
  world.down();
  world.run(20s);  // Nothing of it is in memory but the window.
}

void spoil(World& world, char letter) {
  const std::string& file = *world.sim_disk.content("/box/petiole.db");
  const std::size_t at = file.find(std::string(600, letter));
  REQUIRE(at != std::string::npos);
  world.sim_disk.spoil("/box/petiole.db", at + 20'000);
}

// All that was captured is confirmed, waits, or is counted.
std::uint64_t sum(const RuleReport& rule) {
  const LossCounts& losses = rule.losses;
  return rule.confirmed + rule.messages + losses.age + losses.limit + losses.superseded +
         losses.rejected + losses.corrupt;
}

}  // namespace

TEST_CASE(
    "damage: what is confirmed in a damaged segment, and what waits behind it, counts right") {
  for (const bool ids : {true, false}) {
    for (const bool restart : {false, true}) {
      CAPTURE(ids);
      CAPTURE(restart);
      World world(config_of(disk_rule()), {}, 1, World::Under::kSqlite);
      fill(world, ids);
      const std::uint64_t confirmed = world.rule().confirmed;
      REQUIRE(confirmed >= 30);
      REQUIRE(confirmed < 60);
      CHECK(sum(world.rule()) == 300);
      if (restart) world.crash();
      spoil(world, 'A');
      if (restart) world.start();
      world.hub.error = R"({"error":{"code":503,"err_code":10077,"description":"full"}})";
      world.up();
      world.run(1min);
      CHECK(world.rule().losses.corrupt > 0);
      CHECK(world.rule().losses.corrupt <= kSegment - confirmed);
      CHECK(world.rule().messages >= 200);
      CHECK(sum(world.rule()) == 300);
      world.hub.error.clear();
      world.run(1min);
      CHECK(world.drained());
      // What was in the window, or on its way, is sent all the same.
      CHECK(sum(world.rule()) >= 300);
      CHECK(sum(world.rule()) <= 300 + world.limits.loaded_messages_max);
      const std::uint64_t told = world.payloads().size() + world.rule().losses.corrupt;
      CHECK(told >= 300);
      CHECK(told <= 300 + world.limits.loaded_messages_max);
    }
  }
}
