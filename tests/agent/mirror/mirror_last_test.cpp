// keep: last, while nobody upstream wants a subject; and what limits do to what was passed over.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/agent/mirror/mirror_world.h"

namespace petiole::test {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

RuleConfig last_rule() {
  RuleConfig rule = disk_rule();
  rule.keep_last = true;
  return rule;
}

Texts heard(const World& world) {
  Texts list;
  for (const ModelHub::Stored& each : world.hub.heard) list.push_back(each.payload);
  return list;
}

void want(World& world, const std::string& subject) {
  world.hub.interest.insert(subject);
  if (world.link != nullptr) world.mirror->interest_changed(*world.link);
}

// Not refused.
bool takes(World& world, const std::string& subject, const std::string& payload,
           const std::string& id = {}) {
  const std::uint64_t before = world.rule().losses.refused;
  world.publish(subject, payload, id);
  return world.rule().losses.refused == before;
}

std::size_t records(const World& world) { return world.disk.logs.begin()->second.records.size(); }

// Captured once each: confirmed, given up, or still here.
std::uint64_t accounted(const World& world) {
  const RuleReport rule = world.rule();
  return rule.confirmed + rule.losses.limit + rule.losses.superseded + rule.messages;
}

}  // namespace

TEST_CASE("keep last: a repeat of what was superseded while nobody wanted it is known") {
  World world(config_of(last_rule()), {.stream_subject = ""});
  SUBCASE("in memory") {}
  SUBCASE("read again from the log") { world.limits.tail_messages_max = 1; }
  bool parked_first = false;
  SUBCASE("passed over, then superseded") { parked_first = true; }
  world.start();
  world.publish("t.b", "0", "id-0");
  world.publish("t.a", "1", "id-1");
  if (!parked_first) world.publish("t.a", "2", "id-2");
  world.up();
  world.run(5s);  // Passed over.
  if (parked_first) world.publish("t.a", "2", "id-2");
  world.run(5s);
  CHECK(world.rule().messages == 2);
  CHECK(accounted(world) <= 3);
  for (int crash = 0; crash < 2; ++crash) {
    world.crash();
    world.start();
    world.run(1s);
    CHECK(world.rule().messages == 2);
  }
  world.publish("t.a", "1", "id-1");  // He had no answer to his flush.
  world.publish("t.a", "2", "id-2");
  CHECK(world.rule().duplicates == 2);
  world.up();
  world.run(5s);
  want(world, "t.>");
  world.run(20s);
  CHECK(heard(world) == Texts{"0", "2"});
  CHECK(world.drained());
  CHECK(world.rule().losses.superseded == 1);
  CHECK(accounted(world) == 3);
}

TEST_CASE("keep last: an outage keeps no more than what may still be repeated") {
  RuleConfig rule = last_rule();
  rule.duplicate_window = 1min;
  World world(config_of(rule), {.stream_subject = ""});
  world.start();
  SUBCASE("without a link") {}
  SUBCASE("with nobody who wants it") { world.up(); }
  for (int i = 0; i < 600; ++i) {
    world.publish("t.a", "x", "id-" + std::to_string(i));
    world.run(1s);
    REQUIRE(records(world) <= 70);
    REQUIRE(world.rule().messages == 1);
  }
  CHECK(accounted(world) + records(world) >= 600);
}

TEST_CASE("keep last: what was superseded does not outlive the newer one that goes alone") {
  RuleConfig rule = last_rule();
  bool confirmed = false;
  SUBCASE("as it is confirmed while another subject is passed over") { confirmed = true; }
  SUBCASE("as the limit takes it") { rule.max_messages = 1; }
  World world(config_of(rule), {.stream_subject = ""});
  world.start();
  world.up();
  world.publish("t.b", "0", "id-0");
  world.run(5s);  // Passed over.
  world.down();
  world.publish("t.a", "1", "id-1");
  world.publish("t.a", "2", "id-2");
  world.publish("t.a", "3", "id-3");
  world.run(1s);
  if (confirmed) {
    want(world, "t.a");
    world.up();
    world.run(5s);
    CHECK(heard(world) == Texts{"3"});
  } else {
    world.publish("t.c", "4", "id-4");
    world.run(1s);
    CHECK(world.rule().losses.limit == 2);
  }
  CHECK(world.rule().messages == 1);
  world.hub.heard.clear();
  world.crash();
  world.start();
  want(world, "t.>");
  world.up();
  world.run(20s);
  CHECK(heard(world) == (confirmed ? Texts{"0"} : Texts{"4"}));
  CHECK(world.rule().losses.superseded == 2);
  CHECK(world.drained());
}

