#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "tests/agent/mirror/mirror_world.h"

// What the simulation of whole agents has found: a case each.
using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

TEST_CASE("mirror: what met nobody does not hold up what is in flight behind it") {
  for (const char* domain : {"hub", ""}) {
    CAPTURE(domain);
    World world(config_of(disk_rule()), {.domain = domain, .stream_subject = "", .latency = 200ms});
    world.hub.interest = {"t.a", "t.c"};
    world.start();
    world.up();
    world.run(3s);
    publish(world, 1, 1, "t.b");  // Is passed over.
    world.run(5s);
    publish(world, 2, 20, "t.a");
    world.run(100ms);  // On their way: they meet nobody.
    world.hub.interest = {};
    for (const char* subject : {"t.a", "t.c"}) world.mirror->interest_lost(*world.link, subject);
    world.mirror->interest_changed(*world.link);
    world.run(5s);
    world.hub.interest = {"t.>"};
    world.mirror->interest_changed(*world.link);
    world.run(1min);
    CHECK(world.drained());
    CHECK(world.rule().in_flight == 0);
    CHECK(world.hub.heard.size() >= 20);
  }
}

TEST_CASE("mirror: a disk that does not answer is told, and that it does again") {
  World world(config_of(disk_rule()), {}, 1, World::Under::kSqlite);
  world.start();
  world.up();
  world.run(2s);
  const auto told = [&](std::string_view text) {
    const auto& lines = world.log.lines();
    return std::count_if(lines.begin(), lines.end(),
                         [text](const auto& line) { return line.find(text) != line.npos; });
  };
  world.commit_delay = 40s;
  publish(world, 1, 10);
  world.run(14s);
  CHECK(told("the disk") == 0);
  world.run(2s);
  CHECK(told("the disk does not answer: who has published for it waits") == 1);
  CHECK(world.mirror->report().state == "disk hangs");
  publish(world, 11, 20);
  world.commit_delay = 1ms;
  world.run(30s);
  CHECK(told("the disk answers again") == 1);
  CHECK(told("does not answer") == 1);
  CHECK(world.mirror->report().state == "live");
  CHECK(world.payloads() == numbers(1, 20));
}

TEST_CASE("mirror: what was sent after the disk had failed is not sent again after a restart") {
  // Writes; the mark of doubt is one. 0: a sync. Negative: of a rule with durability: outage.
  for (const int failing : {0, 3, 100, -3, -100}) {
    CAPTURE(failing);
    RuleConfig rule = disk_rule();
    if (failing < 0) rule.durability = Durability::kOutage;
    World world(config_of(rule), {.duplicate_window = 1ms}, 1, World::Under::kSqlite);
    world.power_cuts = false;
    world.start();
    publish(world, 1, 20);
    world.run(1s);
    failing == 0 ? world.sim_disk.fail_syncs(1) : world.sim_disk.fail_writes(std::abs(failing));
    publish(world, 21, 22);
    world.run(1s);
    REQUIRE(world.mirror->report().state == "storage failed");
    world.up();
    world.run(2s);
    if (std::abs(failing) == 100) CHECK(world.payloads().empty());  // The mark is tried for longer.
    world.run(20s);
    CHECK(world.payloads() == numbers(1, 22));  // Also where the disk is dead for good.
    world.crash();
    world.sim_disk.fail_writes(0);
    world.run(10min);
    world.start();
    publish(world, 23, 25);
    world.up();
    world.run(10s);
    CHECK(world.drained());
    const std::vector<std::string> payloads = world.payloads();
    if (std::abs(failing) < 100) CHECK(payloads == numbers(1, 25));
    for (const std::string& each : numbers(1, 25)) {  // At least once.
      CHECK(std::count(payloads.begin(), payloads.end(), each) >= 1);
    }
    world.crash();
    world.start();  // The mark is gone: nothing is in doubt.
    CHECK_FALSE(world.store->recovery().doubtful);
  }
}

