// Messages that share a reply subject: what confirms them, and all that must not.
#include "agent/mirror/ack_group.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

using Verdict = AckGroups::Verdict;

PubAck stored(std::uint64_t sequence, const char* stream = "S", bool duplicate = false) {
  return {.kind = PubAck::Kind::kStored,
          .duplicate = duplicate,
          .sequence = sequence,
          .stream = stream,
          .error = {}};
}

// Groups of up to four, after two answers to messages of their own.
AckGroups calm() {
  AckGroups groups(4, 2);
  groups.stored("S");
  groups.stored("S");
  return groups;
}

// A world in which messages go in groups of four at once, the first two of a link by themselves.
struct Grouped {
  explicit Grouped(HubOptions options = {}) : world(config_of(disk_rule()), std::move(options)) {
    world.limits.group_messages_max = 4;
    world.limits.group_after = 2;
    world.start();
    world.up();
    world.run(1s);
    publish(world, 1, 2);
    CHECK(world.loop.run_until([this] { return world.drained(); }, 10s));
  }
  bool drains() {
    return world.loop.run_until([this] { return world.drained(); }, 10min);
  }
  std::size_t replies() const { return world.hub.replies.size(); }
  World world;
};

}  // namespace

TEST_CASE("ack group: runs of messages share a number, up to a limit") {
  AckGroups groups(3, 1);
  CHECK_FALSE(groups.usable());
  groups.stored("S");
  CHECK(groups.usable());
  const std::uint64_t first = groups.join(10);
  CHECK(groups.join(11) == first);
  CHECK(groups.join(12) == first);
  const std::uint64_t second = groups.join(13);
  CHECK(second != first);
  CHECK(groups.join(15) != second);  // One between them was not sent.
}

TEST_CASE("ack group: as many distinct sequences as messages confirm it, and no fewer") {
  AckGroups groups = calm();
  const std::uint64_t number = groups.join(7);
  groups.join(8);
  groups.join(9);
  CHECK(groups.answered(number, stored(21)).verdict == Verdict::kOpen);
  CHECK(groups.answered(number, stored(4)).verdict == Verdict::kOpen);
  const AckGroups::Answer answer = groups.answered(number, stored(22));
  CHECK(answer.verdict == Verdict::kConfirmed);
  CHECK(answer.group.first == 7);
  CHECK(answer.group.count == 3);
  CHECK(answer.group.lowest() == 4);
  CHECK(groups.join(10) != number);  // What comes later is not confirmed by these.
}

TEST_CASE("ack group: whatever else comes breaks it") {
  struct Case {
    const char* name;
    PubAck second;
  };
  const Case cases[] = {
      {"a sequence twice", stored(21)},
      {"another stream", stored(22, "T")},
      {"one that was there before", stored(4, "S", true)},
      {"a refusal for now", {.kind = PubAck::Kind::kTemporary, .stream = {}, .error = {}}},
      {"a refusal for good", {.kind = PubAck::Kind::kRejected, .stream = {}, .error = {}}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    AckGroups groups = calm();
    const std::uint64_t number = groups.join(7);
    groups.join(8);
    CHECK(groups.answered(number, stored(21)).verdict == Verdict::kOpen);
    CHECK(groups.answered(number, each.second).verdict == Verdict::kBroken);
    CHECK(groups.answered(number, stored(23)).verdict == Verdict::kOpen);  // It is forgotten.
    CHECK_FALSE(groups.usable());
  }
}

TEST_CASE("ack group: after one broke it takes longer until the next") {
  AckGroups groups = calm();
  groups.answered(groups.join(1), stored(9, "T"));
  for (int i = 0; i < 15; ++i) groups.stored("S");
  CHECK_FALSE(groups.usable());
  groups.stored("S");
  CHECK(groups.usable());
  groups.link_up();
  CHECK_FALSE(groups.usable());
}

TEST_CASE("ack group: none where answers come from two streams, or come twice") {
  AckGroups groups(4, 2);
  for (int i = 0; i < 10; ++i) {
    groups.stored(i % 2 == 0 ? "S" : "T");
    CHECK_FALSE(groups.usable());
  }
  for (int i = 0; i < 10; ++i) {
    groups.stored("T");
    groups.surprised();
    CHECK_FALSE(groups.usable());
  }
}

TEST_CASE("mirror: messages behind the first share reply subjects") {
  Grouped grouped;
  World& world = grouped.world;
  CHECK(grouped.replies() == 2);
  publish(world, 3, 18);
  CHECK(grouped.drains());
  CHECK(grouped.replies() <= 2 + 16 / 2);
  CHECK(world.payloads() == numbers(1, 18));
  CHECK(world.rule().confirmed == 18);
}

TEST_CASE("mirror: publishers' own ids have replies of their own") {
  Grouped grouped;
  for (int i = 3; i <= 10; ++i) {
    grouped.world.publish("t.a", std::to_string(i), "id" + std::to_string(i));
  }
  CHECK(grouped.drains());
  CHECK(grouped.replies() == 10);
}

TEST_CASE("mirror: a group with an answer missing is looked for, and nothing is doubled") {
  HubOptions options;
  options.duplicate_window = 1ms;
  Grouped grouped(options);
  World& world = grouped.world;
  world.hub.acks_to_drop = 1;
  publish(world, 3, 10);
  world.run(1s);
  CHECK_FALSE(world.drained());
  CHECK(grouped.drains());
  CHECK(world.payloads() == numbers(1, 10));
  CHECK(world.rule().confirmed == 10);
}

TEST_CASE("mirror: a refusal in a group loses nothing and doubles nothing") {
  HubOptions options;
  options.duplicate_window = 1ms;
  Grouped grouped(options);
  World& world = grouped.world;
  world.hub.refuse_once = {"4"};
  publish(world, 3, 10);
  CHECK(grouped.drains());
  CHECK(world.hub.refused.contains("4"));
  std::vector<std::string> there = world.payloads();
  std::sort(there.begin(), there.end(),
            [](const std::string& a, const std::string& b) { return std::stoi(a) < std::stoi(b); });
  CHECK(there == numbers(1, 10));
  CHECK(world.rule().losses.rejected == 0);
}

TEST_CASE("mirror: a link that is lost with part of a group answered") {
  HubOptions options;
  options.duplicate_window = 1ms;
  options.ack_delay = 20ms;
  Grouped grouped(options);
  World& world = grouped.world;
  world.hub.acks_to_drop = 2;
  publish(world, 3, 6);
  world.run(100ms);
  CHECK_FALSE(world.drained());
  world.down();
  publish(world, 7, 8);
  world.up();
  CHECK(grouped.drains());
  CHECK(world.payloads() == numbers(1, 8));
}
