// Publishers that wait for room on the way to the disk: each has its turn, and nothing is refused.
#include <doctest/doctest.h>

#include "agent/mirror/store_part.h"
#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

// As a session has it: asks before each message, and again once what is queued is on disk.
struct Publisher {
  void go() {
    int turn = 16;  // Messages of one read.
    while (sent < count && turn-- > 0) {
      if (mirror.must_wait(payload.size())) {
        return mirror.when_durable([this](Status) { go(); });
      }
      ++sent;
      (void)account.publish({}, {"t.a", {}, {}, payload, {}});
    }
    if (sent < count) loop.post([this] { go(); });
  }

  Account& account;
  MirrorCore& mirror;
  SimLoop& loop;
  std::string payload;
  int count;
  int sent = 0;
};

}  // namespace

TEST_CASE("mirror: a large message has its turn among others that come all the time") {
  for (const std::size_t large : {900'000, 2'000'000, 5'000'000}) {
    for (const int crowd : {1, 50}) {
      CAPTURE(large);
      CAPTURE(crowd);
      World world(config_of(disk_rule()), {}, 1, World::Under::kSqlite);
      world.start();
      std::vector<std::unique_ptr<Publisher>> others;
      for (int i = 0; i < crowd; ++i) {
        others.push_back(std::make_unique<Publisher>(Publisher{
            world.account, *world.mirror, world.loop, std::string(1000, 'x'), 1'000'000}));
      }
      Publisher one{world.account, *world.mirror, world.loop, std::string(large, 'x'), 1000};
      for (int i = 0; i < 1000; ++i) {
        if (i == 100) one.go();
        world.commit_delay = Duration(5ms) + world.entropy.number() % 30 * Duration(1ms);
        // One a millisecond, or as many as the disk takes.
        for (const auto& each : others) {
          if (crowd > 1 && i == 0) each->go();
          if (crowd == 1 && !world.mirror->must_wait(1000)) world.publish("t.a", each->payload);
        }
        world.run(1ms);
      }
      CHECK(one.sent > 10);
      CHECK(world.rule().losses.refused == 0);
      for (const auto& each : others) each->count = 0;
      one.count = 0;
      world.run(1s);
    }
  }
}

TEST_CASE("mirror: what came before a log was read is taken when another account's queue empties") {
  SimClock clock;
  SimLoop loop{clock};
  SimEntropy entropy{1};
  SimLog log;
  NoNetwork network;
  SimWorker worker{loop, [] { return Duration(50ms); }};
  ChunkPool chunks;
  const Host host{loop, clock, network, entropy, log, worker, chunks};
  SimDisk disk{"accounts", 1};
  Account a("a", Limits{}, entropy), b("b", Limits{}, entropy);
  const std::string payload(1000, 'x');
  for (const bool again : {false, true}) {
    loop.run_for(1s);
    const StoreOptions options{.dir = "/box", .bytes_max = 16 << 20, .vfs = disk.name()};
    auto store = open_store(options, loop, worker, clock, 1).store;
    REQUIRE(store);
    StoreParts parts(*store, "a", true);
    MirrorCore of_a(config_of({.subjects = {"t.>"}}), "a", a, parts.part("a"), host, {});
    MirrorCore of_b(config_of({.subjects = {"t.>"}}), "b", b, parts.part("b"), host, {});
    a.set_capture(&of_a);
    b.set_capture(&of_b);
    bool safe = false;
    for (int i = 0; i < 200; ++i) {
      while (again && i < 20 && !of_a.must_wait(1000)) {
        (void)a.publish({}, {"t.a", {}, {}, payload, {}});
      }
      if (i == 0) {
        (void)b.publish({}, {"t.a", {}, "NATS/1.0\r\nNats-Msg-Id: x\r\n\r\n", payload, {}});
        of_b.when_durable([&safe](Status status) { safe = status.ok(); });
      }
      loop.run_for(10ms);
    }
    loop.run_for(1min);
    CHECK(safe);
    CHECK(of_b.report().rules[0].messages == 1);
    a.set_capture(nullptr);
    b.set_capture(nullptr);
  }
  loop.run_for(1s);
}

TEST_CASE("mirror: what waits in memory at a stop waits for room on the way to the disk") {
  MirrorConfig config = config_of({.subjects = {"m.>"}, .durability = Durability::kOutage});
  config.rules.push_back({.subjects = {"t.>"}});
  World world(config, {.latency = 1s}, 1, World::Under::kSqlite);
  world.store_bytes_max = 32 << 20;
  world.start();
  world.up();
  world.run(1min);
  for (int i = 0; i < 20; ++i) world.publish("m.a", std::string(10'000, 'x'));
  REQUIRE(world.store->queued_bytes() == 0);  // In memory.
  world.publish("t.a", std::string(1'950'000, 'x'));
  world.down();
  bool done = false;
  world.mirror->stop([&] { done = true; });
  CHECK(world.loop.run_until([&] { return done; }, 10s));
  CHECK(world.rule().losses.refused == 0);
  CHECK(world.rule().messages == 20);
}

// What a crash leaves of it is all up to one of them; the publisher sends all again.
TEST_CASE("mirror: a crash among what came before a log was read") {
  int halves = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    World world(config_of(disk_rule()), {}, seed, World::Under::kSqlite);
    world.store_bytes_max = 16 << 20;
    world.power_cuts = seed % 2 == 0;
    world.start();
    std::vector<std::string> sent;
    const auto publish_all = [&](int first, int last) {
      for (int i = first; i <= last; ++i) {
        const std::string number = std::to_string(i);
        const std::string payload = number + std::string(4000 - number.size(), '.');
        if (sent.size() < static_cast<std::size_t>(i)) sent.push_back(payload);
        world.publish("t.a", payload, number);
      }
    };
    publish_all(1, 20);
    world.run(1s);
    world.crash();
    REQUIRE(world.start());
    publish_all(21, 220);  // More than the queue to the disk holds.
    world.commit_delay = Duration(5ms) + world.entropy.number() % 20 * Duration(1ms);
    bool safe = false;
    world.mirror->when_durable([&safe](Status status) { safe = status.ok(); });
    world.run(world.entropy.number() % 200 * Duration(1ms));
    world.crash();
    REQUIRE(world.start());
    world.run(5s);
    const std::uint64_t kept = world.rule().messages;
    CHECK(kept >= (safe ? 220 : 20));
    halves += kept > 20 && kept < 220;
    publish_all(1, 220);
    world.up();
    CHECK(world.loop.run_until([&] { return world.drained(); }, 1min));
    CHECK((world.payloads() == sent));
    CHECK(world.rule().losses.refused == 0);
  }
  CHECK(halves > 10);
}