TEST_CASE("mirror: what went out of order once the disk had failed is found after two restarts") {
  for (const int restarts : {1, 2, 3}) {
    CAPTURE(restarts);
    World world(config_of(disk_rule()), {.duplicate_window = 1ms}, 1, World::Under::kSqlite);
    world.power_cuts = false;
    world.start();
    publish(world, 1, 20);
    world.run(1s);
    world.sim_disk.fail_syncs(1);
    publish(world, 21, 22);
    world.run(1s);
    REQUIRE(world.mirror->report().state == "storage failed");
    world.hub.vanish_once = {"1"};  // It goes again, behind the others.
    world.up();
    world.run(1min);
    REQUIRE(world.payloads().size() == 22);
    REQUIRE(world.payloads().back() == "1");
    for (int i = 0; i < restarts; ++i) {
      world.crash();
      world.run(10min);
      world.start();
      world.run(10s);
    }
    world.up();
    world.run(40ms);  // They are being asked for, or were: it is not noted that they are there.
    if (restarts > 1) world.crash();
    world.run(10min);
    if (restarts > 1) world.start();
    world.up();
    world.run(1min);
    CHECK(world.payloads().size() == 22);
    CHECK(world.drained());
  }
}

TEST_CASE("mirror: what was captured is counted over a crash") {
  World world(config_of(disk_rule()), {});
  world.start();
  publish(world, 1, 50);
  world.run(1s);
  REQUIRE(world.rule().captured == 50);
  world.crash();
  world.start();
  world.run(1s);
  CHECK(world.rule().captured == 50);
  world.up();
  publish(world, 51, 60);
  world.run(1s);
  world.crash();
  world.start();
  world.up();
  world.run(10s);
  CHECK(world.drained());
  CHECK(world.rule().captured == 60);
}

TEST_CASE("mirror: a repeat of what a restart found at the hub is known after another crash") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
  world.start();
  world.up();
  world.run(1s);
  for (const char* id : {"1", "2", "3"}) world.publish("t.a", id, id);
  world.run(20ms);  // At the hub, and not answered.
  REQUIRE(world.payloads() == numbers(1, 3));
  world.crash();
  world.start();
  world.up();
  world.run(10s);
  CHECK(world.drained());
  CHECK(world.rule().confirmed == 3);
  world.down();
  world.crash();
  world.start();
  for (const char* id : {"1", "2", "3"}) world.publish("t.a", id, id);
  world.up();
  world.run(10s);
  CHECK(world.payloads() == numbers(1, 3));
  CHECK(world.rule().duplicates == 3);
}

TEST_CASE("mirror: keep last brings none back behind the newer one that a restart found there") {
  RuleConfig rule = disk_rule();
  rule.keep_last = true;
  World world(config_of(rule), {.duplicate_window = 1ms, .ack_delay = 50ms});
  world.start();
  world.publish("t.b", "1", "1");
  world.publish("t.b", "2", "2");  // The first stays for its publisher's id.
  world.run(1s);
  world.up();
  world.loop.run_until([&] { return !world.payloads().empty(); }, 10s);
  REQUIRE(world.payloads() == numbers(2, 2));
  for (int restart = 0; restart < 2; ++restart) {
    world.crash();
    world.start();
    world.up();
    world.run(1s);
  }
  world.run(10s);
  CHECK(world.payloads() == numbers(2, 2));
  CHECK(world.drained());
}

TEST_CASE("mirror: what was passed over and then superseded holds up none of its subject") {
  RuleConfig rule = disk_rule();
  rule.keep_last = true;
  World world(config_of(rule), {.stream_subject = ""});
  world.start();
  world.up();
  publish(world, 1, 1, "t.b");
  world.run(5s);  // Nobody wants it: it is passed over.
  world.down();
  publish(world, 2, 2, "t.b");
  publish(world, 3, 3, "t.a");
  world.run(1s);
  world.hub.options().stream_subject = "t.>";
  world.up();
  world.run(20s);
  CHECK(world.drained());
  CHECK(world.payloads() == numbers(2, 3));
}

// Whoever sees a PubAck, or a message at the hub, knows a reply subject.
TEST_CASE("mirror: an answer that comes after its link is over is nobody's") {
  for (const int before : {0, 300}) {  // Then messages share a reply subject.
    CAPTURE(before);
    World world(config_of(disk_rule()), {});
    world.start();
    world.up();
    publish(world, 1, before);
    world.run(1s);
    REQUIRE(world.drained());
    world.hub.replies.clear();
    world.hub.acks_to_drop = 2;
    publish(world, before + 1, before + 2);
    world.run(1s);
    REQUIRE(world.rule().in_flight == 2);
    REQUIRE(!world.hub.replies.empty());
    world.down();
    for (const std::string& reply : world.hub.replies) {
      world.account.publish({.capture = false}, {reply, {}, "NATS/1.0 503\r\n\r\n", {}, {}});
    }
    world.run(1s);
    CHECK(world.rule().in_flight == 2);
    world.up();
    world.run(30s);
    CHECK(world.drained());
    CHECK(world.payloads() == numbers(1, before + 2));
  }
}

