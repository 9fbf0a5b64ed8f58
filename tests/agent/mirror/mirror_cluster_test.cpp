// What a hub of several nodes says, or does not say, while some of them are away.
#include <doctest/doctest.h>

#include <utility>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kNotAvailable =
    R"({"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}})";
constexpr const char* kMissing =
    R"({"total":1,"offset":0,"limit":256,"streams":[],"missing":["S"]})";
constexpr const char* kSilent = "";

constexpr Durability kBoth[] = {Durability::kDisk, Durability::kOutage};

RuleConfig rule_of(Durability durability) {
  RuleConfig rule = disk_rule();
  rule.durability = durability;
  return rule;
}

auto says(std::string_view begin, const char* text) {
  return [begin, text](std::string_view verb) {
    return verb.starts_with(begin) ? std::optional<std::string>(text) : std::nullopt;
  };
}

// Three that the stream has, and of which we have not heard.
void leave_unconfirmed(World& world) {
  world.start();
  world.up();
  world.run(1s);
  const std::size_t stored = 3 - world.hub.vanish_once.size();
  publish(world, 1, 3);
  world.run(7ms);
  REQUIRE(world.hub.stored.size() == stored);
  world.down();
  REQUIRE(world.rule().messages == 3);
}

}  // namespace

TEST_CASE("mirror: a stream that cannot say for now what it has is waited for") {
  for (const Durability durability : kBoth) {
    for (const char* answer : {kSilent, kNotAvailable}) {
      for (const bool crash : {false, true}) {
        CAPTURE(static_cast<int>(durability));
        CAPTURE(answer);
        CAPTURE(crash);
        World world(config_of(rule_of(durability)), {.duplicate_window = 1s});
        leave_unconfirmed(world);
        world.run(1s);
        if (crash) {
          world.crash();
          world.start();
        }
        world.hub.api_says = [answer](std::string_view verb) {
          return verb == "STREAM.LIST" ? std::nullopt : std::optional<std::string>(answer);
        };
        world.up();
        world.run(5min);
        CHECK(world.payloads() == numbers(1, 3));
        CHECK(!world.drained());
        world.hub.api_says = {};
        world.run(40s);
        CHECK(world.payloads() == numbers(1, 3));
        CHECK(world.drained());
      }
    }
  }
}

TEST_CASE("mirror: a stream that is there, and never says what it has, is sent to in the end") {
  World world(config_of(disk_rule()), {});
  leave_unconfirmed(world);
  world.hub.api_says = says("STREAM.MSG.GET", kSilent);
  world.up();
  world.run(90s);
  CHECK(world.payloads() == numbers(1, 3));  // For its window drops the repeats.
  CHECK(world.drained());
}

TEST_CASE("mirror: a rule that wants barriers does not wait for a stream that is away") {
  MirrorConfig config = config_of(disk_rule());
  config.rules.push_back({.subjects = {"u.>"}});  // For this one the hub is asked.
  config.rules[0].confirm = Confirm::kBarrier;
  World world(config, {.stream_subject = ">"});
  leave_unconfirmed(world);
  world.hub.api_says = says("STREAM.MSG.GET", kNotAvailable);
  world.up();
  world.run(1min);
  CHECK(world.drained());
}

TEST_CASE(
    "mirror: a stream that is lost and found while it is asked has no hole taken for granted") {
  for (const Durability durability : kBoth) {
    CAPTURE(static_cast<int>(durability));
    World world(config_of(rule_of(durability)), {.duplicate_window = 1s});
    world.hub.vanish_once = {"2"};
    leave_unconfirmed(world);
    world.hub.api_says = says("STREAM.INFO", kNotAvailable);
    world.up();
    world.run(10s);
    CHECK(world.hub.stored.size() == 2);
    world.hub.api_says = {};
    world.run(20s);
    CHECK(world.payloads() == std::vector<std::string>{"1", "3", "2"});
    CHECK(world.drained());
  }
}

TEST_CASE("mirror: a stream without a leader is no reason to believe a subscriber's barrier") {
  for (const auto& [known, durability] :
       {std::pair(false, kBoth[0]), {true, kBoth[0]}, {false, kBoth[1]}, {true, kBoth[1]}}) {
    CAPTURE(known);
    CAPTURE(static_cast<int>(durability));
    World world(config_of(rule_of(durability)), {});
    world.hub.interest = {"t.>"};
    world.start();
    if (known) {
      world.up();
      world.run(1s);
    }
    world.hub.options().list = kMissing;
    world.hub.options().stream_subject = "";
    world.up();
    world.run(2min);  // A refresh, too.
    publish(world, 1, 3);
    world.run(2min);
    CHECK(world.rule().messages == 3);
    world.hub.options().list = "";
    world.hub.options().stream_subject = "t.>";
    world.run(2min);
    CHECK(world.payloads() == numbers(1, 3));
    CHECK(world.drained());
  }
}

