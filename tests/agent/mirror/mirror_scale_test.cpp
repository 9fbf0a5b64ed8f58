// Much of a thing: clients of the hub that come and go, streams, subjects, messages that get old.
#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <map>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

// What the processor does for 4,000 messages whose stream is behind `others`, of 16 subjects each.
std::clock_t work_beside(int others) {
  World world(config_of(disk_rule()), {});
  std::string list = R"({"total":1,"offset":0,"limit":256,"streams":[)";
  for (int i = 0; i < others; ++i) {
    list += R"({"config":{"name":"O)" + std::to_string(i) + R"(","subjects":[)";
    for (int j = 0; j < 16; ++j) {
      list += (j == 0 ? R"("t.)" : R"(,"t.)") + std::to_string(i) + "." + std::to_string(j) + "\"";
    }
    list += "]}},";
  }
  world.hub.options().list = list + R"({"config":{"name":"S","subjects":["t.>"]}}]})";
  world.start();
  world.up();
  world.run(5s);
  const std::clock_t begin = std::clock();
  publish(world, 1, 4000);
  world.run(5s);
  CHECK(world.drained());
  return std::clock() - begin;
}

constexpr const char* kThreeStreams =
    R"({"total":3,"offset":0,"limit":256,"streams":[)"
    R"({"config":{"name":"A","subjects":["t.x"]}},{"config":{"name":"B","subjects":["t.y"]}},)"
    R"({"config":{"name":"S","subjects":["t.>"]}}]})";

// Counts how often a hub is asked for its streams.
struct Questions {
  explicit Questions(ModelHub& hub) {
    hub.api_says = [this](std::string_view verb) -> std::optional<std::string> {
      if (verb == "STREAM.LIST") ++count;
      return std::nullopt;
    };
  }
  int count = 0;
};

}  // namespace

TEST_CASE("scale: a backlog that gets too old faster than a page a second is given up as it does") {
  RuleConfig rule = disk_rule();
  rule.max_age = 5s;
  rule.max_messages = 12'000;
  rule.discard = Discard::kNew;
  World world(config_of(rule), {});
  world.start();
  for (int i = 0; i < 30; ++i) {
    publish(world, i * 1000, i * 1000 + 999);
    world.run(1s);
  }
  CHECK(world.rule().messages < 8'000);
  CHECK(world.rule().losses.refused == 0);
}

TEST_CASE("scale: clients of the hub that come and go do not hold up what has a stream") {
  World world(config_of(disk_rule()), {.stream_subject = "t.b"});
  world.start();
  world.up();
  world.run(5s);
  world.publish("t.a", "nobody's");
  world.publish("t.b", "1");
  for (int i = 0; i < 60; ++i) {
    world.mirror->interest_changed(*world.link);
    world.run(500ms);
  }
  CHECK(world.payloads() == std::vector<std::string>{"1"});
}

TEST_CASE("scale: where the hub has more streams than are remembered, a refusal is heard") {
  World world(config_of(disk_rule()), {});
  world.limits.streams_max = 2;
  world.hub.options().list = kThreeStreams;
  world.start();
  world.up();
  world.run(5s);
  for (const std::string& payload : numbers(1, 5)) world.hub.refuse_once.insert(payload);
  publish(world, 1, 20);
  world.run(1min);
  CHECK(world.drained());
  CHECK(world.payloads().size() == 20);
}

TEST_CASE("scale: where the hub has more streams than are remembered, a PubAck is waited for") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms});
  world.limits.streams_max = 2;
  world.hub.interest = {"t.>"};
  world.hub.options().list = kThreeStreams;
  world.start();
  world.up();
  publish(world, 1, 3);
  world.run(5s);
  REQUIRE(world.payloads() == numbers(1, 3));
  world.hub.options().stream_subject = "";  // It has no leader.
  publish(world, 4, 6);
  world.run(20s);
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

TEST_CASE("scale: a stream that several of our subjects overlap is remembered once") {
  RuleConfig rule = disk_rule();
  rule.subjects = {"*.a", "*.b", "t.>"};
  World world(config_of(rule), {});
  world.limits.streams_max = 2;
  int asked = 0;
  world.hub.api_says = [&](std::string_view verb) -> std::optional<std::string> {
    if (verb != "STREAM.LIST") return std::nullopt;
    const bool last = ++asked % 3 == 0;
    return R"({"total":1,"offset":0,"limit":256,"streams":[{"config":{"name":")" +
           std::string(last ? "S" : "U") + R"(","subjects":[")" + (last ? "t.>" : "u.*") +
           R"("]}}]})";
  };
  world.start();
  world.up();
  world.run(5s);
  publish(world, 1, 20);
  world.run(5s);
  CHECK(world.drained());
  CHECK(world.rule().confirm == "puback");
}

