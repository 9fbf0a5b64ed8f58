// What expects a sequence of its stream, and is sent a second time: a nats-server refuses it before
// it sees that it has it.
#include <doctest/doctest.h>

#include "agent/protocol/headers.h"
#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* kOfStream = "Nats-Expected-Last-Sequence";
constexpr const char* kOfSubject = "Nats-Expected-Last-Subject-Sequence";

void publish_expecting(World& world, const std::string& payload, const std::string& expected,
                       const char* name = kOfStream, const std::string& id = {}) {
  std::string header = add_header({}, name, expected);
  if (!id.empty()) header = add_header(header, "Nats-Msg-Id", id);
  world.account.publish({}, {"t.a", {}, header, payload, {}});
}

HubOptions without_domain() { return {.domain = ""}; }

struct Way {
  std::string text;
  HubOptions hub;
  const char* name = kOfStream;
  std::string expected = "1", id = {};
  Durability durability = Durability::kDisk;
  bool crash = false;
};

// The hub cannot be asked, or has forgotten what was consumed.
const Way kWays[] = {
    {"without a domain", without_domain()},
    {"a work queue", {.work_queue = true}},
    {"of the subject", without_domain(), kOfSubject},
    {"of the subject, a work queue", {.work_queue = true}, kOfSubject, "0"},
    {"with the publisher's own id", without_domain(), kOfStream, "1", "mine"},
    {"from memory", without_domain(), kOfStream, "1", {}, Durability::kOutage},
    {"after a crash", without_domain(), kOfStream, "1", {}, Durability::kDisk, true},
    {"after a crash, a work queue",
     {.work_queue = true},
     kOfStream,
     "1",
     {},
     Durability::kDisk,
     true},
};

}  // namespace

TEST_CASE("expected sequence: what had arrived as the link broke is no loss") {
  for (const Way& way : kWays) {
    CAPTURE(way.text);
    RuleConfig rule = disk_rule();
    rule.durability = way.durability;
    World world(config_of(rule), way.hub);
    world.start();
    world.up();
    world.run(5s);
    publish(world, 1, 1);
    world.run(5s);
    world.hub.acks_to_drop = 1;
    publish_expecting(world, "2", way.expected, way.name, way.id);
    world.run(100ms);
    CHECK(world.payloads() == numbers(1, 2));
    world.down();
    world.run(1s);
    if (way.crash) world.crash();
    if (way.crash) world.start();
    world.run(1s);
    world.up();
    world.run(10s);
    CHECK(world.payloads() == numbers(1, 2));
    CHECK(world.rule().losses.rejected == 0);
    CHECK(world.rule().confirmed == 2);
    CHECK(world.drained());
    publish_expecting(world, "3", "2");
    world.run(5s);
    CHECK(world.payloads() == numbers(1, 3));
    CHECK(world.drained());
  }
}

TEST_CASE("expected sequence: what had not arrived is stored if it holds, and refused if not") {
  for (int variant = 0; variant < 4; ++variant) {
    const bool holds = variant % 2 == 0, breaks = variant / 2 == 1;
    CAPTURE(variant);
    World world(config_of(disk_rule()), without_domain());
    world.start();
    world.up();
    world.run(5s);
    publish(world, 1, 1);
    world.run(5s);
    publish_expecting(world, "2", "1");
    world.run(3ms);  // It is on its way.
    CHECK(world.rule().in_flight == 1);
    world.down();
    if (!holds) world.hub.store("t.a", "", "other");
    publish(world, 3, 20);
    world.up();
    if (breaks) {  // While the hub is asked for it.
      world.run(18ms);
      world.down();
      world.up();
    }
    world.run(10s);
    std::vector<std::string> all = numbers(holds ? 2 : 3, 20);
    all.insert(all.begin(), "1");
    CHECK(world.payloads() == all);
    CHECK(world.rule().losses.rejected == (holds ? 0 : 1));
    CHECK(world.rule().confirmed == all.size());
    CHECK(world.drained());
  }
}

TEST_CASE("expected sequence: a first refusal is the last word") {
  World world(config_of(disk_rule()), {});
  world.start();
  world.up();
  world.run(5s);
  publish_expecting(world, "1", "7");
  world.run(5s);
  CHECK(world.hub.refusals == 1);
  CHECK(world.rule().losses.rejected == 1);
  CHECK(world.drained());
}