TEST_CASE("mirror: a missing stream holds up only what it may capture") {
  RuleConfig rule = disk_rule();
  RuleConfig other{.subjects = {"u.>"}};
  MirrorConfig config = config_of(rule);
  config.rules.push_back(other);
  World world(config, {.stream_subject = ""});
  world.hub.interest = {"t.>", "u.>"};
  // Each is asked for alone, and of S all that is known is the question.
  int asked = 0;
  world.hub.api_says = [&](std::string_view verb) -> std::optional<std::string> {
    if (verb != "STREAM.LIST") return kNotAvailable;
    return ++asked % 2 == 1 ? kMissing : R"({"total":0,"offset":0,"limit":256,"streams":[]})";
  };
  world.start();
  world.up();
  world.run(1s);
  publish(world, 1, 3, "t.a");
  publish(world, 1, 3, "u.a");
  world.run(1min);
  CHECK(world.rule(0).messages == 3);
  CHECK(world.rule(1).messages == 0);
}

TEST_CASE("mirror: a hub whose nodes cannot answer has no streams that we could do without") {
  World world(config_of(disk_rule()), {});
  world.hub.interest = {"t.>"};
  world.hub.api_says = says("STREAM.", kNotAvailable);
  world.hub.options().stream_subject = "";
  world.start();
  publish(world, 1, 3);
  world.up();
  world.run(5min);
  CHECK(world.rule().messages == 3);
  world.hub.api_says = {};
  world.hub.options().stream_subject = "t.>";
  world.run(1min);
  CHECK(world.payloads() == numbers(1, 3));
  CHECK(world.drained());
}

TEST_CASE("mirror: where PubAcks came, and the API is out of reach, they are waited for") {
  Durability durability = Durability::kDisk;
  SUBCASE("disk") {}
  SUBCASE("outage") { durability = Durability::kOutage; }
  World world(config_of(rule_of(durability)), {.domain = ""});
  world.hub.interest = {"t.>"};
  world.start();
  world.up();
  publish(world, 1, 3);
  world.run(5s);
  REQUIRE(world.payloads() == numbers(1, 3));
  world.run(2min);
  world.down();
  world.hub.options().stream_subject = "";  // It has no leader.
  world.up();
  publish(world, 4, 6);
  world.run(30s);
  CHECK(world.rule().messages == 3);
  world.hub.options().stream_subject = "t.>";
  world.run(1min);
  CHECK(world.payloads() == numbers(1, 6));
  CHECK(world.drained());
  world.hub.options().stream_subject = "";  // It was deleted: the others are those who want it.
  publish(world, 7, 9);
  world.run(5min);
  CHECK(world.drained());
}

// Of two streams one is away, and PubAcks of the other say nothing of it.
TEST_CASE("mirror: where PubAcks came, no stream of another subject ends the wait for them") {
  for (const Durability durability : kBoth) {
    CAPTURE(static_cast<int>(durability));
    World world(config_of(rule_of(durability)), {.domain = ""});
    world.hub.interest = {"t.>"};
    world.start();
    world.up();
    publish(world, 1, 3, "t.a");
    publish(world, 4, 4, "t.b");
    world.run(5s);
    REQUIRE(world.payloads() == numbers(1, 4));
    world.run(2min);
    world.down();
    world.hub.options().stream_subject = "t.b";
    world.up();
    publish(world, 5, 5, "t.b");
    world.run(5s);
    REQUIRE(world.payloads() == numbers(1, 5));
    publish(world, 6, 8, "t.a");
    world.run(20s);
    CHECK(world.rule().messages == 3);
    world.hub.options().stream_subject = "t.>";
    world.run(1min);
    CHECK(world.payloads() == numbers(1, 8));
    CHECK(world.drained());
  }
}

TEST_CASE("mirror: where the API is out of reach, a stream that took any of a rule is waited for") {
  for (const auto& [back, durability] :
       {std::pair(true, kBoth[0]), {false, kBoth[0]}, {true, kBoth[1]}, {false, kBoth[1]}}) {
    CAPTURE(back);
    CAPTURE(static_cast<int>(durability));
    World world(config_of(rule_of(durability)), {.domain = ""});
    world.hub.interest = {"t.>"};
    world.start();
    world.up();
    publish(world, 1, 3);
    world.run(100ms);
    REQUIRE(world.payloads() == numbers(1, 3));
    world.crash();  // That a stream took them is noted.
    world.hub.options().stream_subject = "";
    world.start();
    world.up();
    publish(world, 4, 2000, "t.b");
    world.run(30s);
    CHECK(world.payloads() == numbers(1, 3));
    CHECK(world.rule().messages >= 1997);
    if (back) world.hub.options().stream_subject = "t.>";
    world.run(90s);  // Or it was deleted: then all goes to the others, and not one by one.
    CHECK(world.drained());
    CHECK(world.payloads() == numbers(1, back ? 2000 : 3));
  }
}

