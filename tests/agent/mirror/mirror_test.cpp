#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

TEST_CASE("mirror: live flow goes up once, in order, confirmed by PubAck") {
  World world(config_of(disk_rule()), {});
  world.start();
  world.up();
  publish(world, 1, 10);
  world.run(1s);
  CHECK(world.payloads() == numbers(1, 10));
  CHECK(world.drained());
  CHECK(world.rule().confirm == "puback");
  CHECK(world.rule().confirmed == 10);
  CHECK(world.mirror->report().state == "live");
  world.down();
  CHECK(world.rule().confirm == "unknown");  // What the next link's hub can promise.
}

TEST_CASE("mirror: nothing is sent before it is on disk") {
  World world(config_of(disk_rule()), {});
  world.start();
  world.up();
  world.run(1s);
  world.commit_delay = 500ms;
  publish(world, 1, 1);
  CHECK(world.mirror->has_undurable());
  world.run(400ms);
  CHECK(world.hub.stored.empty());
  world.run(2s);
  CHECK_FALSE(world.mirror->has_undurable());
  CHECK(world.payloads() == numbers(1, 1));
}

TEST_CASE("mirror: an outage is replayed before what comes after") {
  World world(config_of(disk_rule()), {});
  world.start();
  publish(world, 1, 3000);
  world.run(1s);
  CHECK(world.rule().messages == 3000);
  CHECK(world.mirror->report().state == "offline");
  world.up();
  publish(world, 3001, 3100);
  world.run(5s);
  CHECK(world.payloads() == numbers(1, 3100));
  CHECK(world.drained());
}

// A link on which each message takes the loop's time.
class DearLink : public Uplink {
 public:
  DearLink(Uplink& below, SimClock& clock) : below_(below), clock_(clock) {}
  const HubInfo& hub() const override { return below_.hub(); }
  bool wants(std::string_view subject) const override { return below_.wants(subject); }
  bool may_publish(std::string_view subject) const override { return below_.may_publish(subject); }
  void publish(const Message& message) override {
    clock_.move_to(clock_.now() + 10us);
    if (message.subject.starts_with("t.")) ++sent;
    below_.publish(message);
  }
  void barrier(std::function<void()> passed) override { below_.barrier(std::move(passed)); }
  std::size_t queued_bytes() const override { return 0; }
  Duration round_trip() const override { return below_.round_trip(); }

  int sent = 0;

 private:
  Uplink& below_;
  SimClock& clock_;
};

TEST_CASE("mirror: a replay leaves the loop to others after a short while") {
  World world(config_of(disk_rule()), {});
  world.start();
  publish(world, 1, 3000);
  world.run(1s);
  DearLink link(world.hub.connect(world.account), world.clock);
  world.link = &link;
  world.mirror->link_up(link);
  world.loop.post([] {});  // A turn, at the end of which it begins.
  int most = 0;
  while (!world.drained() && world.loop.step()) most = std::max(most, std::exchange(link.sent, 0));
  CHECK(world.payloads() == numbers(1, 3000));
  CHECK(most > 0);
  CHECK(most <= 16);
  world.down();
}

TEST_CASE("mirror: a lost link is resolved by asking, also after the duplicate window") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
  world.start();
  world.up();
  world.run(1s);
  publish(world, 1, 100);
  world.run(10ms);  // Stored, the answers still to come.
  REQUIRE(world.payloads().size() == 100);
  world.down();
  world.run(10min);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == numbers(1, 100));
  CHECK(world.drained());
}

TEST_CASE("mirror: a crash after sending is resolved by asking") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
  world.start();
  world.up();
  world.run(1s);
  publish(world, 1, 100);
  world.run(10ms);
  REQUIRE(world.payloads().size() == 100);
  world.crash();
  world.run(10min);
  world.start();
  publish(world, 101, 110);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == numbers(1, 110));
  CHECK(world.drained());
}

TEST_CASE("mirror: another publisher on the subject is walked over") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms, .ack_delay = 50ms});
  world.start();
  world.up();
  world.run(1s);
  publish(world, 1, 20);
  world.run(10ms);
  REQUIRE(world.payloads().size() == 20);
  for (int i = 0; i < 5; ++i) world.hub.store("t.a", "", "other");
  world.down();
  world.run(1min);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == numbers(1, 20));
}