TEST_CASE("mirror: what comes after the disk has failed goes when the hub has been asked") {
  World world(config_of(disk_rule()), {.latency = 200ms});
  world.start();
  world.up();
  world.run(2s);
  world.hub.acks_to_drop = 5;
  publish(world, 1, 5);
  world.run(2s);
  REQUIRE(world.rule().in_flight == 5);
  world.crash();
  world.start();
  world.up();
  world.run(50ms);
  REQUIRE(world.mirror->report().state == "resolving");
  world.model->fail();
  publish(world, 6, 7);
  world.run(1min);
  CHECK(world.payloads() == numbers(1, 7));
  CHECK(world.rule().losses.refused == 0);
}

TEST_CASE("mirror: what comes after the disk has failed outlives new interest in other subjects") {
  World world(config_of(disk_rule()), {.stream_subject = "", .latency = 200ms});
  world.hub.interest = {"t.a"};
  world.start();
  world.up();
  world.run(2s);
  publish(world, 1, 1, "t.b");
  world.run(10s);  // Is passed over.
  world.model->fail();
  publish(world, 2, 3);
  world.run(100ms);  // On their way.
  world.hub.interest = {"t.>"};
  world.mirror->interest_changed(*world.link);
  publish(world, 4, 5);
  world.run(100ms);
  publish(world, 6, 6, "t.b");
  world.run(1min);
  std::vector<std::string> heard;
  for (const ModelHub::Stored& each : world.hub.heard) heard.push_back(each.payload);
  CHECK(heard == std::vector<std::string>{"2", "3", "1", "4", "5", "6"});
  CHECK(world.rule().in_flight == 0);
}

TEST_CASE("mirror: a disk that fails in the turn in which the link ends takes no window with it") {
  RuleConfig rule = disk_rule();
  rule.durability = Durability::kOutage;
  World world(config_of(rule), {.latency = 200ms});
  world.start();
  world.up();
  world.run(5s);
  publish(world, 1, 5);
  world.run(100ms);
  REQUIRE(world.rule().in_flight == 5);
  world.model->fail(false);  // The mirror is told at the end of the turn.
  world.down();
  CHECK(world.rule().losses.refused == 0);
  world.up();
  world.run(30s);
  CHECK(world.payloads() == numbers(1, 5));
  CHECK(world.drained());
}

TEST_CASE("mirror: what is no subject is not taken, for nobody would confirm it") {
  RuleConfig rule = disk_rule();
  rule.subjects = {">"};
  World world(config_of(rule), {});
  world.start();
  for (const char* subject : {"", ".", "t.", ".t", "t..a", "t.a."}) {
    CAPTURE(std::string(subject));
    CHECK_FALSE(world.publish(subject, "x"));
  }
  CHECK(world.publish("t.a", "1"));
  world.run(1s);
  CHECK(world.rule().captured == 1);
}

namespace {

std::vector<std::string> heard(const World& world) {
  std::vector<std::string> list;
  for (const ModelHub::Stored& each : world.hub.heard) list.push_back(each.payload);
  return list;
}

// A hub without streams that wants "t.a" alone, and a disk that has failed.
void fail_disk(World& world) {
  world.hub.interest = {"t.a"};
  world.start();
  world.up();
  world.run(3s);
  world.model->fail();
}

}  // namespace

TEST_CASE("mirror: once the disk has failed, nothing that memory alone has counts as safe") {
  bool disk = true;
  SUBCASE("durability: disk") {}
  SUBCASE("durability: outage") { disk = false; }
  RuleConfig rule = disk_rule();
  if (!disk) rule.durability = Durability::kOutage;
  World world(config_of(rule), {.stream_subject = ""});
  fail_disk(world);
  const auto told = [&] {
    std::optional<Status> status;
    world.mirror->when_durable([&status](Status stored) { status = stored; });
    world.run(1s);
    return status && !status->ok();
  };
  const std::uint64_t rules = Capture::bit_of(0);
  world.hub.interest.clear();
  publish(world, 1, 3);
  world.run(1s);
  CHECK(world.mirror->holds_undurable(rules) == disk);  // Such a link is proven.
  world.down();
  CHECK(world.mirror->holds_undurable(rules));
  CHECK_FALSE(world.mirror->has_undurable());  // There is nothing to wait for.
  CHECK(told());
  world.hub.interest = {"t.a"};
  world.up();
  world.run(5s);
  CHECK(heard(world) == numbers(1, 3));
  CHECK_FALSE(world.mirror->holds_undurable(rules));
}

