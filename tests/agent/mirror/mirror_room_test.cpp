// Full rules and full stores: who gives way, who is told, and that it ends.
#include <doctest/doctest.h>

#include <algorithm>

#include "agent/mirror/store_part.h"
#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

// Two accounts with a mirror each over one small store.
struct Twins {
  struct Side {
    Side(Twins& twins, const std::string& name, RuleConfig rule)
        : account(name, Limits{}, twins.entropy),
          hub(twins.loop, {}),
          mirror(config_of(std::move(rule)), name, account, twins.parts->part(name), twins.host,
                 MirrorLimits{}) {
      account.set_capture(&mirror);
    }
    ~Side() { account.set_capture(nullptr); }

    void publish(std::size_t bytes) {
      const std::string payload = std::to_string(published) + std::string(bytes, '.');
      const PublishOutcome outcome = account.publish({}, {"t.a", {}, {}, payload, {}});
      ++published;
      if (outcome.refused < 0) return;
      ++refused;
      if (mirror.refusal(outcome.refused).find(mirror.report().rules[0].subjects[0]) ==
          std::string::npos) {
        ++told_wrongly;
      }
    }
    LossCounts losses() const { return mirror.report().rules[0].losses; }
    std::uint64_t messages() const { return mirror.report().rules[0].messages; }

    Account account;
    ModelHub hub;
    MirrorCore mirror;
    std::uint64_t published = 0, refused = 0, told_wrongly = 0;
  };

  Twins(Discard of_a, Discard of_b) : greedy(of_a), modest(of_b) { open(); }
  ~Twins() { close(); }

  void open(bool with_b = true) {
    StoreOptions options{.dir = "/box", .bytes_max = 4 << 20, .vfs = disk.name()};
    store = open_store(options, loop, worker, clock, 1).store;
    REQUIRE(store);
    parts = std::make_unique<StoreParts>(*store, "a", true);
    a = std::make_unique<Side>(*this, "a", RuleConfig{.subjects = {"t.>"}, .discard = greedy});
    if (with_b)
      b = std::make_unique<Side>(*this, "b", RuleConfig{.subjects = {"*.a"}, .discard = modest});
  }
  void close() {
    loop.run_for(1s);  // For what the hubs have under way.
    a.reset();
    b.reset();
    parts.reset();
    store.reset();
    loop.run_for(1s);
  }

  // 16 MB of one account against 100 KB of the other.
  void fill() {
    for (int i = 0; i < 1000; ++i) {
      for (int k = 0; k < 16; ++k) a->publish(1000);
      if (i % 10 == 0) b->publish(1000);
      loop.run_for(20ms);
    }
    loop.run_for(5s);
  }
  void drain() {
    for (Side* side : {a.get(), b.get()}) {
      side->mirror.link_up(side->hub.connect(side->account));
    }
    CHECK(loop.run_until([this] { return a->messages() + b->messages() == 0; }, 10min));
  }

  const Discard greedy, modest;
  SimClock clock;
  SimLoop loop{clock};
  SimEntropy entropy{1};
  SimLog log;
  NoNetwork network;
  SimWorker worker{loop, [] { return Duration(1ms); }};
  ChunkPool chunks;
  Host host{loop, clock, network, entropy, log, worker, chunks};
  SimDisk disk{"twins", 1};
  std::unique_ptr<Store> store;
  std::unique_ptr<StoreParts> parts;
  std::unique_ptr<Side> a, b;
};

void check_exact(const Twins::Side& side) {
  const LossCounts losses = side.losses();
  CHECK(losses.refused == side.refused);
  CHECK(side.told_wrongly == 0);
  CHECK(losses.age + losses.superseded + losses.rejected + losses.corrupt == 0);
  CHECK(side.hub.stored.size() + losses.limit + losses.refused == side.published);
}

}  // namespace

TEST_CASE("mirror: an account that fills the store gives way itself, and the ledgers are exact") {
  for (const Discard modest : {Discard::kOld, Discard::kNew}) {
    CAPTURE(static_cast<int>(modest));
    Twins twins(Discard::kOld, modest);
    twins.fill();
    CHECK(twins.a->losses().limit > 0);
    CHECK(twins.b->losses().limit == 0);
    CHECK(twins.b->refused == 0);
    CHECK(twins.b->messages() == 100);
    twins.drain();
    check_exact(*twins.a);
    check_exact(*twins.b);
  }
}

