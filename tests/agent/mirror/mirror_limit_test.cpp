// A rule's own limits: what they count, to the byte, and what a newest value may replace.
#include <doctest/doctest.h>

#include <set>

#include "agent/protocol/headers.h"
#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

using Under = World::Under;
using Texts = std::vector<std::string>;

std::string padded(int number, std::size_t size = 100) {
  std::string text = std::to_string(number);
  return text + std::string(size - text.size(), '.');
}

RuleConfig rule_of(std::uint64_t max_bytes, Discard discard, bool keep_last = false) {
  RuleConfig rule = disk_rule();
  rule.max_bytes = max_bytes;
  rule.discard = discard;
  rule.keep_last = keep_last;
  return rule;
}

bool takes(World& world, const std::string& subject, const std::string& payload) {
  const std::uint64_t before = world.rule().losses.refused;
  world.publish(subject, payload);
  return world.rule().losses.refused == before;
}

}  // namespace

TEST_CASE("mirror: what just fits the hub is sent, and what does not is counted") {
  constexpr std::size_t most = 10'000;
  World world(config_of(disk_rule()), {.payload_bytes_max = most});
  world.start();
  world.up();
  world.run(1s);
  const std::size_t header = add_header({}, "Nats-Msg-Id", "own-1").size();
  world.publish("t.a", std::string(most - header, '1'), "own-1");
  world.publish("t.a", std::string(most - header + 1, '2'), "own-2");
  world.publish("t.a", std::string(most, '3'));  // No id fits with it: it goes without.
  world.run(5s);
  CHECK(world.rule().captured == 3);
  CHECK(world.rule().losses.rejected == 1);
  CHECK(world.rule().messages == 0);
  REQUIRE(world.payloads().size() == 2);
  CHECK(world.payloads().front().front() == '1');
  CHECK(world.payloads().back().front() == '3');
  CHECK(world.log.contains("the last for: larger than the hub's max_payload, 10000"));
  CHECK(world.drained());
}

TEST_CASE(
    "mirror: what has no room for an id is not lost with a link, nor as it is put on the disk") {
  constexpr std::size_t most = 10'000;
  for (const Durability durability : {Durability::kDisk, Durability::kOutage}) {
    CAPTURE(durability == Durability::kDisk);
    RuleConfig rule = disk_rule();
    rule.durability = durability;
    World world(config_of(rule), {.payload_bytes_max = most});
    world.start();
    world.up();
    world.run(1s);
    world.publish("t.a", std::string(most, '1'));
    world.down();
    world.publish("t.a", std::string(most, '2'));
    world.run(1s);
    world.up();
    world.run(60s);
    CHECK(world.rule().losses.rejected == 0);
    CHECK(world.drained());
    std::set<char> seen;
    for (const std::string& payload : world.payloads()) seen.insert(payload.front());
    CHECK(seen == std::set<char>{'1', '2'});
    CHECK(world.payloads().size() <= 3);
  }
}

TEST_CASE("limits: what is kept for its publisher's id alone takes no room of a rule") {
  for (const Under under : {Under::kModel, Under::kSqlite}) {
    World world(config_of(rule_of(2000, Discard::kOld)), {}, 1, under);
    REQUIRE(world.start());
    world.up();
    world.run(5s);
    for (int i = 1; i <= 500; ++i) {
      world.publish("t.a", std::to_string(i), "id-" + std::to_string(i));
      if (i % 20 == 0) world.run(100ms);
    }
    world.run(5s);
    REQUIRE(world.payloads() == numbers(1, 500));
    world.down();
    for (int start = 0; start < 2; ++start) {
      for (int i = 0; i < 5; ++i) world.publish("t.b", "x");
      CHECK(world.rule().bytes <= 200);
      CHECK(world.rule().losses.limit == 0);
      world.run(1s);
      world.crash();
      REQUIRE(world.start());
      world.run(1s);
    }
  }
}

TEST_CASE("limits: what may be at the hub does not count after a restart either, nor in bytes") {
  for (const bool in_bytes : {false, true}) {
    for (const char* domain : {"hub", ""}) {
      CAPTURE(in_bytes);
      CAPTURE(domain);
      World world(config_of(rule_of(0, Discard::kOld)), {.domain = domain});
      if (in_bytes) world.config.rules.front().max_bytes = 1100;
      if (!in_bytes) world.config.rules.front().max_messages = 10;
      world.limits.loaded_messages_max = world.limits.in_flight_messages_max = 3;
      world.limits.load_messages = 1;
      world.hub.options().latency = 2s;
      world.start();
      for (int i = 1; i <= 9; ++i) world.publish("t.a", padded(i, 95));
      world.up();
      CHECK(world.loop.run_until([&] { return world.rule().in_flight == 3; }, 1min));
      world.crash();  // Nothing has arrived; all of them may have been sent.
      world.hub.options().latency = 5ms;
      world.start();
      world.run(1s);
      for (int i = 10; i <= 18; ++i) world.publish("t.a", padded(i, 95));
      CHECK(world.rule().losses.limit == 0);
      world.up();
      for (int i = 0; i < 200; ++i) {  // While they are looked for and sent again.
        world.run(1ms);
        REQUIRE(world.rule().losses.limit == 0);
      }
      world.run(1min);
      CHECK(world.payloads().size() == 18);
      CHECK(world.drained());
      CHECK(world.rule().losses.limit == 0);
    }
  }
}

