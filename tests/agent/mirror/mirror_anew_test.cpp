// A stream that is deleted at the hub and made anew: its sequences begin below what is noted of it.
#include <doctest/doctest.h>

#include <algorithm>

#include "agent/mirror/rule_state.h"
#include "agent/protocol/headers.h"
#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

// What was confirmed is at a hub that deletes it all.
void confirm(World& world, int last) {
  world.start();
  world.up();
  world.run(1s);
  publish(world, 1, last);
  world.run(10s);  // The note of it is on disk, too.
  REQUIRE(world.drained());
  world.hub.make_anew();
  world.mirror->interest_changed(*world.link);
  world.run(100ms);
}

void others(World& world, int count) {
  for (int i = 0; i < count; ++i) world.hub.store("t.a", "", "other");
}

}  // namespace

TEST_CASE("stream floors: of more than there is room for the one silent for longest goes") {
  StreamFloors floors;
  bool fresh = false;
  const auto hear = [&](const char* stream, std::uint64_t made) {
    return floors.hear(stream, made, 2, fresh);
  };
  const StreamFloors::Place a = hear("A", 7);
  CHECK(fresh);
  floors.raise(a, 10, false);
  floors.raise(hear("B", 8), 20, false);
  (void)hear("A", 7);
  CHECK_FALSE(fresh);
  const StreamFloors::Place c = hear("C", 0);
  CHECK(fresh);
  floors.raise(c, 30, false);
  CHECK(floors.of("A", 7) == 10);
  CHECK(floors.of("B", 8) == 0);
  CHECK(floors.of("C", 9) == 30);  // It was not known when it was made.
  CHECK(floors.of("A", 9) == 0);
  floors.raise(hear("A", 9), 3, false);
  floors.raise(a, 11, false);  // Of the one before.
  CHECK(floors.of("A", 9) == 3);
  floors.raise(hear("A", 9), 5, true);
  CHECK(floors.of("A", 9) == 3);
  CHECK(StreamFloors().hear("A", 7, 0, fresh).number == 0);
}

TEST_CASE(
    "stream floors: a state says of which streams they are, one of an older version does not") {
  RuleState state;
  bool fresh = false;
  state.passed = 5;
  state.floors.raise(state.floors.hear("A", 7, 9, fresh), 10, false);
  state.floors.raise(state.floors.hear("B", 8, 9, fresh), 20, false);
  const std::string text = encode_state(state);
  const auto read = decode_state(text);
  REQUIRE(read);
  CHECK(read->passed == 5);
  CHECK(read->floors.of("A", 7) == 10);
  CHECK(read->floors.of("A", 9) == 0);
  CHECK(read->floors.of("B", 8) == 20);
  const auto older = decode_state(std::string(text).replace(text.find(" 7 8"), 4, ""));
  REQUIRE(older);
  CHECK(older->floors.of("A", 9) == 10);
}

TEST_CASE("mirror: what a stream has that was made anew is found among others") {
  for (const bool crash : {false, true}) {
    for (const int before : {0, 3, 60}) {
      for (const int behind : {0, 1, 60}) {
        CAPTURE(crash);
        CAPTURE(before);
        CAPTURE(behind);
        World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
        confirm(world, 50);
        others(world, before);
        publish(world, 51, 54);
        world.run(20ms);  // At the hub, and not answered.
        REQUIRE(world.payloads() == numbers(51, 54));
        world.down();
        others(world, behind);
        if (crash) world.crash();
        world.run(10min);
        if (crash) world.start();
        publish(world, 55, 56);
        world.up();
        world.run(10s);
        CHECK(world.payloads() == numbers(51, 56));
        CHECK(world.drained());
      }
    }
  }
}

TEST_CASE("mirror: a floor of before the hub told of its stream is none of one made anew") {
  World world(config_of(disk_rule()), {.stream_subject = "", .duplicate_window = 1ms});
  world.start();
  world.up();
  world.run(1min);
  world.hub.options().stream_subject = "t.>";
  world.mirror->interest_changed(*world.link);
  publish(world, 1, 50);  // The hub has told of no stream yet.
  world.run(500ms);
  REQUIRE(world.drained());
  world.hub.make_anew();
  world.hub.options().ack_delay = 50ms;
  publish(world, 51, 54);
  world.run(20ms);  // At the hub, and not answered.
  REQUIRE(world.payloads() == numbers(51, 54));
  world.down();
  others(world, 1);
  world.run(10min);
  world.up();
  world.run(10s);
  CHECK(world.payloads() == numbers(51, 54));
  CHECK(world.drained());
}

