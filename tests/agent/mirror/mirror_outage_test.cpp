// What the README's table promises of `durability: outage` where it says "the same": rules whose
// messages wait in memory while the link is proven, and go to disk when it is not.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

constexpr Durability kBoth[] = {Durability::kDisk, Durability::kOutage};

RuleConfig rule_of(Durability durability) {
  RuleConfig rule = disk_rule();
  rule.durability = durability;
  return rule;
}

MirrorConfig outage() { return config_of(rule_of(Durability::kOutage)); }

// A link that is proven and flows: from here on nothing of an outage rule is written.
void begin(World& world) {
  world.start();
  world.up();
  world.run(5s);
}

std::vector<std::string> heard(const World& world) {
  std::vector<std::string> list;
  for (const ModelHub::Stored& each : world.hub.heard) list.push_back(each.payload);
  return list;
}

std::vector<std::string> joined(std::vector<std::string> list,
                                const std::vector<std::string>& more) {
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

constexpr const char* kNoRoom =
    R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}})";

}  // namespace

TEST_CASE("outage: a link in doubt sends to disk what waits in memory, and what comes") {
  World world(outage(), {.duplicate_window = 1ms, .latency = 200ms});
  begin(world);
  const std::uint64_t commits = world.model->commits;
  publish(world, 1, 20);
  world.run(100ms);
  REQUIRE(world.model->commits == commits);
  world.mirror->link_doubted(*world.link);
  publish(world, 21, 30);
  world.run(150ms);
  REQUIRE(world.payloads() == numbers(1, 20));  // No answer yet.
  SUBCASE("petiole is killed") {
    world.crash();
    world.start();
  }
  SUBCASE("the link was not dead") {
    world.mirror->link_proven(*world.link);
    world.run(20s);
    const std::uint64_t proven = world.model->commits;
    publish(world, 31, 40);
    world.run(1s);
    CHECK(world.model->commits == proven);  // In memory again.
    CHECK(world.payloads() == numbers(1, 40));
    return;
  }
  CHECK(world.rule().messages == 30);
  world.up();
  world.run(10s);
  CHECK(world.payloads() == numbers(1, 30));
  CHECK(world.drained());
}

TEST_CASE("outage: who publishes into memory alone waits for no disk") {
  MirrorConfig config = outage();
  config.rules.push_back(disk_rule());
  config.rules[1].subjects = {"d.>"};
  World world(config, {});
  begin(world);
  world.commit_delay = 1h;
  publish(world, 1, 1, "d.a");
  publish(world, 1, 3);
  CHECK(world.mirror->holds_undurable(Capture::bit_of(1)));
  CHECK_FALSE(world.mirror->holds_undurable(Capture::bit_of(0)));
  world.mirror->link_doubted(*world.link);
  CHECK(world.mirror->holds_undurable(Capture::bit_of(0)));
}

TEST_CASE("outage: a lost link is resolved by asking, also after the duplicate window") {
  World world(outage(), {.duplicate_window = 1ms, .latency = 100ms});
  begin(world);
  const std::uint64_t commits = world.model->commits;
  publish(world, 1, 100);
  world.run(150ms);  // Stored, the answers still to come.
  publish(world, 101, 120);
  world.run(50ms);  // On their way.
  REQUIRE(world.payloads() == numbers(1, 100));
  REQUIRE(world.model->commits == commits);
  world.down();
  world.run(10min);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == numbers(1, 120));
  CHECK(world.drained());
}

TEST_CASE("outage: a kill takes what waits in memory, and nothing else") {
  World world(outage(), {.duplicate_window = 1ms, .latency = 100ms});
  world.start();
  publish(world, 1, 5);  // There is no link: on disk.
  world.run(1s);
  world.crash();
  begin(world);
  REQUIRE(world.payloads() == numbers(1, 5));
  world.run(20s);
  const std::uint64_t commits = world.model->commits;
  publish(world, 6, 20);
  world.run(150ms);  // At the hub, and not answered.
  publish(world, 21, 30);
  world.run(40ms);  // On their way.
  REQUIRE(world.rule().in_flight == 25);
  REQUIRE(world.model->commits == commits);
  world.crash();
  world.run(10min);
  world.start();
  publish(world, 31, 35);
  world.up();
  world.run(10s);
  CHECK(world.payloads() == joined(numbers(1, 20), numbers(31, 35)));
  CHECK(world.drained());
}