TEST_CASE("keep last, discard new: at the limit a subject that is held takes its newest value") {
  RuleConfig rule = last_rule();
  rule.discard = Discard::kNew;
  bool in_bytes = false, parked = false, from_log = false;
  SUBCASE("of messages") { rule.max_messages = 2; }
  SUBCASE("of messages, read again from the log") {
    rule.max_messages = 2;
    from_log = true;
  }
  SUBCASE("of messages, passed over") {
    rule.max_messages = 2;
    parked = true;
  }
  SUBCASE("of bytes") {
    rule.max_bytes = 90;
    in_bytes = true;
  }
  World world(config_of(rule), {.stream_subject = ""});
  if (from_log) world.limits.tail_messages_max = 1;
  world.start();
  REQUIRE(takes(world, "t.a", "0", "id-0"));
  REQUIRE(takes(world, "t.b", "0", "id-1"));
  world.run(1s);
  if (parked) {
    world.up();
    world.run(5s);
  }
  CHECK(!takes(world, "t.c", "0", "id-2"));
  CHECK(takes(world, "t.a", "1", "id-3"));
  CHECK(takes(world, "t.a", "2"));
  CHECK(!takes(world, "t.c", "1", "id-4"));
  if (in_bytes) CHECK(!takes(world, "t.b", std::string(100, 'x')));
  world.run(1s);
  CHECK(world.rule().messages == 2);
  CHECK(world.rule().losses.refused == (in_bytes ? 3 : 2));
  CHECK(world.rule().losses.limit == 0);
  for (int crash = 0; crash < 2; ++crash) {
    world.crash();
    world.start();
    world.run(1s);
    CHECK(world.rule().messages == 2);
  }
  want(world, "t.>");
  world.up();
  world.run(20s);
  CHECK(heard(world) == Texts{"0", "2"});
  CHECK(world.drained());
}

TEST_CASE("keep last, discard new: a limit that was lowered takes nothing that is held") {
  RuleConfig rule = last_rule();
  rule.discard = Discard::kNew;
  World world(config_of(rule), {});
  world.start();
  for (int i = 1; i <= 10; ++i) world.publish("t." + std::to_string(i), "old");
  world.run(1s);
  world.crash();
  world.config.rules.front().max_messages = 5;
  world.start();
  world.run(1s);
  CHECK(takes(world, "t.3", "new"));
  CHECK_FALSE(takes(world, "t.11", "new"));
  CHECK(world.rule().messages == 10);
  CHECK(world.rule().losses.limit == 0);
  world.up();
  world.run(5s);
  CHECK(world.payloads().size() == 10);
  CHECK(world.payloads().back() == "new");
}

TEST_CASE(
    "keep last, discard new: a crash before the one that was replaced is gone costs neither") {
  RuleConfig rule = last_rule();
  rule.discard = Discard::kNew;
  rule.max_messages = 2;
  World world(config_of(rule), {.stream_subject = ""});
  world.start();
  world.publish("t.a", "0");
  world.publish("t.b", "0");
  world.run(1s);
  const auto before = world.disk.logs;
  world.publish("t.a", "1");
  world.run(1s);
  world.crash();
  // The new row is there, and so is the old one.
  auto& after = world.disk.logs.begin()->second.records;
  for (const auto& [sequence, record] : before.begin()->second.records) {
    after.emplace(sequence, record);
  }
  REQUIRE(records(world) == 3);
  world.start();
  world.run(1s);
  CHECK(world.rule().messages == 2);
  CHECK(!takes(world, "t.c", "0"));
  CHECK(takes(world, "t.a", "2"));
  world.run(1s);
  CHECK(world.rule().messages == 2);
  want(world, "t.>");
  world.up();
  world.run(20s);
  CHECK(heard(world) == Texts{"0", "2"});
  CHECK(world.drained());
}

TEST_CASE("keep last: of more subjects than are remembered the newest is kept all the same") {
  World world(config_of(last_rule()), {.latency = 2s});
  world.limits.last_subjects_max = 1;
  world.start();
  world.up();
  world.run(10s);
  world.publish("t.a", "1");
  world.run(100ms);  // On its way.
  world.publish("t.a", "2");
  world.run(100ms);
  world.down();
  world.run(100ms);
  world.hub.options().latency = 5ms;
  world.up();
  world.run(10s);
  CHECK(world.payloads().back() == "2");
  CHECK(world.rule().losses.superseded <= 1);
}