TEST_CASE("mirror: a hub that lists no streams now does not say where they ended long ago") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms});
  world.start();
  world.up();
  world.run(5s);
  publish(world, 1, 2000);
  world.run(10s);
  REQUIRE(world.drained());
  world.hub.api_says = [](std::string_view verb) -> std::optional<std::string> {
    if (verb != "STREAM.LIST") return std::nullopt;
    return R"({"error":{"code":503,"err_code":10008}})";
  };
  world.hub.acks_to_drop = 20;
  publish(world, 2001, 2020);
  world.run(1s);
  for (int i = 0; i < 2000; ++i) world.hub.store("t.a", "", "other");
  world.run(1min);
  CHECK(world.payloads() == numbers(1, 2020));
  CHECK(world.drained());
}

TEST_CASE("mirror: a PONG is not enough where a stream had the subject, and has it again") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms});
  world.start();
  world.up();
  publish(world, 1, 4);
  world.run(5s);
  REQUIRE(world.drained());
  const std::string subject = std::exchange(world.hub.options().stream_subject, "");
  world.mirror->interest_lost(*world.link, subject);
  world.mirror->interest_changed(*world.link);
  world.run(2s);  // Known by now.
  world.hub.options().stream_subject = subject;
  world.mirror->interest_changed(*world.link);
  // It has them in its hands, and dies: nothing is heard any more.
  world.hub.vanish_once = {"5", "6"};
  world.hub.api_says = [](std::string_view) -> std::optional<std::string> { return ""; };
  publish(world, 5, 6);
  world.run(10s);
  world.down();
  world.hub.api_says = nullptr;
  world.up();
  world.run(10s);
  CHECK(world.payloads() == numbers(1, 6));
  CHECK(world.drained());
}

TEST_CASE("mirror: a PONG is not enough where a stream that has just come takes what is sent") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms});
  const std::string subject = std::exchange(world.hub.options().stream_subject, "");
  world.start();
  world.up();
  world.run(2s);
  world.hub.options().stream_subject = subject;
  world.mirror->interest_changed(*world.link);
  publish(world, 1, 2);
  world.run(50ms);
  REQUIRE(world.payloads() == numbers(1, 2));
  world.hub.vanish_once = {"3", "4"};  // Its disk is full: it says nothing.
  publish(world, 3, 4);
  world.run(30s);
  CHECK(world.payloads() == numbers(1, 4));
  CHECK(world.drained());
}

TEST_CASE("mirror: what a stream beyond the hub says is nothing of the hub's own") {
  const char* const kSaid[] = {
      R"({"stream":"S","domain":"far","seq":7000000})",
      R"({"stream":"Far","domain":"far","seq":7,"duplicate":true})",
      R"({"error":{"code":400,"err_code":10054},"stream":"Far","seq":0})",
      R"({"error":{"code":503,"err_code":10077},"stream":"Far","seq":0})",
  };
  for (const char* said : kSaid) {
    CAPTURE(said);
    World world(config_of(disk_rule()), {.beyond = said});
    world.start();
    world.up();
    world.run(2s);
    publish(world, 1, 200);  // Some share reply subjects.
    world.run(1s);
    CHECK(world.drained());
    world.hub.error = R"({"error":{"code":503,"err_code":10077},"stream":"S","seq":0})";
    publish(world, 201, 400);
    world.run(2s);
    CHECK(world.rule().messages == 200);
    world.hub.error.clear();
    world.run(1min);
    CHECK(world.drained());
    std::vector<std::string> there = world.payloads(), all = numbers(1, 400);
    std::sort(there.begin(), there.end());
    std::sort(all.begin(), all.end());
    CHECK(there == all);
    CHECK(world.rule().losses.rejected == 0);
  }
}

TEST_CASE("mirror: where the hub has no stream, one beyond it confirms") {
  World world(config_of(disk_rule()), {.beyond = R"({"stream":"S","domain":"far","seq":7})"});
  world.config.rules[0].confirm = Confirm::kPuback;
  world.hub.options().list = R"({"total":0,"offset":0,"limit":256,"streams":[]})";
  world.hub.error = R"({"error":{"code":503,"err_code":10077},"stream":"S","seq":0})";
  world.start();
  world.up();
  publish(world, 1, 5);
  world.run(10s);
  CHECK(world.drained());
}