TEST_CASE("outage: limits evict the oldest of what waits in memory, and the ledger says so") {
  RuleConfig rule = rule_of(Durability::kOutage);
  rule.max_messages = 30;
  World world(config_of(rule), {.latency = 100ms});
  begin(world);
  publish(world, 1, 40);  // In one turn: none is sent meanwhile.
  CHECK(world.rule().messages == 30);
  CHECK(world.rule().losses.limit == 10);
  world.run(10s);
  CHECK(world.payloads() == numbers(11, 40));
  world.crash();
  world.start();
  CHECK(world.rule().losses.limit == 10);
}

TEST_CASE("ledger: what a limit took is told of when a crash comes at once") {
  for (const Durability durability : kBoth) {
    CAPTURE(static_cast<int>(durability));
    RuleConfig rule = rule_of(durability);
    rule.max_messages = 30;
    World world(config_of(rule), {.latency = 100ms});
    world.limits.note_interval = world.limits.note_alone = 1h;
    world.start();
    if (durability == Durability::kOutage) world.up();
    world.run(5s);
    publish(world, 1, 40);
    CHECK(world.rule().losses.limit == 10);
    world.run(5ms);
    world.crash();
    world.start();
    world.run(1s);
    CHECK(world.rule().losses.limit == 10);
    CHECK(world.rule().messages == (durability == Durability::kDisk ? 30 : 0));
  }
}

TEST_CASE("outage: a refusal for now stops, then goes on in order") {
  World world(outage(), {});
  begin(world);
  world.hub.error = kNoRoom;
  publish(world, 1, 50);
  world.run(20s);
  publish(world, 51, 60);
  world.run(1s);
  CHECK(world.payloads().empty());
  CHECK(world.rule().messages == 60);
  world.hub.error.clear();
  world.run(60s);
  CHECK(world.payloads() == numbers(1, 60));
  CHECK(world.drained());
}

TEST_CASE("outage: what the hub refused before the link was lost comes behind what it took") {
  World world(outage(), {.duplicate_window = 1ms, .ack_delay = 50ms});
  begin(world);
  publish(world, 1, 3);
  world.run(10ms);
  world.hub.error = kNoRoom;
  publish(world, 4, 5);
  world.run(10ms);
  world.hub.error.clear();
  publish(world, 6, 30);
  world.run(10ms);
  REQUIRE(world.payloads().size() == 28);
  SUBCASE("the link breaks before the answers") { world.down(); }
  SUBCASE("and petiole is killed") {
    world.down();
    world.run(1s);
    world.crash();
    world.start();
  }
  world.run(10min);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == joined(joined(numbers(1, 3), numbers(6, 30)), numbers(4, 5)));
  CHECK(world.drained());
}

// The first twenty are at the hub and not answered; five more are on their way.
void lose_link_at_20(World& world, bool crash) {
  REQUIRE(world.payloads() == numbers(1, 20));
  publish(world, 21, 25);
  world.run(20ms);
  world.down();
  world.run(1s);
  if (crash) {
    world.crash();
    world.start();
  }
  world.up();
  world.run(1min);
  CHECK(world.payloads() == numbers(1, 25));
  CHECK(world.drained());
}

TEST_CASE("without a domain: once within the duplicate window, also over a lost link") {
  for (const Durability durability : kBoth) {
    for (const bool crash : {false, true}) {
      CAPTURE(static_cast<int>(durability));
      CAPTURE(crash);
      World world(config_of(rule_of(durability)), {.domain = "", .latency = 100ms});
      begin(world);
      publish(world, 1, 5);
      world.run(10s);
      publish(world, 6, 20);
      world.run(150ms);  // At the hub, and not answered.
      lose_link_at_20(world, crash);
    }
  }
}

TEST_CASE("work queue: what was consumed vouches for nothing, and comes once within the window") {
  for (const Durability durability : kBoth) {
    for (const bool crash : {false, true}) {
      CAPTURE(static_cast<int>(durability));
      CAPTURE(crash);
      World world(config_of(rule_of(durability)), {.latency = 100ms, .work_queue = true});
      begin(world);
      publish(world, 1, 20);
      world.run(150ms);  // There, consumed, and not answered.
      lose_link_at_20(world, crash);
    }
  }
}

