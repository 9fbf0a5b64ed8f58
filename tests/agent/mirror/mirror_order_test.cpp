// What comes back, what is sent again and what not, and so in which order the hub has it.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

// One to three and six to the last are at the hub; four and five were refused; no answer came.
// `between`: the id of another's message at the place of those.
void lose_answers(World& world, int last, const std::string& between = {}) {
  world.start();
  world.up();
  world.run(1s);
  publish(world, 1, 3);
  world.run(10ms);
  world.hub.error =
      R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}})";
  publish(world, 4, 5);
  world.run(10ms);
  world.hub.error.clear();
  if (!between.empty()) world.hub.store("t.a", between, "other");
  publish(world, 6, last);
  world.run(10ms);
  REQUIRE(world.payloads().size() == static_cast<std::size_t>(last - 2));
  world.down();
}

std::vector<std::string> late(int last) {
  std::vector<std::string> list = numbers(1, 3);
  for (const std::string& each : numbers(6, last)) list.push_back(each);
  for (const std::string& each : numbers(4, 5)) list.push_back(each);
  return list;
}

}  // namespace

TEST_CASE("mirror: a later message of the subject does not vouch for one that the hub refused") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
  world.start();
  world.up();
  world.run(1s);
  publish(world, 1, 3);
  world.run(10ms);
  world.hub.error =
      R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}})";
  publish(world, 4, 5);
  world.run(10ms);
  world.hub.error.clear();
  publish(world, 6, 30);
  world.run(10ms);
  REQUIRE(world.payloads().size() == 28);
  SUBCASE("the link breaks before the answers") {
    world.down();
    world.run(10min);
  }
  SUBCASE("petiole is killed before the answers") {
    world.crash();
    world.run(10min);
    world.start();
  }
  world.up();
  world.run(5s);
  std::vector<std::string> expected = numbers(1, 3);
  for (const std::string& each : numbers(6, 30)) expected.push_back(each);
  for (const std::string& each : numbers(4, 5)) expected.push_back(each);
  CHECK(world.payloads() == expected);
  CHECK(world.drained());
}

TEST_CASE(
    "mirror: where the stream forgets, a later message of the subject vouches for the earlier") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
  world.start();
  world.up();
  world.run(1s);
  publish(world, 1, 20);
  world.run(10ms);
  REQUIRE(world.payloads().size() == 20);
  for (std::size_t i = 0; i < 19; ++i) world.hub.stored[i].consumed = i != 0;
  world.down();
  world.run(10min);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == numbers(1, 20));
  CHECK(world.drained());
}

TEST_CASE("mirror: where the stream has removed others, what it refused is still found missing") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
  lose_answers(world, 30);
  for (const std::size_t at : {0u, 1u, 9u, 20u}) world.hub.stored[at].consumed = true;
  world.run(10min);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == late(30));
  CHECK(world.drained());
}

TEST_CASE("mirror: of many in flight those that the hub refused are found missing") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
  lose_answers(world, 3000);
  world.run(10min);
  world.up();
  world.run(20s);
  CHECK(world.payloads() == late(3000));
  CHECK(world.drained());
}

TEST_CASE("mirror: what may have been removed is sent again while the hub drops repeats") {
  World world(config_of(disk_rule()), {.ack_delay = 50ms});
  SUBCASE("its place is known") {}
  SUBCASE("the stream does not say") { world.hub.options().deleted_details = false; }
  lose_answers(world, 30, "x");
  for (const std::size_t at : {1u, 3u, 9u}) world.hub.stored[at].consumed = true;
  world.run(10s);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == late(30));
  CHECK(world.drained());
}

TEST_CASE(
    "mirror: where the stream keeps the last of a subject, that vouches for those before it") {
  World world(config_of(disk_rule()), {.ack_delay = 50ms, .per_subject = 1});
  lose_answers(world, 30);
  world.run(10s);
  world.up();
  world.run(5s);
  CHECK(world.payloads().back() == "30");
  CHECK(world.drained());
}