TEST_CASE("mirror: an account that refuses when the store is full is told so, and takes nothing") {
  for (const Discard modest : {Discard::kOld, Discard::kNew}) {
    CAPTURE(static_cast<int>(modest));
    Twins twins(Discard::kNew, modest);
    twins.fill();
    CHECK(twins.a->refused > 0);
    CHECK(twins.a->losses().limit == 0);
    if (modest == Discard::kNew) CHECK(twins.b->losses().limit == 0);
    CHECK(!twins.a->mirror.report().rules[0].refusing.empty());
    twins.drain();
    twins.loop.run_for(1min);
    CHECK(twins.a->mirror.report().rules[0].refusing.empty());
    check_exact(*twins.a);
    check_exact(*twins.b);
  }
}

TEST_CASE("mirror: a rule that refuses says so only for as long as it does") {
  RuleConfig rule = disk_rule();
  rule.max_messages = 10;
  rule.discard = Discard::kNew;
  World world(config_of(rule), {});
  world.start();
  publish(world, 1, 9);
  CHECK(world.rule().refusing.empty());
  publish(world, 10, 12);
  CHECK(world.rule().losses.refused == 2);
  CHECK(world.rule().refusing == "at its limit, discard: new");
  world.run(1min);
  CHECK(!world.rule().refusing.empty());
  world.up();
  world.run(5s);
  CHECK(world.drained());
  CHECK(world.rule().refusing.empty());
  publish(world, 13, 13);
  world.run(5s);
  CHECK(world.rule().losses.refused == 2);
}

TEST_CASE("mirror: much that is to be given up goes by and by, not in one turn") {
  World world(config_of(disk_rule()), {});
  world.store_bytes_max = 1 << 20;
  world.limits.evicted_per_turn_max = 500;
  world.start();
  const auto lost = [&] { return world.rule().losses.limit; };
  std::uint64_t most = 0;
  for (int i = 0; i < 60 && lost() == 0; ++i) {
    const std::uint64_t before = lost();
    for (int k = 0; k < 8000; ++k) world.publish("t.a", "12345");  // A little over 64 KB.
    most = std::max(most, lost() - before);
    if (lost() == 0) world.run(10ms);
  }
  REQUIRE(most > 0);
  CHECK(most <= 500);
  world.run(1s);
  CHECK(lost() > 2 * most);  // Five percent of the store.
  CHECK(world.store->usage().live_bytes <= (1u << 20) * 3 / 4);
  const std::uint64_t after = lost();
  world.run(1min);
  CHECK(lost() == after);
}

TEST_CASE("mirror: a limit that was lowered is kept by and by") {
  World world(config_of(disk_rule()), {});
  world.limits.evicted_per_turn_max = 100;
  world.start();
  publish(world, 1, 1000);
  world.run(1s);
  world.crash();
  world.config.rules.front().max_messages = 10;
  world.start();
  world.run(1s);
  publish(world, 1001, 1001);
  CHECK(world.rule().losses.limit == 100);
  publish(world, 1002, 1020);
  CHECK(world.rule().messages == 10);
  CHECK(world.rule().losses.limit == 1010);
}

// A page holds one that gives no PubAck: none of them counts.
TEST_CASE("mirror: a hub with streams without end is asked for no more than can matter") {
  const std::string page =
      R"({"total":1000000000000,"streams":[{"config":{"name":"S","no_ack":true,"subjects":["t.>"]}}]})";
  World world(config_of(disk_rule()), {.latency = 1ms, .list = page});
  world.limits.streams_max = 50;
  world.start();
  publish(world, 1, 10);
  world.up();
  world.run(5s);
  CHECK(world.hub.api_requests == 50);
  CHECK(world.payloads() == numbers(1, 10));
  CHECK(world.drained());
}

TEST_CASE("mirror: a full store takes nothing from what waits in memory alone") {
  RuleConfig outage = disk_rule(), full{.subjects = {"d.>"}, .discard = Discard::kNew};
  outage.durability = Durability::kOutage;
  outage.priority = 9;
  MirrorConfig config = config_of(outage);
  config.rules.push_back(full);
  World world(config, {.latency = 200ms});
  world.store_bytes_max = 1 << 20;
  world.limits.in_flight_messages_max = 1;
  world.start();
  world.up();
  world.run(5s);
  publish(world, 1, 20);
  for (int i = 0; i < 900; ++i) world.publish("d.x", std::string(1000, '.'));
  CHECK(world.rule(0).losses.limit == 0);
  world.run(1min);
  CHECK(world.payloads() == numbers(1, 20));
}