TEST_CASE("scale: what others of the hub want says nothing of its streams") {
  RuleConfig rule = disk_rule();
  rule.subjects = {"t.*", "_own.>", ">"};
  World world(config_of(rule), {});
  world.start();
  CHECK_FALSE(world.mirror->cares_for("_INBOX.x.*"));
  CHECK_FALSE(world.mirror->cares_for("$JS.ACK.>"));
  CHECK(world.mirror->cares_for("_own.a"));
  CHECK(world.mirror->cares_for("u"));
  CHECK(world.mirror->cares_for(">"));
  CHECK(world.mirror->cares_for("*.a"));
}

TEST_CASE("scale: a link with nothing to send asks the hub nothing") {
  for (const bool has_stream : {true, false}) {
    World world(config_of(disk_rule()), {.stream_subject = has_stream ? "t.>" : ""});
    world.hub.interest = {"t.>"};
    Questions questions(world.hub);
    world.start();
    world.up();
    world.run(1h);
    for (int i = 0; i < 20; ++i) {
      world.mirror->interest_changed(*world.link);
      world.run(1min);
    }
    CHECK(questions.count == 1);
    publish(world, 1, 5);
    world.run(10s);
    CHECK(world.drained());
    CHECK(questions.count == 2);
  }
}

TEST_CASE("scale: a stream that came while nothing was to be sent is heard") {
  World world(config_of(disk_rule()), {.stream_subject = ""});
  world.hub.interest = {"t.>"};
  world.start();
  world.up();
  publish(world, 1, 5);  // By barrier: a subscriber alone is there.
  world.run(3h);
  REQUIRE(world.drained());
  world.hub.options().stream_subject = "t.>";
  for (const std::string& payload : numbers(6, 10)) world.hub.refuse_once.insert(payload);
  publish(world, 6, 20);
  world.run(1min);
  CHECK(world.drained());
  CHECK(world.payloads().size() == 15);
}

TEST_CASE("scale: where others come and go on our subjects the list of streams is not asked for") {
  World world(config_of(disk_rule()), {});
  Questions questions(world.hub);
  world.start();
  world.up();
  for (int i = 1; i <= 600; ++i) {
    world.mirror->interest_changed(*world.link);
    publish(world, i, i);
    world.run(1s);
  }
  CHECK(world.drained());
  CHECK(questions.count < 6 + 10 + 2);  // After 1, 2, 4 … 60 s, then each minute.
  world.run(2min);
  questions.count = 0;
  world.mirror->interest_changed(*world.link);
  publish(world, 601, 601);
  world.run(2s);
  CHECK(questions.count >= 1);  // A change after a calm is looked at soon.
}

TEST_CASE("scale: nor is a hub that never answers, wherever others come and go on our subjects") {
  World world(config_of(disk_rule()), {.stream_subject = ""});
  world.hub.interest = {"t.>"};
  int asked = 0;
  world.hub.api_says = [&asked](std::string_view) -> std::optional<std::string> {
    ++asked;
    return "";
  };
  world.start();
  world.up();
  world.run(1min);
  asked = 0;
  for (int i = 1; i <= 1200; ++i) {
    world.mirror->interest_changed(*world.link);
    publish(world, i, i);
    world.run(1s);
  }
  CHECK(world.drained());
  CHECK(asked < 6 + 20 + 2);  // As above.
}

TEST_CASE("scale: what does not drain any more has no rate") {
  World world(config_of(disk_rule()), {.latency = 200ms});
  world.limits.in_flight_messages_max = 100;
  world.start();
  publish(world, 1, 5000);
  world.up();
  REQUIRE(world.loop.run_until([&] { return world.rule().drain_rate > 0; }, 1min));
  world.down();
  world.run(10min);
  CHECK(world.rule().messages > 0);
  CHECK(world.rule().drain_rate == 0);
  world.up();
  REQUIRE(world.loop.run_until([&] { return world.drained(); }, 10min));
  CHECK(world.rule().drain_rate == 0);
}

TEST_CASE("scale: the hub's many streams are not looked through for each message") {
  const std::clock_t beside_few = work_beside(1), beside_many = work_beside(1000);
  CHECK(beside_many < 4 * beside_few + CLOCKS_PER_SEC / 20);
}