TEST_CASE("keep last: subjects whose messages a limit took make room for others") {
  RuleConfig rule = last_rule();
  rule.max_messages = 2;
  World world(config_of(rule), {.stream_subject = ""});
  world.limits.last_subjects_max = 8;
  world.limits.tail_messages_max = 1;
  bool online = false;
  SUBCASE("without a link") {}
  SUBCASE("not loaded") { world.limits.loaded_messages_max = 1; }
  SUBCASE("passed over") { online = true; }
  world.start();
  if (online) world.up();
  for (int i = 1; i <= 100; ++i) {
    const std::string subject = "t." + std::to_string(i);
    world.publish(subject, "1");
    world.run(1s);
    world.publish(subject, "2");
    world.run(3s);
  }
  CHECK(world.rule().messages == 2);
  CHECK(world.rule().losses.superseded == 100);
  CHECK(world.rule().losses.limit == 98);
  want(world, "t.>");
  world.up();
  world.run(20s);
  CHECK(heard(world) == Texts{"2", "2"});
}

TEST_CASE("limits: what was passed over is evicted in its turn, and never lost") {
  RuleConfig rule = disk_rule();
  rule.max_messages = 2;
  World world(config_of(rule), {.stream_subject = "", .latency = 2s});
  world.limits.loaded_messages_max = world.limits.in_flight_messages_max = 3;
  world.start();
  want(world, "t.a");
  world.up();
  world.run(10s);
  for (int i = 1; i <= 3; ++i) {  // On their way.
    publish(world, i, i);
    world.run(100ms);
  }
  publish(world, 4, 10);  // All but the newest two of these are given up.
  world.run(100ms);
  REQUIRE(world.rule().in_flight == 3);
  REQUIRE(world.rule().losses.limit == 5);
  world.down();
  world.hub.options().latency = 5ms;
  world.hub.interest.clear();
  world.up();
  world.run(10s);  // The first three are passed over.
  CHECK(world.rule().in_flight == 0);
  publish(world, 11, 11);
  world.run(1s);
  CHECK(world.rule().messages == 2);
  CHECK(accounted(world) == 11);
  want(world, "t.a");
  world.run(20s);
  CHECK(world.drained());
  CHECK(accounted(world) == 11);
  CHECK(heard(world) == numbers(10, 11));
}

TEST_CASE("keep last: what a limit has taken is not superseded as well") {
  RuleConfig rule = last_rule();
  rule.max_messages = 3;
  World world(config_of(rule), {});
  world.limits.tail_messages_max = 1;  // Of what a limit takes the subject is not known.
  world.start();
  for (int i = 0; i < 10; ++i) {
    const std::string text = std::to_string(i);
    world.publish("t." + text, text, "id-" + text);
  }
  world.run(1s);
  REQUIRE(world.rule().losses.limit == 7);
  for (int i = 0; i < 5; ++i) {
    const std::string text = std::to_string(i);
    world.publish("t." + text, "new", "new-" + text);
  }
  world.run(1s);
  CHECK(accounted(world) == 15);
  world.up();
  world.run(10s);
  CHECK(world.drained());
  CHECK(world.rule().captured == 15);
  CHECK(world.rule().losses.superseded == 0);
  CHECK(accounted(world) == 15);
}

TEST_CASE("keep last: what was superseded does not come back with a rule that keeps all") {
  for (const bool gone : {false, true}) {
    for (const bool arrived : {false, true}) {
      CAPTURE(gone);
      CAPTURE(arrived);
      World world(config_of(last_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
      world.start();
      if (arrived) world.up();
      world.run(1s);
      world.publish("t.a", "1", "id-1");
      world.run(20ms);  // At the hub, and not answered.
      if (arrived) world.crash();
      if (arrived) world.start();
      world.publish("t.a", "2", "id-2");
      world.publish("t.a", "3", "id-3");
      world.run(1s);
      for (int restart = 0; restart < 2; ++restart) {
        world.crash();
        if (gone) {
          world.config.rules[0].subjects = {"u.>"};
        } else {
          world.config.rules[0].keep_last = false;
        }
        world.start();
        world.publish("t.a", "4", "id-4");
        world.run(1s);
      }
      if (!gone) world.publish("t.a", "2", "id-2");  // He had no answer to his flush.
      world.publish("t.a", "5", "id-5");
      world.run(1s);
      world.up();
      world.run(20s);
      Texts expected = {"3", "4", "5"};
      if (gone) expected = {"3"};
      if (arrived) expected.insert(expected.begin(), "1");
      CHECK(world.payloads() == expected);
      CHECK(world.drained());
      const LossCounts losses = world.rule(gone ? 1 : 0).losses;
      CHECK(losses.superseded == 2);
    }
  }
}

}  // namespace petiole::test