TEST_CASE("mirror: the log says that messages are given up, at once and then once a minute") {
  RuleConfig rule = disk_rule();
  rule.max_messages = 10;
  World world(config_of(rule), {});
  const auto said = [&](const std::string& text) {
    return std::count_if(
        world.log.lines().begin(), world.log.lines().end(),
        [&](const std::string& line) { return line.find(text) != std::string::npos; });
  };
  world.start();
  publish(world, 1, 11);
  world.run(1s);
  CHECK(said("mirror: t.>: 1 messages given up; in all 1 for want of room") == 1);
  for (int i = 12; i < 32; ++i) {
    publish(world, i, i);
    world.run(1s);
  }
  CHECK(said("given up") == 1);
  world.run(1min);
  CHECK(said("mirror: t.>: 20 messages given up; in all 21 for want of room") == 1);
  world.run(10min);
  world.crash();
  world.start();
  world.run(10min);
  CHECK(said("given up") == 2);
}

TEST_CASE("mirror: what a damaged store has no name for goes to no account's hub, and is counted") {
  Twins twins(Discard::kOld, Discard::kOld);
  for (int i = 0; i < 30; ++i) {
    twins.a->publish(200);
    twins.b->publish(200);
  }
  twins.close();
  std::string& file = *twins.disk.content("/box/petiole.db");
  const std::size_t names = file.find("b/mirror-");  // The page of the logs' table, or a state's.
  REQUIRE(names != std::string::npos);
  file.replace(names / 4096 * 4096, 4096, std::string(4096, '\xa5'));
  for (int start = 0; start < 2; ++start) {
    CAPTURE(start);
    twins.open();
    CHECK(!twins.store->recovery().quarantined.empty() == (start == 0));
    CHECK(twins.a->messages() + twins.b->messages() == 0);
    CHECK(twins.a->losses().corrupt == 60);
    twins.drain();
    CHECK(twins.a->hub.stored.empty());
    CHECK(twins.b->hub.stored.empty());
    twins.close();
  }
}

TEST_CASE(
    "mirror: an account that was away at the start after a disk failed asks when it is back") {
  Twins twins(Discard::kOld, Discard::kOld);
  for (int i = 0; i < 20; ++i) twins.b->publish(10);
  twins.loop.run_for(1s);
  twins.disk.fail_syncs(1);
  twins.a->publish(10);
  twins.loop.run_for(1s);
  REQUIRE(twins.b->mirror.report().state == "storage failed");
  twins.b->mirror.link_up(twins.b->hub.connect(twins.b->account));
  twins.loop.run_for(10s);
  const auto stored = twins.b->hub.stored;
  REQUIRE(stored.size() == 20);
  twins.close();
  twins.open(false);
  twins.loop.run_for(10s);
  twins.close();
  for (int start = 0; start < 2; ++start) {
    CAPTURE(start);
    twins.open();
    CHECK_FALSE(twins.store->recovery().doubtful);
    CHECK(twins.parts->part("b").recovery().doubtful == (start == 0));
    twins.b->hub.stored = stored;
    twins.drain();
    CHECK(twins.b->hub.stored.size() == 20);
    twins.close();
  }
}

TEST_CASE("mirror: the gap that a crash leaves is not looked at number by number") {
  for (const bool parked : {false, true}) {
    CAPTURE(parked);
    World world(config_of(disk_rule()), {.stream_subject = ""});
    world.config.rules.front().max_messages = 10;
    world.start();
    publish(world, 1, 20);
    world.run(1s);
    world.crash();
    world.disk.logs.begin()->second.last += 1 << 20;
    world.start();
    if (parked) world.up();
    publish(world, 21, 22);
    world.run(10s);
    const std::uint64_t before = world.model->removes;
    publish(world, 23, 40);
    CHECK(world.rule().messages == 10);
    CHECK(world.rule().losses.limit == 30);
    CHECK(world.model->removes - before == 18);
  }
}

// Of so large ones the store refuses the next long before it is full of them.
TEST_CASE("mirror: a full store keeps the newest of large messages") {
  World world(config_of(disk_rule()), {}, 1, World::Under::kSqlite);
  world.store_bytes_max = 8 << 20;
  REQUIRE(world.start());
  for (int i = 1; i <= 20; ++i) {
    (void)world.publish("t.a", std::to_string(i) + std::string(1'500'000, '.'));
    world.run(3s);
  }
  const RuleReport rule = world.rule();
  CHECK(rule.losses.refused <= 1);
  CHECK(rule.losses.limit + rule.losses.refused + rule.messages == 20);
  CHECK(rule.messages >= 2);
  world.hub.options().payload_bytes_max = 2 << 20;
  world.up();
  world.run(20s);
  REQUIRE(!world.hub.stored.empty());
  CHECK(world.hub.stored.back().payload.starts_with("20."));
  CHECK(world.drained());
}