TEST_CASE("mirror: with no stream the barrier confirms, and only where there is interest") {
  World world(config_of(disk_rule()), {.stream_subject = ""});
  world.hub.interest = {"t.a"};
  world.start();
  world.up();
  publish(world, 1, 5, "t.a");
  publish(world, 6, 8, "t.b");
  publish(world, 9, 9, "t.a");
  world.run(10s);
  CHECK(world.hub.heard.size() == 6);
  CHECK(world.rule().messages == 3);
  CHECK(world.rule().confirm == "barrier");
  CHECK(world.mirror->report().state == "waiting for interest");
  world.hub.interest.insert("t.b");
  world.mirror->interest_changed(*world.link);
  world.run(10s);
  CHECK(world.hub.heard.size() == 9);
  CHECK(world.drained());
}

TEST_CASE("mirror: what was passed over survives a restart") {
  World world(config_of(disk_rule()), {.stream_subject = ""});
  world.hub.interest = {"t.a"};
  world.start();
  world.up();
  for (int i = 1; i <= 20; ++i) publish(world, i, i, i % 2 ? "t.a" : "t.b");
  world.run(10s);
  CHECK(world.rule().messages == 10);
  for (const int late : {21, 22}) {  // With the first goes a note.
    publish(world, late, late, "t.a");
    world.run(100ms);
  }
  world.crash();
  world.start();
  world.hub.interest.insert("t.b");
  world.up();
  world.run(10s);
  CHECK(world.hub.heard.size() == 22);
  CHECK(world.drained());
  CHECK(world.rule().confirmed == 22);
}

TEST_CASE("mirror: without a domain it finds out by trying") {
  for (const bool stream : {true, false}) {
    World world(config_of(disk_rule()), {.domain = "", .stream_subject = stream ? "t.>" : ""});
    world.hub.interest = {"t.>"};
    world.start();
    world.up();
    publish(world, 1, 5);
    world.run(5s);
    CHECK(world.drained());
    CHECK(world.hub.heard.size() == 5);
    publish(world, 6, 6);
    world.run(500ms);
    CHECK(world.drained());
    CHECK(world.rule().confirm == (stream ? "puback (duplicate window only)" : "barrier"));
  }
}

TEST_CASE("mirror: durability outage spares the disk while the link is healthy") {
  RuleConfig rule = disk_rule();
  rule.durability = Durability::kOutage;
  World world(config_of(rule), {.ack_delay = 50ms});
  world.start();
  world.up();
  world.run(1s);
  publish(world, 1, 1);  // That a stream takes them is noted, once.
  world.run(1s);
  const std::uint64_t commits = world.model->commits;
  publish(world, 2, 100);
  world.run(1s);
  CHECK(world.payloads() == numbers(1, 100));
  CHECK(world.model->commits == commits);
  publish(world, 101, 200);
  world.run(10ms);
  world.down();
  publish(world, 201, 210);
  world.run(1s);
  CHECK(world.rule().messages == 110);
  world.crash();  // All of it is on disk now.
  world.start();
  world.hub.options().duplicate_window = 1ms;
  world.up();
  world.run(5s);
  CHECK(world.payloads() == numbers(1, 210));
}

TEST_CASE("mirror: a refusal for now stops, then goes on in order") {
  World world(config_of(disk_rule()), {});
  world.start();
  world.up();
  world.run(1s);
  world.hub.error =
      R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"seq":0})";
  publish(world, 1, 50);
  world.run(20s);
  CHECK(world.payloads().empty());
  CHECK(world.rule().messages == 50);
  world.hub.error.clear();
  world.run(60s);
  CHECK(world.payloads() == numbers(1, 50));
}

TEST_CASE("mirror: what the stream will never take is counted and passed over") {
  World world(config_of(disk_rule()), {});
  world.start();
  world.up();
  world.run(1s);
  world.hub.error =
      R"({"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"},"seq":0})";
  publish(world, 1, 1);
  world.run(1s);
  world.hub.error.clear();
  publish(world, 2, 2);
  world.run(1s);
  CHECK(world.payloads() == numbers(2, 2));
  CHECK(world.rule().losses.rejected == 1);
  world.crash();
  world.start();
  CHECK(world.rule().losses.rejected == 1);
}