TEST_CASE("scale: what is in flight is not looked through for each client that leaves the hub") {
  RuleConfig rule = disk_rule();
  rule.confirm = Confirm::kBarrier;
  World world(config_of(rule), {.stream_subject = "", .latency = 1min});
  world.hub.interest = {"t.>"};
  world.start();
  world.up();
  publish(world, 1, 4000);
  world.run(10s);
  REQUIRE(world.rule().in_flight > 1000);
  const auto work = [&](std::string_view pattern) {
    const std::clock_t begin = std::clock();
    for (int i = 0; i < 5000; ++i) world.mirror->interest_lost(*world.link, pattern);
    return std::clock() - begin;
  };
  CHECK(10 * work("_INBOX.x.*") < work("t.nobody.x"));
}

TEST_CASE(
    "scale: of a hub that has no time to answer it is not said that a domain is missing alone") {
  World world(config_of(disk_rule()), {});
  world.hub.api_says = [](std::string_view) { return R"({"error":{"code":429}})"; };
  world.start();
  world.up();
  publish(world, 1, 20);
  world.run(1min);
  CHECK(world.drained());
  CHECK(world.mirror->report().guarantee.find("no answer in time") != std::string::npos);
}

TEST_CASE("scale: many subjects whose stream is gone do not wait one by one") {
  World world(config_of(disk_rule()), {.domain = ""});
  world.start();
  world.up();
  world.run(5s);
  for (int i = 0; i < 200; ++i) world.publish("t." + std::to_string(i), std::to_string(i));
  world.run(1min);
  REQUIRE(world.drained());
  world.down();
  world.hub.options().stream_subject = "";  // Another hub, or the stream was deleted.
  world.hub.interest = {"t.>"};
  for (int i = 0; i < 200; ++i) world.publish("t." + std::to_string(i), std::to_string(i));
  world.up();
  CHECK(world.loop.run_until([&] { return world.drained(); }, 5min));
  CHECK(world.hub.heard.size() < 420);  // All as the link comes up, and once more.
}

TEST_CASE("rules: however many, what they have in memory together does not grow with them") {
  const MirrorLimits full;
  for (std::size_t rules = 1; rules <= 200; ++rules) {
    CAPTURE(rules);
    MirrorLimits each;
    share_memory(each, rules);
    const std::size_t most = std::max<std::size_t>(full.rules_in_full, rules / 8);
    CHECK(rules * (each.loaded_bytes_max + each.tail_bytes_max) <=
          most * (full.loaded_bytes_max + full.tail_bytes_max));
    CHECK(rules * each.loaded_messages_max <= most * full.loaded_messages_max);
    CHECK(each.loaded_bytes_max >= each.page_bytes);
    if (rules > full.rules_in_full) continue;
    CHECK(each.loaded_bytes_max == full.loaded_bytes_max);
    CHECK(each.tail_messages_max == full.tail_messages_max);
  }
}

TEST_CASE("rules: many with long backlogs are replayed in order, a share of memory each") {
  MirrorConfig config;
  constexpr int kRules = 40, kEach = 400;
  for (int i = 0; i < kRules; ++i) {
    RuleConfig rule;
    rule.subjects = {"t." + std::to_string(i)};
    config.rules.push_back(rule);
  }
  World world(config, {});
  world.limits.rules_in_full = 1;
  world.start();
  for (int i = 1; i <= kEach; ++i) {
    for (int rule = 0; rule < kRules; ++rule) {
      publish(world, i, i, "t." + std::to_string(rule));
    }
    if (i % 50 == 0) world.run(10ms);
  }
  world.crash();
  world.start();
  world.up();
  world.run(2min);
  CHECK(world.drained());
  std::map<std::string, std::vector<std::string>> got;
  for (const ModelHub::Stored& each : world.hub.stored) got[each.subject].push_back(each.payload);
  CHECK(got.size() == kRules);
  for (const auto& [subject, payloads] : got) CHECK(payloads == numbers(1, kEach));
}

TEST_CASE("scale: over a far link many subjects in flight are looked for side by side") {
  World world(config_of(disk_rule()), {.latency = 300ms});
  world.start();
  for (int i = 0; i < 4096; ++i) world.publish("t." + std::to_string(i), std::to_string(i));
  world.run(5s);
  world.up();
  REQUIRE(world.loop.run_until([&] { return world.rule().in_flight == 4096; }, 10s));
  world.down();
  world.up();
  CHECK(world.loop.run_until([&] { return world.drained(); }, 15s));  // Of 64 at a time: 40 s.
  CHECK(world.payloads() == numbers(0, 4095));
}