namespace {

struct Gone {
  Discard discard;
  int priority;
  bool gives;
};

}  // namespace

TEST_CASE("mirror: what a rule that is gone holds gives way as it did before") {
  for (const auto& [discard, priority, gives] :
       {Gone{Discard::kOld, 1, true}, {Discard::kOld, 0, false}, {Discard::kNew, 1, false}}) {
    CAPTURE(static_cast<int>(discard));
    CAPTURE(priority);
    RuleConfig gone = disk_rule();
    gone.discard = discard;
    gone.priority = priority;
    World world(config_of(gone), {});
    world.store_bytes_max = 1 << 20;
    world.start();
    const auto fill = [&](const char* subject) {
      for (int i = 0; i < 1500; ++i) {
        (void)world.publish(subject, std::string(1000, '.'));
        if (i % 10 == 0) world.run(10ms);
      }
    };
    fill("t.a");
    const std::uint64_t held = world.rule().messages;
    for (int i = 0; i < 2; ++i) {  // It is remembered for as long as it holds something.
      world.crash();
      world.config = config_of({.subjects = {"u.>"}});
      world.start();
      world.run(1s);
    }
    fill("u.a");
    CHECK((world.rule(0).messages > held / 2) == gives);
    CHECK((world.rule(1).messages < held / 2) == gives);
  }
}

TEST_CASE("mirror: what a rule that is gone holds grows old as it did before") {
  RuleConfig gone = disk_rule();
  gone.max_age = 1h;
  World world(config_of(gone), {});
  world.start();
  publish(world, 1, 10);
  world.run(1s);
  world.crash();
  world.config = config_of({.subjects = {"u.>"}});
  world.start();
  world.run(30min);
  CHECK(world.rule(1).messages == 10);
  world.run(31min);
  CHECK(world.rule(1).losses.age == 10);
}

TEST_CASE("mirror: what comes before the logs are read waits for room on the way to the disk") {
  MirrorConfig config = config_of({.subjects = {"t.0"}});
  for (int i = 1; i < 4; ++i) config.rules.push_back({.subjects = {"t." + std::to_string(i)}});
  World world(config, {.latency = 1s}, 1, World::Under::kSqlite);
  world.store_bytes_max = 16 << 20;
  world.commit_delay = 20ms;
  world.start();
  world.up();
  world.run(5s);
  for (int rule = 0; rule < 4; ++rule) publish(world, 1, 10, "t." + std::to_string(rule));
  world.run(1s);
  world.crash();  // With what is on its way: the next start reads which they were.
  world.start();
  const std::string payload(60'000, 'x');
  std::uint64_t sent = 40;
  const auto send = [&](int rule, std::size_t size) {
    if (world.mirror->must_wait(size)) return false;
    ++sent;
    return world.publish("t." + std::to_string(rule), payload.substr(0, size));
  };
  // As many publishers do, each of which is read until it has to wait.
  for (int rule = 0; rule < 4; ++rule) {
    for (int i = 0; i < 20 && send(rule, payload.size()); ++i) {
    }
  }
  REQUIRE(world.store->queued_bytes() == 0);  // Nothing is taken yet.
  for (int i = 0; i < 2'000; ++i) {
    (void)send(i % 4, i % 60'000);
    world.run(1ms);
  }
  world.run(5s);
  std::uint64_t waiting = 0;
  for (std::size_t rule = 0; rule < 4; ++rule) {
    CHECK(world.rule(rule).losses.refused == 0);
    waiting += world.rule(rule).messages + world.rule(rule).losses.limit;
  }
  CHECK(waiting == sent);
}

TEST_CASE("mirror: a large message goes to the disk together with what waited in memory") {
  World world(config_of({.subjects = {"t.>"}, .durability = Durability::kOutage}), {}, 1,
              World::Under::kSqlite);
  world.store_bytes_max = 16 << 20;
  world.start();
  world.up();
  world.run(1min);
  for (int i = 0; i < 3; ++i) world.publish("t.a", std::string(70'000, 'x'));
  REQUIRE(world.store->queued_bytes() == 0);  // In memory.
  world.publish("t.a", std::string(1'000'000, 'x'));
  CHECK(world.rule().losses.refused == 0);
  CHECK(world.rule().messages == 4);
}