TEST_CASE("mirror: limits evict the oldest or refuse the newest, and the ledger says so") {
  RuleConfig rule = disk_rule();
  rule.max_messages = 10;
  World old(config_of(rule), {});
  old.start();
  publish(old, 1, 25);
  old.run(1s);
  CHECK(old.rule().losses.limit == 15);
  old.crash();
  old.start();
  CHECK(old.rule().losses.limit == 15);
  old.up();
  old.run(5s);
  CHECK(old.payloads() == numbers(16, 25));

  rule.discard = Discard::kNew;
  World fresh(config_of(rule), {});
  fresh.start();
  publish(fresh, 1, 25);
  fresh.run(1s);
  CHECK(fresh.rule().losses.refused == 15);
  fresh.up();
  fresh.run(5s);
  CHECK(fresh.payloads() == numbers(1, 10));
}

TEST_CASE("mirror: too old is counted as such") {
  RuleConfig rule = disk_rule();
  rule.max_age = 1h;
  World world(config_of(rule), {});
  world.start();
  publish(world, 1, 10);
  world.run(50min);
  publish(world, 11, 20);
  world.run(20min);
  CHECK(world.rule().losses.age == 10);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == numbers(11, 20));
}

TEST_CASE("mirror: a publisher who repeats after a crash is stored once") {
  World world(config_of(disk_rule()), {.duplicate_window = 1ms});
  world.start();
  world.up();
  world.run(1s);
  world.publish("t.a", "1", "order-1");
  world.run(6s);
  CHECK(world.payloads() == numbers(1, 1));
  world.crash();
  world.start();
  world.up();
  world.publish("t.a", "1", "order-1");
  world.publish("t.a", "2", "order-2");
  world.run(5s);
  CHECK(world.payloads() == numbers(1, 2));
  CHECK(world.rule().duplicates == 1);
  CHECK(world.hub.stored.front().id == "order-1");
}

TEST_CASE("mirror: a rule that left the configuration is drained") {
  World world(config_of(disk_rule()), {});
  world.start();
  publish(world, 1, 10);
  world.run(1s);
  world.crash();
  world.config.rules = {{.subjects = {"other.>"}}};
  world.start();
  CHECK(world.mirror->rule_of("t.a") == -1);
  world.up();
  world.run(5s);
  CHECK(world.payloads() == numbers(1, 10));
}

TEST_CASE("mirror: a failed disk does not stop the flow") {
  World world(config_of(disk_rule()), {});
  world.start();
  world.up();
  world.run(1s);
  world.model->fail();
  CHECK(world.mirror->report().state == "storage failed");
  publish(world, 1, 10);
  world.run(2s);
  CHECK(world.payloads() == numbers(1, 10));
  CHECK_FALSE(world.mirror->has_undurable());
}

TEST_CASE("mirror: replay keeps to its rate") {
  MirrorConfig config = config_of(disk_rule());
  config.replay.max_rate = 10000;
  World world(config, {});
  world.start();
  for (int i = 0; i < 200; ++i) world.publish("t.a", std::string(997, 'x'));
  world.run(5s);
  world.up();
  world.run(5s);
  CHECK(world.hub.stored.size() > 40);
  CHECK(world.hub.stored.size() < 60);
}

TEST_CASE("mirror: a full store gives up the least important first") {
  MirrorConfig config = config_of(disk_rule());
  config.rules[0].priority = 0;
  config.rules.push_back({.subjects = {"bulk.>"}, .priority = 5});
  World world(config, {});
  world.store_bytes_max = 1 << 20;
  world.start();
  for (int i = 0; i < 400; ++i) world.publish("bulk.x", std::string(2000, 'x'));
  world.run(1s);
  for (int i = 0; i < 200; ++i) world.publish("t.a", std::string(2000, 'x'));
  world.run(1s);
  CHECK(world.rule(0).messages == 200);
  CHECK(world.rule(0).losses.refused == 0);
  CHECK(world.rule(1).losses.limit > 100);
}