// The stream has a later one before it gets the first again: what it has up to there says nothing.
TEST_CASE("mirror: what a restart finds behind a missing one is still found after another crash") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
  world.limits.note_interval = world.limits.note_alone = {};
  bool crash = false;
  SUBCASE("found by a restart") { crash = true; }
  SUBCASE("found by the next link") {}
  world.start();
  world.up();
  world.run(1s);
  world.hub.refuse_once = {"1", "2"};
  world.publish("t.a", "1");
  world.publish("t.b", "2");
  world.publish("t.a", "3");
  world.run(20ms);  // At the hub, and not answered.
  REQUIRE(world.payloads() == std::vector<std::string>{"3"});
  if (crash) {
    world.crash();
    world.limits.in_flight_messages_max = 1;
    world.start();
  } else {
    world.down();
    world.hub.refuse_once = {"2"};
  }
  world.up();
  for (int i = 0; i < 1000 && world.payloads().size() < 2; ++i) world.run(10ms);
  for (int i = 0; i < 1000 && world.rule().confirmed == 0; ++i) world.run(1ms);
  world.run(10ms);  // Noted.
  world.crash();
  world.limits.in_flight_messages_max = 4096;
  world.start();
  world.up();
  world.run(20s);
  CHECK(world.drained());
  std::vector<std::string> payloads = world.payloads();
  std::string all;
  for (const std::string& each : payloads) all += each + ' ';
  CAPTURE(crash);
  CAPTURE(all);
  std::sort(payloads.begin(), payloads.end());
  CHECK(payloads == numbers(1, 3));
}

// The stream has removed one from between and forgets ids at once: nothing else says it.
TEST_CASE("mirror: a crash makes no later message vouch for one whose refusal was heard of") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms});
  world.limits.note_interval = world.limits.note_alone = 1h;  // But for what cannot wait.
  world.start();
  world.up();
  world.run(1s);
  publish(world, 1, 3);
  world.run(100ms);
  world.hub.store("t.a", "x", "other");
  world.hub.refuse_once = {"4"};
  publish(world, 4, 30);
  world.run(100ms);
  REQUIRE(world.hub.refused.contains("4"));
  REQUIRE(world.payloads().size() == 29);
  world.hub.stored[3].consumed = true;
  world.crash();
  world.run(10min);
  world.start();
  world.up();
  world.run(20s);
  std::vector<std::string> expected = numbers(1, 3);
  for (const std::string& each : numbers(5, 30)) expected.push_back(each);
  expected.emplace_back("4");
  CHECK(world.payloads() == expected);
  CHECK(world.drained());
}

TEST_CASE("mirror: what waits behind those in doubt goes after the hub has told of them") {
  for (const Durability durability : {Durability::kDisk, Durability::kOutage}) {
    CAPTURE(static_cast<int>(durability));
    RuleConfig rule = disk_rule();
    rule.durability = durability;
    World world(config_of(rule), {.duplicate_window = 1ms, .latency = 100ms});
    world.start();
    world.up();
    world.run(5s);
    publish(world, 1, 5);
    world.run(50ms);  // On their way.
    REQUIRE(world.rule().in_flight == 5);
    world.down();
    publish(world, 6, 10);
    world.run(1s);
    world.up();
    world.run(10s);
    CHECK(world.payloads() == numbers(1, 10));
    CHECK(world.drained());
  }
}

TEST_CASE("mirror: keep last sends none again behind the newer of its subject") {
  RuleConfig rule = disk_rule();
  rule.keep_last = true;
  World world(config_of(rule), {.ack_delay = 50ms});
  world.start();
  world.up();
  world.run(1s);
  for (int i = 1; i <= 3; ++i) {
    if (i == 2) world.hub.error = R"({"error":{"code":503,"err_code":10023}})";
    publish(world, i, i);
    world.run(10ms);
    world.hub.error.clear();
  }
  REQUIRE(world.payloads() == std::vector<std::string>{"1", "3"});
  SUBCASE("refused") {}
  SUBCASE("refused, and the link breaks before the answer") {
    world.down();
    world.run(10min);
    world.up();
  }
  world.run(5s);
  CHECK(world.payloads() == std::vector<std::string>{"1", "3"});
  CHECK(world.rule().losses.superseded == 1);
  CHECK(world.drained());
}

TEST_CASE("mirror: keep last sends the newest of each subject") {
  RuleConfig rule = disk_rule();
  rule.keep_last = true;
  World world(config_of(rule), {});
  world.start();
  for (int i = 1; i <= 30; ++i) publish(world, i, i, "t." + std::to_string(i % 3));
  world.run(1s);
  CHECK(world.rule().messages == 3);
  CHECK(world.rule().losses.superseded == 27);
  world.crash();
  world.start();
  world.run(1s);
  for (int i = 31; i <= 33; ++i) publish(world, i, i, "t." + std::to_string(i % 3));
  world.run(1s);
  CHECK(world.rule().messages == 3);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == numbers(31, 33));
}