TEST_CASE("limits: while the hub refuses, the newest stay, by bytes as by number") {
  for (const bool in_bytes : {false, true}) {
    CAPTURE(in_bytes);
    World world(config_of(rule_of(0, Discard::kOld)), {});
    if (in_bytes) world.config.rules.front().max_bytes = 1120;
    if (!in_bytes) world.config.rules.front().max_messages = 10;
    world.start();
    world.hub.error = R"({"error":{"code":503,"err_code":10023,"description":"no room"}})";
    world.up();
    for (int i = 1; i <= 300; ++i) {
      world.publish("t.a", padded(i));
      world.run(200ms);
    }
    world.hub.error.clear();
    world.run(2min);
    REQUIRE(world.drained());
    REQUIRE(!world.payloads().empty());
    CHECK(world.payloads().size() >= 10);
    for (std::size_t i = 0; i < 10 && i < world.payloads().size(); ++i) {
      CHECK(world.payloads()[world.payloads().size() - 1 - i] == padded(300 - static_cast<int>(i)));
    }
  }
}

TEST_CASE("limits: what comes while a start still reads counts once") {
  for (const Discard discard : {Discard::kOld, Discard::kNew}) {
    World world(config_of(rule_of(0, discard)), {});
    world.config.rules.front().max_messages = 10;
    world.start();
    world.publish("t.a", "1", "id");  // The next start reads all for it.
    world.run(1s);
    world.crash();
    world.commit_delay = 1s;
    world.start();
    publish(world, 2, 10);
    world.run(10s);
    CHECK(world.rule().messages == 10);
    CHECK(world.rule().losses.limit + world.rule().losses.refused == 0);
    world.crash();
    world.start();
    publish(world, 11, 13);
    world.run(10s);
    world.up();
    world.run(1min);
    const bool old = discard == Discard::kOld;
    CHECK(world.payloads() == (old ? numbers(4, 13) : numbers(1, 10)));
    CHECK((old ? world.rule().losses.limit : world.rule().losses.refused) == 3);
  }
}

TEST_CASE("outage: what is confirmed in memory behind one that is not refuses nothing") {
  RuleConfig rule = disk_rule();
  rule.durability = Durability::kOutage;
  World world(config_of(rule), {});
  world.start();
  world.up();
  world.run(5s);
  world.hub.acks_to_drop = 1;
  publish(world, 1, 3);
  world.run(1s);
  CHECK(world.rule().messages == 1);
  world.down();
  publish(world, 4, 8);
  world.run(1s);
  CHECK(world.rule().losses.refused == 0);
  CHECK(world.rule().messages == 6);
  SUBCASE("the link comes back") {}
  SUBCASE("after a crash") {
    world.crash();
    world.start();
    world.run(1s);
  }
  world.up();
  world.run(10s);
  CHECK(world.payloads() == numbers(1, 8));
  CHECK(world.drained());
}

TEST_CASE("keep last: what is superseded while a page that holds it is read is not sent") {
  World world(config_of(rule_of(0, Discard::kOld, true)), {.latency = 1ms}, 1, Under::kSqlite);
  world.limits.tail_messages_max = 2;
  REQUIRE(world.start());
  for (const char* subject : {"t.a", "t.b", "t.c", "t.d"}) world.publish(subject, "1");
  world.run(1s);
  world.commit_delay = 100ms;
  world.up();
  world.run(50ms);  // A page is on its way.
  world.publish("t.d", "2");
  world.run(10s);
  CHECK(world.payloads() == Texts{"1", "1", "1", "2"});
  CHECK(world.drained());
  CHECK(world.rule().confirmed == 4);
  CHECK(world.rule().losses.superseded == 1);
}

TEST_CASE("keep last, discard new: a larger value needs the room of what it is larger by") {
  for (const Under under : {Under::kModel, Under::kSqlite}) {
    World world(config_of(rule_of(1000, Discard::kNew, true)), {.stream_subject = ""}, 1, under);
    REQUIRE(world.start());
    REQUIRE(takes(world, "t.a", padded(1, 100)));
    world.run(1s);  // Each has a segment of its own: see LogState::bytes.
    REQUIRE(takes(world, "t.b", padded(2, 500)));
    world.run(1s);
    const std::size_t free = 1000 - world.rule().bytes;
    REQUIRE(free > 100);
    CHECK(!takes(world, "t.a", padded(3, 100 + free + 1)));
    CHECK(takes(world, "t.a", padded(4, 100 + free)));
    world.run(1s);
    CHECK(world.rule().bytes <= 1000);
    CHECK(!takes(world, "t.b", padded(5, 501)));
    CHECK(takes(world, "t.b", padded(6, 500)));
    world.run(1s);
    world.crash();
    REQUIRE(world.start());
    world.run(1s);
    CHECK(world.rule().messages == 2);
    CHECK(!takes(world, "t.b", padded(7, 501)));
    CHECK(takes(world, "t.b", padded(8, 400)));
    world.run(1s);
    CHECK(!takes(world, "t.a", padded(9, 201 + free)));
    CHECK(takes(world, "t.a", padded(10, 200 + free)));
    CHECK(world.rule().losses.refused == 4);
    CHECK(world.rule().losses.limit == 0);
  }
}