TEST_CASE("plain subscriber: at least once, first arrivals in order") {
  for (const Durability durability : kBoth) {
    CAPTURE(static_cast<int>(durability));
    World world(config_of(rule_of(durability)), {.stream_subject = "", .latency = 100ms});
    world.hub.interest = {"t.>"};
    begin(world);
    publish(world, 1, 20);
    world.run(150ms);
    publish(world, 21, 30);
    world.run(20ms);
    world.down();
    publish(world, 31, 40);
    world.run(1s);
    world.up();
    world.run(1min);
    std::vector<std::string> first;
    for (const std::string& each : heard(world)) {
      if (std::find(first.begin(), first.end(), each) == first.end()) first.push_back(each);
    }
    CHECK(first == numbers(1, 40));
    CHECK(heard(world).size() == 60);  // The unconfirmed end of the last link: no more than that.
    CHECK(world.drained());
  }
}

TEST_CASE("full store: local subscribers are served all the same, and what is refused is counted") {
  class Ear final : public Subscriber {
   public:
    PeerKind kind() const override { return PeerKind::kClient; }
    bool deliver(Subscription&, const Message&) override { return ++heard != 0; }
    int heard = 0;
  };
  for (const Durability durability : kBoth) {
    for (const Discard discard : {Discard::kOld, Discard::kNew}) {
      CAPTURE(static_cast<int>(durability));
      CAPTURE(static_cast<int>(discard));
      RuleConfig rule = rule_of(durability);
      rule.discard = discard;
      World world(config_of(rule), {});
      world.store_bytes_max = 1 << 20;
      world.start();
      world.run(1s);
      Ear ear;
      Subscription* const subscription = make_subscription(ear, "t.>", {}, "1");
      world.account.add(*subscription);
      for (int i = 0; i < 3000; ++i) {
        world.publish("t.a", std::string(1000, '.'));
        if (i % 100 == 0) world.run(10ms);
      }
      world.run(1s);
      CHECK(ear.heard == 3000);
      const RuleReport report = world.rule();
      CHECK(report.messages > 500);
      CHECK((discard == Discard::kOld ? report.losses.limit : report.losses.refused) > 1000);
      CHECK((discard == Discard::kOld || report.losses.limit == 0));
      CHECK(report.messages + report.losses.limit + report.losses.refused == 3000);
      world.run(10s);
      world.crash();
      world.start();
      world.run(1s);
      CHECK(world.rule().losses.limit == report.losses.limit);
      CHECK(world.rule().losses.refused == report.losses.refused);
      CHECK(world.rule().messages == report.messages);
      world.account.retire(subscription);
    }
  }
}

// A nats-server drops what it is asked in an account that has no JetStream, and has leafs.
TEST_CASE("silent API: once it has been so for as long as allowed it holds up no link for long") {
  World world(config_of(disk_rule()), {.stream_subject = ""});
  world.hub.interest = {"t.>"};
  world.hub.api_says = [](std::string_view) -> std::optional<std::string> { return ""; };
  world.start();
  publish(world, 1, 20);
  for (int link = 1; link <= 3; ++link) {  // None of them lasts for so long.
    world.up();
    world.run(20s);
    world.down();
    world.run(1s);
  }
  CHECK(heard(world) == numbers(1, 20));
  publish(world, 21, 30);
  world.up();
  world.run(6s);
  CHECK(heard(world) == numbers(1, 30));
  const std::uint64_t asked = world.hub.api_requests;
  world.run(10min);
  CHECK(world.drained());
  CHECK(world.hub.api_requests <= asked + 12);  // Each costs bytes.
  // It is heard of all the same when it comes.
  world.hub.options().stream_subject = "t.>";
  world.hub.api_says = nullptr;
  world.mirror->interest_changed(*world.link);
  world.run(5s);
  publish(world, 31, 40);
  world.run(1s);
  CHECK(world.payloads() == numbers(31, 40));
  CHECK(world.mirror->report().guarantee.find("exactly once where") == 0);
}

// Its user may subscribe only to what the box is told to do.
TEST_CASE("mirror: over a link that lets no answer through nothing waits for one") {
  World world(config_of(disk_rule()), {.unheard = true});
  world.start();
  for (int link = 0; link < 3; ++link) {
    CAPTURE(link);
    publish(world, 10 * link + 1, 10 * link + 5);
    world.up();
    publish(world, 10 * link + 6, 10 * link + 10);
    world.run(2s);
    CHECK(world.drained());
    CHECK(world.payloads() == numbers(1, 10 * link + 10));
    CHECK(world.mirror->report().guarantee.find("hear its answers") != std::string::npos);
    world.down();
    world.run(1min);
  }
  CHECK(world.hub.api_requests == 0);
}