TEST_CASE("mirror: what was under way to the disk as it failed does not count as safe") {
  World world(config_of(disk_rule()), {.stream_subject = ""}, 1, World::Under::kSqlite);
  world.hub.interest = {"t.a"};
  world.start();
  world.run(10s);
  publish(world, 1, 2);
  world.run(10s);
  CHECK_FALSE(world.mirror->holds_undurable(Capture::bit_of(0)));
  world.sim_disk.fail_syncs(1000);
  publish(world, 3, 3);
  CHECK(world.mirror->holds_undurable(Capture::bit_of(0)));
  world.run(10s);  // Its publisher asks later.
  CHECK(world.mirror->report().state == "storage failed");
  CHECK(world.mirror->holds_undurable(Capture::bit_of(0)));
  SUBCASE("it goes to the hub") {
    world.up();
    world.run(10s);
    CHECK_FALSE(world.mirror->holds_undurable(Capture::bit_of(0)));
  }
  SUBCASE("it ends before") {
    world.mirror->stop([] {});
    CHECK(world.log.lines().back().find("1 messages that were on their way to it may be lost") !=
          std::string::npos);
  }
}

TEST_CASE("mirror: an end says what of a failed disk it takes along") {
  World world(config_of(disk_rule()), {.stream_subject = ""});
  fail_disk(world);
  world.down();
  publish(world, 1, 7);
  world.run(1s);
  world.mirror->stop([] {});
  world.run(1s);
  const auto& lines = world.log.lines();
  CHECK(std::any_of(lines.begin(), lines.end(), [](const auto& line) {
    return line.find("7 messages that are in memory only are lost") != line.npos;
  }));
}

TEST_CASE("mirror: once the disk has failed, what nobody wants lets others go ahead, in order") {
  World world(config_of(disk_rule()), {.stream_subject = ""});
  fail_disk(world);
  publish(world, 1, 2, "t.b");
  publish(world, 3, 4, "t.a");
  publish(world, 5, 5, "t.b");
  world.run(10s);
  CHECK(heard(world) == numbers(3, 4));
  CHECK(world.rule().messages == 3);
  publish(world, 6, 6, "t.b");
  world.hub.interest = {"t.>"};
  world.mirror->interest_changed(*world.link);
  publish(world, 7, 7, "t.b");
  world.run(10s);
  CHECK(heard(world) == std::vector<std::string>{"3", "4", "1", "2", "5", "6", "7"});
  CHECK(world.drained());
  CHECK(world.rule().confirmed == 7);
}

TEST_CASE("mirror: once the disk has failed, what nobody wants outlives a link, and is sent once") {
  World world(config_of(disk_rule()), {.stream_subject = "", .latency = 200ms});
  fail_disk(world);
  publish(world, 1, 2, "t.a");
  world.run(50ms);  // On their way.
  world.down();
  world.hub.interest = {"t.c"};
  world.up();
  publish(world, 3, 3, "t.c");
  world.run(10s);
  CHECK(heard(world) == numbers(3, 3));
  world.down();
  world.hub.interest = {"t.>"};
  world.up();
  world.run(10s);
  CHECK(heard(world) == std::vector<std::string>{"3", "1", "2"});
  CHECK(world.hub.heard[1].id.ends_with(":1"));  // By the name that it was sent with at first.
  CHECK(world.drained());
}

TEST_CASE("mirror: once the disk has failed, what nobody wants is the first to be given up") {
  RuleConfig rule = disk_rule();
  rule.max_messages = 4;
  World world(config_of(rule), {.stream_subject = ""});
  fail_disk(world);
  publish(world, 1, 4, "t.b");
  world.run(1s);
  publish(world, 5, 8, "t.a");
  world.run(1s);
  CHECK(heard(world) == numbers(5, 8));
  CHECK(world.rule().losses.limit == 4);
  CHECK(world.drained());
}

TEST_CASE("mirror: once the disk has failed, what nobody wants gets too old like any other") {
  RuleConfig rule = disk_rule();
  rule.max_age = 30s;
  World world(config_of(rule), {.stream_subject = ""});
  fail_disk(world);
  publish(world, 1, 4, "t.b");
  world.run(10s);
  publish(world, 5, 6, "t.b");
  world.run(25s);
  CHECK(world.rule().losses.age == 4);
  CHECK(world.rule().messages == 2);
}