TEST_CASE("mirror: keep last knows a repeat of what was superseded before a crash") {
  RuleConfig rule = disk_rule();
  rule.keep_last = true;
  World world(config_of(rule), {});
  SUBCASE("in memory") {}
  SUBCASE("read again from the log") { world.limits.tail_messages_max = 1; }
  world.start();
  world.publish("t.b", "0", "id-0");
  world.publish("t.a", "1", "id-1");
  world.publish("t.a", "2", "id-2");
  world.run(1s);
  CHECK(world.rule().messages == 2);
  for (int crash = 0; crash < 2; ++crash) {
    world.crash();
    world.start();
    world.run(1s);
  }
  world.publish("t.a", "1", "id-1");  // He had no answer to his flush.
  world.publish("t.a", "2", "id-2");
  world.run(1s);
  CHECK(world.rule().duplicates == 2);
  CHECK(world.rule().messages == 2);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == std::vector<std::string>{"0", "2"});
  CHECK(world.rule().losses.superseded == 1);
  CHECK(world.drained());
}

TEST_CASE("mirror: what was superseded leaves the disk when nobody will repeat it") {
  RuleConfig rule = disk_rule();
  rule.keep_last = true;
  rule.duplicate_window = 1min;
  World world(config_of(rule), {});
  world.start();
  for (int i = 0; i < 20; ++i) world.publish("t.a", "x", "id-" + std::to_string(i));
  world.run(1s);
  const auto records = [&] { return world.disk.logs.begin()->second.records.size(); };
  CHECK(world.rule().messages == 1);
  CHECK(records() == 20);
  world.run(2min);
  world.publish("t.a", "x", "id-20");
  world.run(10s);
  CHECK(world.rule().messages == 1);
  CHECK(records() <= 2);
}

TEST_CASE("mirror: a crash brings back none that was given up before one that was sent") {
  RuleConfig rule = disk_rule();
  SUBCASE("superseded") { rule.keep_last = true; }
  SUBCASE("evicted") { rule.max_messages = 2; }
  World world(config_of(rule), {});
  world.start();
  world.up();
  world.run(1s);
  world.hub.error =
      R"({"error":{"code":503,"err_code":10023,"description":"insufficient resources"}})";
  world.publish("t.z", "0");
  world.run(100ms);  // Refused: a pause.
  world.publish("t.a", "1");
  if (rule.keep_last) {
    world.publish("t.b", "2");
  } else {  // The first of all is given up.
    world.publish("t.z", "2");
  }
  world.run(100ms);
  world.hub.error.clear();
  world.commit_delay = 2s;
  world.publish("t.a", "3");
  world.run(1s);
  const std::vector<std::string> before = world.payloads();
  world.crash();
  world.commit_delay = 1ms;
  world.start();
  world.up();
  world.run(5s);
  CHECK(std::find(before.begin(), before.end(), "2") == before.end());
  CHECK(world.payloads() == numbers(rule.keep_last ? 0 : 1, 2));
}

TEST_CASE("mirror: over its limit a rule still sends") {
  RuleConfig rule = disk_rule();
  rule.max_messages = 10;
  World world(config_of(rule), {});
  world.start();
  world.up();
  world.run(1s);
  world.commit_delay = 20ms;
  for (int i = 0; i < 400; ++i) {  // Each turn some are given up, and never all of that is on disk.
    publish(world, 100 * i, 100 * i + 99);
    world.run(5ms);
  }
  CHECK(world.payloads().size() > 200);
}