namespace {

// As sessions do: a publisher pauses while the mirror is congested.
void flood(World& world, const std::string& subject, int count) {
  const std::string payload(1000, 'x');
  for (int i = 0; i < count; ++i) {
    world.publish(subject, payload);
    for (int waits = 0; world.mirror->congested() && waits < 100; ++waits) world.run(1ms);
  }
  world.run(1s);
}

}  // namespace

TEST_CASE("mirror: a burst waits for the disk and is not refused") {
  World world(config_of(disk_rule()), {}, 1, World::Under::kSqlite);
  world.commit_delay = 20ms;
  world.start();
  world.run(1s);
  flood(world, "t.a", 20000);
  CHECK(world.rule().losses.refused == 0);
  CHECK(world.rule().losses.limit == 0);
  CHECK(world.rule().messages == 20000);
}

TEST_CASE("mirror: a full store gives up the least important, and no more than it must") {
  MirrorConfig config = config_of({.subjects = {"t.hi"}, .priority = 0});
  config.rules.push_back({.subjects = {"t.low"}, .priority = 9});
  World world(config, {}, 1, World::Under::kSqlite);
  world.store_bytes_max = 16 << 20;
  world.start();
  world.run(1s);
  flood(world, "t.hi", 2000);
  flood(world, "t.low", 20000);
  CHECK(world.rule(0).messages == 2000);
  CHECK(world.rule(0).losses.limit == 0);
  CHECK(world.rule(1).losses.limit > 0);
  CHECK(world.rule(1).losses.refused < 20);
  CHECK(world.rule(1).messages > 4000);
  CHECK(world.rule(1).messages + world.rule(1).losses.limit + world.rule(1).losses.refused ==
        20000);
  flood(world, "t.hi", 8000);
  CHECK(world.rule(0).messages > 6000);
  CHECK(world.rule(1).messages < 1000);
}

TEST_CASE("mirror: what a damaged store holds under no name is sent all the same") {
  World world(config_of(disk_rule()), {}, 1, World::Under::kSqlite);
  world.start();
  world.run(1s);
  publish(world, 1, 300);
  world.run(30s);  // All is in the database file.
  world.crash();
  std::string& file = *world.sim_disk.content("/box/petiole.db");
  const std::size_t at = file.find("mirror-");  // The only row of the table of logs.
  REQUIRE(at != file.npos);
  const std::size_t page = at / 4096;
  REQUIRE(page > 0);
  file.replace(page * 4096, 4096, std::string(4096, '\xa5'));
  world.start();
  REQUIRE(world.store != nullptr);
  CHECK(world.store->recovery().salvaged_messages == 300);
  world.up();
  world.run(5s);
  CHECK(world.payloads().size() == 300);
  publish(world, 301, 310);
  world.run(5s);
  CHECK(world.payloads().size() == 310);
  CHECK(world.payloads() == numbers(1, 310));
  CHECK(world.drained());
}

TEST_CASE("mirror: where nobody can count what damage took, the ledger says so for good") {
  World world(config_of(disk_rule()), {}, 1, World::Under::kSqlite);
  world.start();
  publish(world, 1, 300);
  world.run(30s);  // All is in the database file.
  world.crash();
  std::string& file = *world.sim_disk.content("/box/petiole.db");
  REQUIRE(file.size() > 4 * 4096);
  file.replace(4096, file.size() - 4096, std::string(file.size() - 4096, '\xa5'));  // All roots.
  const std::string damaged = file;
  world.start();
  REQUIRE(world.store != nullptr);
  const std::string set_aside = world.store->recovery().quarantined;
  REQUIRE(!set_aside.empty());
  CHECK(*world.sim_disk.content(set_aside) == damaged);
  CHECK(world.rule().losses.uncounted == 1);
  world.run(10s);
  world.crash();
  world.start();
  CHECK(world.rule().losses.uncounted == 1);
  publish(world, 301, 310);
  world.up();
  world.run(10s);
  CHECK(world.payloads() == numbers(301, 310));
}