TEST_CASE("mirror: a stream made anew is known as one before it is looked into, on any link") {
  for (const int behind : {1, 60}) {
    CAPTURE(behind);
    World world(config_of(disk_rule()), {.duplicate_window = 1ms});
    world.start();
    world.up();
    world.run(1s);
    publish(world, 1, 50);
    world.run(10s);
    REQUIRE(world.drained());
    world.hub.make_anew();  // Others want the subject, too: nothing is heard of it.
    world.hub.acks_to_drop = 4;
    publish(world, 51, 54);
    world.run(1s);
    others(world, behind);
    world.run(30s);
    CHECK(world.payloads() == numbers(51, 54));
    CHECK(world.drained());
  }
}

// What a stream does not have is then not looked for from its first message on.
TEST_CASE("mirror: a stream that is said to be younger than what it holds is the same") {
  for (const bool crash : {false, true}) {
    CAPTURE(crash);
    World world(config_of(disk_rule()), {.duplicate_window = 1ms});
    world.start();
    world.up();
    others(world, 2000);
    publish(world, 1, 50);
    world.run(10s);
    REQUIRE(world.drained());
    world.down();
    world.hub.forget_birth();
    if (crash) world.crash();
    if (crash) world.start();
    world.up();
    world.run(1s);
    world.hub.vanish_once = {numbers(51, 51)[0]};
    publish(world, 51, 54);
    world.run(1min);
    std::vector<std::string> got = world.payloads();
    std::sort(got.begin(), got.end());
    std::vector<std::string> wanted = numbers(1, 54);
    std::sort(wanted.begin(), wanted.end());
    CHECK(got == wanted);
    CHECK(world.drained());
  }
}

TEST_CASE("mirror: what arrived in a stream that was put back from an older copy is found") {
  for (const auto& [count, crash] : {std::pair(1, false), {200, false}, {1, true}, {200, true}}) {
    CAPTURE(count);
    CAPTURE(crash);
    World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
    world.start();
    world.up();
    world.run(1s);
    publish(world, 1, 100);
    world.run(10s);
    REQUIRE(world.drained());
    world.down();
    world.hub.put_back(50);
    world.up();
    world.run(1s);
    publish(world, 101, 104);
    world.run(20ms);  // There, and not answered.
    world.down();
    others(world, count);
    if (crash) world.crash();
    world.run(10min);
    if (crash) world.start();
    world.up();
    world.run(10s);
    std::vector<std::string> all = numbers(1, 50), more = numbers(101, 104);
    all.insert(all.end(), more.begin(), more.end());
    CHECK(world.payloads() == all);
    CHECK(world.drained());
  }
}

// As of a hub with a stream for each day.
TEST_CASE("mirror: what a stream has that came after many others is found among others") {
  for (const bool crash : {false, true}) {
    CAPTURE(crash);
    World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
    world.start();
    world.up();
    for (int i = 1; i <= 100; ++i) {
      world.hub.make_anew("S" + std::to_string(i));
      world.mirror->interest_changed(*world.link);
      world.run(3s);
      others(world, i == 100 ? 2000 : 0);
      publish(world, i, i);
      world.run(10s);
    }
    REQUIRE(world.drained());
    publish(world, 101, 104);
    world.run(20ms);  // At the hub, and not answered.
    REQUIRE(world.payloads() == numbers(100, 104));
    world.down();
    others(world, 1);
    if (crash) world.crash();
    world.run(10min);
    if (crash) world.start();
    world.up();
    world.run(10s);
    CHECK(world.payloads() == numbers(100, 104));
    CHECK(world.drained());
  }
}