TEST_CASE("mirror: why the hub takes nothing is told in its words, while it is so") {
  World world(config_of(disk_rule()), {});
  world.start();
  world.up();
  publish(world, 1, 2);
  world.run(5s);
  CHECK(world.rule().hub_refuses.empty());
  world.hub.error = R"({"error":{"code":400,"err_code":10109,"description":"invalid operation on )"
                    R"(sealed stream"},"stream":"S","seq":0})";
  publish(world, 3, 3);
  world.run(2min);
  CHECK(world.rule().hub_refuses == "invalid operation on sealed stream (stream S)");
  CHECK(
      world.log.contains("mirror: t.>: 1 messages wait: the hub does not take them: invalid "
                         "operation on sealed stream (stream S)"));
  publish(world, 4, 30);
  world.run(1min);
  CHECK(world.mirror->report().state == "refused by the hub");
  world.hub.error.clear();
  world.run(1min);
  CHECK(world.payloads() == numbers(1, 30));
  CHECK(world.rule().hub_refuses.empty());
  CHECK(world.mirror->report().state == "live");
}

TEST_CASE("mirror: why the hub will never take a message is told with the loss") {
  World world(config_of(disk_rule()), {});
  world.start();
  world.up();
  world.hub.error = R"({"error":{"code":400,"err_code":10054,"description":"message size exceeds )"
                    R"(maximum allowed"},"stream":"S","seq":0})";
  publish(world, 1, 3);
  world.run(1min);
  CHECK(world.rule().losses.rejected == 3);
  CHECK(
      world.log.contains("that the hub does not take, the last for: message size exceeds "
                         "maximum allowed (stream S)"));
}

TEST_CASE("mirror: the hub refuses nothing when nothing waits any more") {
  RuleConfig rule = disk_rule();
  rule.max_age = 10s;
  World world(config_of(rule), {});
  world.start();
  world.up();
  world.hub.error = R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes"}})";
  publish(world, 1, 3);
  world.run(8s);
  CHECK(world.rule().hub_refuses == "maximum bytes");
  world.run(2min);
  REQUIRE(world.rule().messages == 0);
  CHECK(world.rule().hub_refuses.empty());
  CHECK(!world.log.contains("the hub does not take them"));
}

// As when a mapping of the hub's account sends them elsewhere.
TEST_CASE("mirror: that a stream answers nothing is told, and not of one that has them") {
  World world(config_of(disk_rule()), {});
  world.start();
  world.up();
  publish(world, 1, 2);
  world.run(5s);
  world.hub.options().list =
      R"({"total":1,"streams":[{"config":{"name":"S","subjects":["t.>"]},"created":"then"}]})";
  world.hub.options().stream_subject.clear();
  world.hub.interest = {"t.>"};
  publish(world, 3, 9);
  world.run(2min);
  CHECK(world.rule().hub_refuses == "no answer comes");
  CHECK(world.log.contains("7 messages wait: the hub does not take them: no answer comes"));
  world.hub.options().stream_subject = "t.>";
  world.hub.options().list.clear();
  world.run(1min);
  CHECK(world.payloads() == numbers(1, 9));
  world.hub.acks_to_drop = 3;
  publish(world, 10, 12);
  world.run(20s);
  CHECK(world.drained());
  publish(world, 13, 13);
  CHECK(world.rule().hub_refuses.empty());
}

// A nats-server 2.11 or later holds 100,000 of a stream; a fleet that replays sends it more.
TEST_CASE("mirror: a stream that is overrun is pressed less, and all goes in time") {
  World world(config_of(disk_rule()), {.waiting_max = 100});
  world.start();
  publish(world, 1, 20'000);
  world.run(5s);
  world.up();
  world.run(15s);  // It takes two.
  CHECK(world.drained());
  CHECK(world.hub.crowded < 6'000);  // What was in flight at the first.
  std::vector<std::string> got = world.payloads();
  const auto falls = [](const std::string& a, const std::string& b) {
    return std::stoi(b) < std::stoi(a);
  };
  int late = 0;
  for (std::size_t i = 1; i < got.size(); ++i) late += falls(got[i - 1], got[i]) ? 1 : 0;
  CHECK(late <= 8);
  std::sort(got.begin(), got.end(), falls);
  std::reverse(got.begin(), got.end());
  CHECK(got == numbers(1, 20'000));
}

TEST_CASE("mirror: nothing drains while the hub takes nothing") {
  World world(config_of(disk_rule()), {});
  world.start();
  publish(world, 1, 20'000);
  world.run(5s);
  world.up();
  REQUIRE(world.loop.run_until([&] { return world.payloads().size() > 5000; }, 1min));
  world.hub.error = R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes"}})";
  world.run(3s);
  REQUIRE(world.rule().messages > 0);
  CHECK(world.rule().drain_rate == 0);
}