TEST_CASE("keep last, discard new: the same of what waits in memory") {
  for (const bool in_bytes : {false, true}) {
    for (const bool breaks : {false, true}) {
      CAPTURE(in_bytes);
      CAPTURE(breaks);
      RuleConfig rule = rule_of(in_bytes ? 250 : 0, Discard::kNew, true);
      if (!in_bytes) rule.max_messages = 2;
      rule.durability = Durability::kOutage;
      World world(config_of(rule), {.latency = 1s});
      world.limits.in_flight_messages_max = 1;
      world.start();
      world.up();
      world.run(10s);
      CHECK(takes(world, "t.a", padded(1)));  // On its way: the next of its subject is one more.
      world.run(10ms);
      CHECK(world.rule().in_flight == 1);
      CHECK(takes(world, "t.a", padded(2)));
      CHECK(takes(world, "t.b", padded(3)));
      CHECK(!takes(world, "t.c", padded(4)));
      CHECK(takes(world, "t.a", padded(5)));
      CHECK(takes(world, "t.b", padded(6)));
      if (in_bytes) CHECK(!takes(world, "t.b", padded(7, 150)));
      CHECK(!takes(world, "t.c", padded(8)));
      CHECK(world.rule().messages == 3);
      if (breaks) {
        world.run(1500ms);
        world.down();
        world.run(1s);
        CHECK(takes(world, "t.b", padded(9)));
        CHECK(!takes(world, "t.c", padded(10)));
        world.run(1s);
        world.up();
      }
      world.run(1min);
      CHECK(world.payloads() == Texts{padded(1), padded(5), padded(breaks ? 9 : 6)});
      CHECK(world.rule().losses.refused == (in_bytes ? 3 : 2) + (breaks ? 1 : 0));
      CHECK(world.rule().losses.superseded == (breaks ? 3 : 2));
      CHECK(world.drained());
    }
  }
}

TEST_CASE("keep last, discard new: what is on its way is not replaced, and takes no room") {
  for (const bool in_bytes : {false, true}) {
    for (const bool crash : {false, true}) {
      CAPTURE(in_bytes);
      CAPTURE(crash);
      RuleConfig rule = rule_of(in_bytes ? 240 : 0, Discard::kNew, true);
      if (!in_bytes) rule.max_messages = 2;
      World world(config_of(rule), {.latency = 1s});
      world.start();
      world.up();
      world.run(10s);
      CHECK(takes(world, "t.a", padded(1)));
      CHECK(takes(world, "t.b", padded(2)));
      world.run(1500ms);  // They are there, and the answers are not here.
      CHECK(world.rule().in_flight == 2);
      world.down();
      if (crash) world.crash();
      if (crash) world.start();
      world.run(1s);
      CHECK(takes(world, "t.a", padded(3)));
      CHECK(takes(world, "t.b", padded(4)));
      CHECK(!takes(world, "t.c", padded(5)));
      CHECK(takes(world, "t.a", padded(6)));
      world.run(1s);
      CHECK(world.rule().messages == 4);
      world.up();
      world.run(1min);
      CHECK(world.payloads() == Texts{padded(1), padded(2), padded(4), padded(6)});
      CHECK(world.drained());
      CHECK(world.rule().losses.superseded == 1);
    }
  }
}

TEST_CASE("keep last, discard new: what is about to go is not replaced, and takes no room") {
  for (const bool in_bytes : {false, true}) {
    CAPTURE(in_bytes);
    RuleConfig rule = rule_of(in_bytes ? 240 : 0, Discard::kNew, true);
    if (!in_bytes) rule.max_messages = 2;
    World world(config_of(rule), {.latency = 1ms});
    world.start();
    world.run(1s);
    CHECK(takes(world, "t.a", padded(1)));
    CHECK(takes(world, "t.b", padded(2)));
    world.run(1s);
    world.commit_delay = 1s;
    world.up();
    world.run(3500ms);
    CHECK(takes(world, "t.a", padded(3)));  // Its removal must be on disk before any goes.
    world.run(500ms);
    CHECK(takes(world, "t.b", padded(4)));
    world.run(1min);
    CHECK(world.payloads().back() == padded(4));
    CHECK(world.drained());
    CHECK(world.rule().losses.refused == 0);
    CHECK(world.rule().confirmed + world.rule().losses.superseded == 4);
  }
}
