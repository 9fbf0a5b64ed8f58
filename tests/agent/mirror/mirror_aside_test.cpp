// What nobody upstream wanted when the disk failed for good: on it, or in memory alone.
#include <doctest/doctest.h>

#include <algorithm>

#include "agent/mirror/repeat_marks.h"
#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

using Under = World::Under;

std::vector<std::string> heard(const World& world) {
  std::vector<std::string> list;
  for (const ModelHub::Stored& each : world.hub.heard) list.push_back(each.payload);
  return list;
}

HubOptions no_stream() { return {.stream_subject = "", .latency = 20ms}; }

void want(World& world, const char* pattern) {
  world.hub.interest.insert(pattern);
  world.mirror->interest_changed(*world.link);
}

// A hub that wants "t.a" alone.
void start(World& world) {
  world.power_cuts = false;
  world.hub.interest = {"t.a"};
  world.start();
  world.up();
  world.run(5s);
}

void fail_disk(World& world) {
  if (world.under == Under::kModel) return world.model->fail();
  world.sim_disk.fail_syncs(1);
  world.publish("t.a", "lost to the disk");
  world.run(15s);  // The mark of doubt is there.
  REQUIRE(world.mirror->report().state == "storage failed");
  world.hub.heard.clear();
}

std::vector<std::string> list(std::initializer_list<std::vector<std::string>> parts) {
  std::vector<std::string> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

TEST_CASE("aside: what nobody wanted before the disk failed is sent when somebody does") {
  for (const Under under : {Under::kModel, Under::kSqlite}) {
    CAPTURE(static_cast<int>(under));
    World world(config_of(disk_rule()), no_stream(), 1, under);
    start(world);
    publish(world, 1, 30, "t.b");
    world.run(5s);
    publish(world, 31, 40, "t.a");
    world.run(5s);
    REQUIRE(heard(world) == numbers(31, 40));
    fail_disk(world);
    world.hub.heard.clear();
    publish(world, 41, 45, "t.b");  // In memory alone.
    publish(world, 46, 50, "t.c");
    publish(world, 51, 60, "t.a");
    world.run(10s);
    CHECK(heard(world) == numbers(51, 60));
    CHECK(world.rule().messages == 40);
    want(world, "t.b");
    publish(world, 61, 65, "t.b");
    publish(world, 66, 66, "t.c");
    world.run(10s);
    CHECK(heard(world) ==
          list({numbers(51, 60), numbers(1, 30), numbers(41, 45), numbers(61, 65)}));
    want(world, "t.c");
    world.run(10s);
    CHECK(heard(world) == list({numbers(51, 60), numbers(1, 30), numbers(41, 45), numbers(61, 65),
                                numbers(46, 50), numbers(66, 66)}));
    CHECK(world.drained());
    CHECK(world.rule().losses.refused == 0);
  }
}

TEST_CASE("aside: more than memory holds is sent once the disk has failed, new ones behind it") {
  World world(config_of(disk_rule()), no_stream(), 1, Under::kSqlite);
  world.limits.loaded_messages_max = 64;
  world.limits.load_messages = 16;
  world.limits.tail_messages_max = 16;
  start(world);
  publish(world, 1, 400, "t.b");
  world.run(5s);
  fail_disk(world);
  CHECK(world.log.contains("nobody knows what is on disk: what comes now is in memory only"));
  publish(world, 401, 420, "t.b");
  world.run(5s);
  want(world, "t.b");
  for (int i = 421; i <= 440; ++i) {
    publish(world, i, i, "t.b");
    world.run(10ms);
  }
  world.run(20s);
  CHECK(heard(world) == numbers(1, 440));
  CHECK(world.drained());
}

// An outage rule's window goes to disk as the link ends, and the disk takes none of it.
TEST_CASE("aside: what went to a disk that failed, and nobody wants, is sent when somebody does") {
  RuleConfig rule = disk_rule();
  rule.durability = Durability::kOutage;
  for (const bool passed_before : {false, true}) {
    CAPTURE(passed_before);
    World world(config_of(rule), no_stream(), 1, Under::kSqlite);
    world.hub.options().drops_repeats = true;
    start(world);
    if (passed_before) publish(world, 1, 5, "t.b");
    world.run(5s);
    world.hub.options().latency = 1s;
    publish(world, 6, 9, "t.a");
    world.publish("t.a", "10", "ten");
    world.run(100ms);  // On their way.
    world.sim_disk.fail_syncs(1);
    world.down();
    world.run(15s);
    REQUIRE(world.mirror->report().state == "storage failed");
    world.hub.interest.clear();
    world.hub.options().latency = 20ms;
    world.up();
    world.run(5s);
    publish(world, 11, 12, "t.a");
    world.run(5s);
    CHECK(heard(world).empty());
    want(world, "t.>");
    world.run(20s);
    CHECK(heard(world) == numbers(passed_before ? 1 : 6, 12));
    CHECK(world.drained());
    for (const ModelHub::Stored& each : world.hub.heard) {
      if (each.payload == "10") CHECK(each.id == "ten");
    }
  }
}

TEST_CASE("aside: a disk that gives nothing any more holds up nothing that memory has") {
  World world(config_of(disk_rule()), no_stream(), 1, Under::kSqlite);
  world.limits.tail_messages_max = 1;
  start(world);
  for (int i = 1; i <= 30; ++i) {
    publish(world, i, i, "t.b");
    world.run(10ms);
  }
  world.run(5s);
  fail_disk(world);
  publish(world, 31, 40, "t.b");
  world.run(5s);
  world.sim_disk.fail_reads(1'000'000);
  want(world, "t.b");
  publish(world, 41, 45, "t.b");
  world.run(1min);
  CHECK(heard(world) == numbers(31, 45));
  CHECK(world.rule().messages == 30);  // They wait.
  world.sim_disk.fail_reads(0);
  world.run(5s);
  CHECK(heard(world) == list({numbers(31, 45), numbers(1, 30)}));
  CHECK(world.drained());
}

TEST_CASE("aside: when much comes meanwhile it is not refused, but goes ahead") {
  World world(config_of(disk_rule()), no_stream(), 1, Under::kSqlite);
  world.limits.outage_messages_max = 20;
  start(world);
  publish(world, 1, 30, "t.b");
  world.run(5s);
  fail_disk(world);
  world.sim_disk.fail_reads(1'000'000);
  want(world, "t.b");
  for (int i = 31; i <= 100; ++i) {
    publish(world, i, i, "t.b");
    world.run(100ms);
  }
  CHECK(heard(world) == numbers(31, 100));
  CHECK(world.rule().losses.refused == 0);
}

TEST_CASE("aside: what a failed commit took with it is counted, and the rest of it goes") {
  World world(config_of(disk_rule()), {.stream_subject = "t.>"}, 1, Under::kSqlite);
  world.limits.tail_messages_max = 20;
  world.start();
  publish(world, 1, 30);
  world.run(1s);
  world.sim_disk.fail_syncs(1);
  publish(world, 31, 100);  // Of these memory keeps the newest twenty.
  world.run(15s);
  REQUIRE(world.mirror->report().state == "storage failed");
  world.up();
  world.run(10s);
  CHECK(world.payloads() == list({numbers(1, 30), numbers(81, 100)}));
  CHECK(world.rule().losses.corrupt == 50);
  CHECK(world.drained());
}

TEST_CASE("aside: what comes in an outage after the disk has failed waits in memory") {
  for (const Under under : {Under::kModel, Under::kSqlite}) {
    for (const bool backlog : {false, true}) {
      CAPTURE(static_cast<int>(under));
      CAPTURE(backlog);
      World world(config_of(disk_rule()), {.stream_subject = "t.>"}, 1, under);
      world.limits.outage_messages_max = 30;
      world.start();
      world.up();
      world.run(5s);
      if (backlog) {
        world.down();
        publish(world, 1, 10);
        world.run(1s);
      }
      if (under == Under::kModel)
        world.model->fail();
      else
        world.sim_disk.fail_syncs(1), world.publish("t.a", "lost to the disk");
      world.run(15s);
      REQUIRE(world.mirror->report().state == "storage failed");
      const std::uint64_t lost = world.rule().losses.refused;
      if (!backlog) world.down();
      publish(world, 11, 20);
      world.run(1min);
      world.up();
      world.run(10s);
      world.down();
      publish(world, 21, 60);  // More than memory may hold.
      world.run(30s);
      world.up();
      world.run(2min);
      std::vector<std::string> arrived = world.payloads();
      std::erase(arrived, "lost to the disk");
      CHECK(arrived == numbers(backlog ? 1 : 11, 50));
      CHECK(world.rule().losses.refused == lost + 10);
      CHECK(world.drained());
    }
  }
}

TEST_CASE("aside: once the disk has failed the mirror rests when there is nothing to do") {
  World world(config_of(disk_rule()), no_stream());
  start(world);
  publish(world, 1, 5, "t.a");
  world.run(1s);
  publish(world, 6, 6, "t.a");
  world.run(5ms);
  world.model->fail();
  world.run(10s);
  int turns = 0;
  for (const Time end = world.clock.now() + 10s; world.loop.step(end);) ++turns;
  CHECK(turns < 100);
}

// A hub whose rule takes them knows by their numbers what comes again.
TEST_CASE("aside: what others went ahead of is not taken for a repeat by a petiole") {
  enum class End : std::uint8_t { kCrash, kDisk, kDiskBefore };
  for (const End end : {End::kCrash, End::kDisk, End::kDiskBefore}) {
    for (const bool behind : {false, true}) {  // Nobody wants what is behind one on its way.
      CAPTURE(static_cast<int>(end));
      CAPTURE(behind);
      HubOptions plain = no_stream();
      plain.domain = "";
      plain.drops_repeats = true;
      World world(config_of(disk_rule()), plain, 1, Under::kSqlite);
      world.hub.options().latency = 500ms;
      start(world);
      if (behind) publish(world, 1, 1, "t.a");
      publish(world, 2, 3, "t.b");
      publish(world, 4, 5, "t.a");
      if (end == End::kDiskBefore) {
        world.run(100ms);
        world.sim_disk.fail_syncs(1);
        publish(world, 6, 6, "t.a");
      }
      world.loop.run_until([&] { return world.hub.marks.size() >= (behind ? 3 : 2); }, 20s);
      world.run(510ms);
      if (end == End::kDisk) {
        world.sim_disk.fail_syncs(1);
        publish(world, 6, 6, "t.a");
        world.run(1s);
      }
      RepeatMarks taken(10);
      for (const MirrorMark& mark : std::exchange(world.hub.marks, {})) {
        CHECK_FALSE(taken.knows(mark));
        taken.pass(mark, true);
      }
      world.crash();
      world.hub.interest = {"t.>"};
      world.start();
      world.up();
      world.run(20s);
      const std::uint64_t first = behind ? 2 : 1;
      std::size_t come = 0;
      for (const MirrorMark& mark : world.hub.marks) {
        if (mark.number != first && mark.number != first + 1) continue;
        ++come;
        CHECK_FALSE(taken.knows(mark));
      }
      CHECK(come == 2);
      CHECK(world.drained());
    }
  }
}

TEST_CASE(
    "aside: a commit that fails takes nothing of what waits while the log is looked at again") {
  for (const bool fails : {false, true}) {
    CAPTURE(fails);
    World world(config_of(disk_rule()), no_stream(), 1, Under::kSqlite);
    start(world);
    publish(world, 1, 3, "t.b");
    world.run(10s);  // Passed over.
    if (fails) world.sim_disk.fail_syncs(1);
    world.commit_delay = 5s;
    publish(world, 4, 8, "t.a");
    world.run(50ms);
    want(world, "t.b");
    world.run(1s);
    world.commit_delay = 1ms;
    world.run(1min);
    CHECK((world.mirror->report().state == "storage failed") == fails);
    CHECK(heard(world) == numbers(1, 8));
    CHECK(world.drained());
  }
}

// A card that takes seconds for a commit, and then fails it.
TEST_CASE(
    "aside: what is on its way to the disk stays in memory while the log is looked at again") {
  RuleConfig rule = disk_rule();
  rule.durability = Durability::kOutage;
  for (const bool fails : {false, true}) {
    CAPTURE(fails);
    World world(config_of(rule), no_stream(), 1, Under::kSqlite);
    start(world);
    world.hub.options().latency = 200ms;
    publish(world, 1, 5, "t.a");
    publish(world, 6, 6, "t.b");
    if (fails) world.sim_disk.fail_syncs(1);
    world.commit_delay = 5s;
    world.run(50ms);  // The last is passed over, and the others go to disk before it.
    REQUIRE(world.rule().in_flight == 5);
    world.hub.options().latency = 20ms;
    world.down();
    world.hub.interest = {"t.>"};
    world.up();
    world.run(1s);
    world.commit_delay = 1ms;
    world.run(1min);
    CHECK((world.mirror->report().state == "storage failed") == fails);
    CHECK(heard(world) == numbers(1, 6));
    CHECK(world.drained());
  }
}