// As on a subject of all boxes, while this one has no link.
TEST_CASE("mirror: what came among very many others is found near where it can be") {
  for (const bool crash : {false, true}) {
    for (const int behind : {1, 20'000}) {
      CAPTURE(crash);
      CAPTURE(behind);
      World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
      world.start();
      world.up();
      world.run(1s);
      publish(world, 1, 50);
      world.run(10s);
      REQUIRE(world.drained());
      others(world, behind == 1 ? 20'000 : 1);
      publish(world, 51, 150);
      world.run(20ms);  // At the hub, and not answered.
      REQUIRE(world.payloads() == numbers(1, 150));
      world.down();
      others(world, behind);
      if (crash) world.crash();
      world.run(10min);
      if (crash) world.start();
      publish(world, 151, 152);
      world.up();
      world.run(10s);
      CHECK(world.payloads() == numbers(1, 152));
      CHECK(world.drained());
    }
  }
}

TEST_CASE("mirror: what a stream keeps under another subject is looked for there") {
  for (const std::string& kept : std::vector<std::string>{"kept.$1", "kept"}) {
    CAPTURE(kept);
    World world(config_of(disk_rule()),
                {.duplicate_window = 1ms, .ack_delay = 50ms, .transform = kept});
    world.start();
    world.up();
    publish(world, 1, 4);
    world.run(5s);
    publish(world, 5, 6, "t.a");
    publish(world, 7, 8, "t.b");
    world.run(20ms);  // At the hub, and not answered.
    REQUIRE(world.payloads() == numbers(1, 8));
    world.down();
    world.run(10min);
    world.up();
    world.run(10s);
    CHECK(world.payloads() == numbers(1, 8));
    CHECK(world.drained());
  }
}

TEST_CASE("mirror: what a stream kept before its transform was edited is looked for there") {
  for (const auto& [before, behind] : std::vector<std::pair<std::string, std::string>>{
           {"", "kept.$1"}, {"kept.$1", "other.$1"}, {"kept.$1", ""}}) {
    for (const bool lost : {false, true}) {
      CAPTURE(before);
      CAPTURE(behind);
      CAPTURE(lost);
      World world(config_of(disk_rule()), {.duplicate_window = 1ms, .transform = before});
      world.start();
      world.up();
      publish(world, 1, 4);
      world.run(5s);
      world.hub.acks_to_drop = 4;
      publish(world, 5, 8);
      world.run(1s);
      REQUIRE(world.payloads() == numbers(1, 8));
      if (lost) world.down();
      world.hub.options().transform = behind;
      if (lost) publish(world, 9, 10);
      world.run(10min);
      if (lost) world.up();
      world.run(30s);
      CHECK(world.payloads() == numbers(1, lost ? 10 : 8));
      CHECK(world.drained());
    }
  }
}

TEST_CASE("mirror: what went to a stream that gave up its subject is looked for there") {
  for (const bool lost : {false, true}) {
    CAPTURE(lost);
    World world(config_of(disk_rule()), {.duplicate_window = 1ms});
    world.start();
    world.up();
    publish(world, 1, 4);
    world.run(5s);
    world.hub.acks_to_drop = 4;
    publish(world, 5, 8);
    world.run(1s);
    REQUIRE(world.payloads() == numbers(1, 8));
    if (lost) world.down();
    // Another has the subject, and none of them yet.
    world.hub.options().list =
        R"({"total":1,"streams":[{"config":{"name":"New","subjects":["t.>"]},"created":"later"}]})";
    world.hub.api_says = [](std::string_view verb) -> std::optional<std::string> {
      if (!verb.ends_with(".New")) return std::nullopt;
      return R"({"error":{"code":404,"err_code":10037,"description":"no message found"}})";
    };
    world.run(1min);
    world.up();
    world.mirror->interest_changed(*world.link);
    world.run(30s);
    CHECK(world.payloads() == numbers(1, 8));
    CHECK(world.drained());
  }
}

TEST_CASE("mirror: what a later message has rolled up does not come again behind it") {
  for (const auto& [kind, crash] :
       {std::pair("sub", false), {"sub", true}, {"ALL", false}, {"all", false}, {"all", true}}) {
    CAPTURE(kind);
    CAPTURE(crash);
    World world(config_of(disk_rule()), {.ack_delay = 50ms});
    world.start();
    world.up();
    publish(world, 1, 2);
    world.run(5s);
    const bool all = std::string(kind) == "all";
    publish(world, 3, 4, all ? "t.b" : "t.a");
    const std::string header = add_header({}, "Nats-Rollup", kind);
    for (const char* payload : {"5", "6"}) {
      world.account.publish({}, {"t.a", {}, header, payload, {}});
    }
    publish(world, 7, 7);
    world.run(20ms);  // At the hub, and not answered.
    REQUIRE(world.payloads() == numbers(1, 7));
    world.down();
    world.hub.forget_ids();
    if (crash) world.crash();
    world.run(1s);
    if (crash) world.start();
    world.up();
    world.run(20s);
    CHECK(world.payloads() == numbers(1, 7));
    CHECK(world.drained());
  }
}

TEST_CASE("mirror: what never was in a stream is not taken for rolled up there") {
  World world(config_of(disk_rule()), {.ack_delay = 50ms});
  world.start();
  world.up();
  world.run(1s);
  world.hub.vanish_once = {"1"};
  publish(world, 1, 1);
  world.account.publish({}, {"t.a", {}, add_header({}, "Nats-Rollup", "sub"), "2", {}});
  world.run(20ms);
  REQUIRE(world.payloads() == std::vector<std::string>{"2"});
  world.down();
  world.run(1s);
  world.up();
  world.run(20s);
  CHECK(world.payloads() == std::vector<std::string>{"2", "1"});
}

TEST_CASE("mirror: what the hub refused is not taken for rolled up by what it took") {
  World world(config_of(disk_rule()), {});
  world.start();
  world.up();
  publish(world, 1, 2);
  world.run(5s);
  world.hub.refuse_once = {"3"};
  publish(world, 3, 3);
  world.account.publish({}, {"t.a", {}, add_header({}, "Nats-Rollup", "sub"), "4", {}});
  world.run(1min);
  CHECK(world.payloads() == std::vector<std::string>{"1", "2", "4", "3"});
  CHECK(world.drained());
}
