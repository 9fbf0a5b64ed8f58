// What comes again: from the mirrors of leafs behind us, from publishers; and what we say of what
// we send again ourselves.
#include <doctest/doctest.h>

#include "agent/mirror/repeat_marks.h"
#include "agent/protocol/headers.h"
#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

using Kind = MirrorMark::Kind;
constexpr std::uint64_t kOrigin = 0xfeed;

// As the mirror of a leaf behind us sends them: one after another, under publishers' ids.
void send(World& world, int first, int last, Kind kind, std::uint64_t origin = kOrigin,
          const std::string& subject = "t.a") {
  for (int i = first; i <= last; ++i) {
    const std::string text = std::to_string(i);
    const std::string header = add_header({}, "Nats-Msg-Id", "id-" + text);
    const MirrorMark mark{origin, static_cast<std::uint64_t>(i), kind};
    world.account.publish({.leaf = true, .mark = &mark}, {subject, {}, header, text, {}});
  }
}

// Nobody upstream remembers ids, and no process either.
void restart_much_later(World& world) {
  world.run(1h);
  world.crash();
  world.run(1h);
  world.start();
  world.run(10s);
}

MirrorConfig config_with(std::uint64_t max_messages, Discard discard = Discard::kOld) {
  RuleConfig rule = disk_rule();
  rule.max_messages = max_messages;
  rule.discard = discard;
  return config_of(rule);
}

HubOptions forgetful() { return {.duplicate_window = 1ms}; }

}  // namespace

TEST_CASE("repeat: what a leaf sends again is dropped, however long its link was away") {
  World world(config_of(disk_rule()), forgetful());
  world.start();
  SUBCASE("confirmed meanwhile") { world.up(); }
  SUBCASE("confirmed after the restart") {}
  send(world, 1, 20, Kind::kNew);
  restart_much_later(world);
  world.up();
  world.run(1h);
  CHECK(world.payloads() == numbers(1, 20));
  world.crash();  // Its records are gone by now, and so are their ids.
  world.start();
  send(world, 5, 20, Kind::kRepeat);
  send(world, 21, 25, Kind::kRepeat);  // Were cut off on their way.
  send(world, 26, 30, Kind::kNew);
  world.up();
  world.run(10s);
  CHECK(world.payloads() == numbers(1, 30));
  CHECK(world.rule().duplicates == 16);
  CHECK(world.drained());
}

TEST_CASE("repeat: a local subscriber is not served twice either") {
  class Ear final : public Subscriber {
   public:
    PeerKind kind() const override { return PeerKind::kClient; }
    bool deliver(Subscription&, const Message&) override { return ++heard != 0; }
    int heard = 0;
  };
  World world(config_of(disk_rule()), forgetful());
  world.start();
  world.run(1s);
  Ear ear;
  Subscription* const subscription = make_subscription(ear, "t.>", {}, "1");
  world.account.add(*subscription);
  send(world, 1, 3, Kind::kNew);
  send(world, 1, 4, Kind::kRepeat);
  CHECK(ear.heard == 4);
  world.account.retire(subscription);
}

TEST_CASE("repeat: what the limits gave up does not come back behind what was sent") {
  World world(config_with(5), forgetful());
  world.start();
  send(world, 1, 20, Kind::kNew);
  world.run(1s);
  CHECK(world.rule().losses.limit == 15);
  world.up();
  world.run(10s);
  CHECK(world.payloads() == numbers(16, 20));
  restart_much_later(world);
  send(world, 8, 20, Kind::kRepeat);
  send(world, 21, 22, Kind::kNew);
  world.up();
  world.run(10s);
  CHECK(world.payloads() == numbers(16, 22));
  CHECK(world.rule().losses.limit == 15);
}

TEST_CASE("repeat: what was refused stays so, and in the ledger") {
  World world(config_with(5, Discard::kNew), forgetful());
  world.start();
  send(world, 1, 8, Kind::kNew);
  world.run(1s);
  world.up();
  world.run(10s);
  send(world, 9, 9, Kind::kNew);
  world.run(1s);
  CHECK(world.rule().losses.refused == 3);
  restart_much_later(world);
  send(world, 4, 9, Kind::kRepeat);
  world.up();
  world.run(10s);
  std::vector<std::string> expected = numbers(1, 5);
  expected.emplace_back("9");
  CHECK(world.payloads() == expected);
  CHECK(world.rule().losses.refused == 3);
}

TEST_CASE("repeat: a mark that covers what was refused is on disk with the ledger that says so") {
  MirrorConfig config = config_with(2, Discard::kNew);
  World world(config, {.stream_subject = "", .latency = 500ms});
  world.limits.in_flight_messages_max = 1;
  world.limits.note_interval = world.limits.note_alone = 1h;
  world.hub.interest = {"t.a"};
  world.start();
  world.up();
  world.run(10s);
  send(world, 1, 1, Kind::kNew, kOrigin, "t.b");
  world.run(10s);  // Passed over: what is confirmed behind it is removed alone.
  send(world, 2, 2, Kind::kNew);
  world.run(100ms);  // On its way, so no more counted.
  send(world, 3, 4, Kind::kNew);
  REQUIRE(world.rule().losses.refused == 1);
  for (int i = 0; i < 1000 && world.rule().confirmed == 0; ++i) world.run(10ms);
  world.run(100ms);
  world.crash();
  world.start();
  world.run(1s);
  CHECK(world.rule().duplicates == 0);
  const std::uint64_t refused = world.rule().losses.refused;
  send(world, 4, 4, Kind::kRepeat);
  const bool known = world.rule().duplicates == 1;
  CHECK(refused == (known ? 1 : 0));
}

TEST_CASE("repeat: a record whose mark covers what was refused is on disk with the ledger too") {
  RuleConfig rule = disk_rule();
  rule.max_bytes = 1000;
  rule.discard = Discard::kNew;
  World world(config_of(rule), forgetful());
  world.limits.note_interval = world.limits.note_alone = 1h;
  world.start();
  send(world, 1, 1, Kind::kNew);
  world.run(1s);
  const auto send_large = [&](Kind kind) {
    const MirrorMark mark{kOrigin, 2, kind};
    const std::string payload(2000, '.');
    world.account.publish({.leaf = true, .mark = &mark}, {"t.a", {}, {}, payload, {}});
  };
  send_large(Kind::kNew);
  REQUIRE(world.rule().losses.refused == 1);
  send(world, 3, 3, Kind::kNew);
  world.run(5ms);
  world.crash();
  world.start();
  world.run(1s);
  REQUIRE(world.rule().messages == 2);
  send_large(Kind::kRepeat);
  CHECK(world.rule().duplicates == 1);  // It does not come again,
  CHECK(world.rule().losses.refused == 1);
}

TEST_CASE("repeat: only what is said to be one, of that origin, in its place, is dropped") {
  World world(config_of(disk_rule()), forgetful());
  world.start();
  send(world, 10, 20, Kind::kNew);
  restart_much_later(world);
  world.up();
  world.run(1h);
  const std::size_t before = world.payloads().size();
  SUBCASE("another leaf") { send(world, 15, 15, Kind::kRepeat, kOrigin + 1); }
  SUBCASE("passed over before") { send(world, 5, 5, Kind::kLate); }
  SUBCASE("began anew: an old copy of its disk") {
    send(world, 15, 15, Kind::kNew);
    world.run(1h);
    send(world, 15, 15, Kind::kRepeat);
  }
  world.run(10s);
  CHECK(world.payloads().size() == before + 1);
}

TEST_CASE("repeat: what comes while the log is being opened is held against it too") {
  World world(config_of(disk_rule()), forgetful());
  world.start();
  send(world, 1, 20, Kind::kNew);
  world.run(1h);
  world.crash();
  world.start();
  send(world, 11, 20, Kind::kRepeat);
  send(world, 21, 21, Kind::kNew);
  world.up();
  world.run(10s);
  CHECK(world.payloads() == numbers(1, 21));
}

// Nothing on disk says that they came, and no mark may.
TEST_CASE("repeat: what a kill took from memory is none when it comes again") {
  RuleConfig rule = disk_rule();
  rule.durability = Durability::kOutage;
  World world(config_of(rule), {.duplicate_window = 1ms, .latency = 200ms});
  world.start();
  send(world, 1, 5, Kind::kNew);  // There is no link: on disk.
  world.run(1s);
  world.up();
  world.run(5min);
  REQUIRE(world.payloads() == numbers(1, 5));
  send(world, 6, 10, Kind::kNew);
  world.run(100ms);  // On their way.
  REQUIRE(world.rule().in_flight == 5);
  world.crash();
  world.start();
  world.up();
  world.run(5s);
  send(world, 4, 10, Kind::kRepeat);
  send(world, 11, 12, Kind::kNew);
  world.run(10s);
  CHECK(world.payloads() == numbers(1, 12));
  CHECK(world.rule().duplicates == 2);
}

TEST_CASE("repeat: marks that are written while some wait in memory do not speak of those") {
  RuleConfig rule = disk_rule();
  rule.durability = Durability::kOutage;
  World world(config_of(rule), forgetful());
  world.start();
  send(world, 1, 5, Kind::kNew);  // There is no link: on disk.
  world.run(1s);
  world.up();
  world.run(5min);
  REQUIRE(world.payloads() == numbers(1, 5));
  REQUIRE(world.model->usage().live_bytes > 0);  // For their ids.
  world.hub.error = R"({"error":{"code":503,"err_code":10023}})";
  send(world, 6, 10, Kind::kNew);
  world.run(100ms);
  REQUIRE(world.rule().messages == 5);
  REQUIRE(world.model->usage().live_bytes == 0);  // Gone, and their marks in the state.
  world.crash();
  world.hub.error.clear();
  world.start();
  world.up();
  world.run(5s);
  send(world, 4, 10, Kind::kRepeat);
  world.run(10s);
  CHECK(world.payloads() == numbers(1, 10));
  CHECK(world.rule().duplicates == 2);
}

TEST_CASE("repeat: what went from memory is known while we run, and then by the hub's window") {
  RuleConfig rule = disk_rule();
  rule.durability = Durability::kOutage;
  World world(config_of(rule), {});
  world.start();
  world.up();
  world.run(5s);
  send(world, 1, 10, Kind::kNew);
  world.run(1s);
  REQUIRE(world.payloads() == numbers(1, 10));
  SUBCASE("a lost link") { world.run(1h); }
  SUBCASE("a kill, and soon") {
    world.crash();
    world.start();
    world.up();
    world.run(5s);
  }
  send(world, 1, 10, Kind::kRepeat);
  world.run(10s);
  CHECK(world.payloads() == numbers(1, 10));
  CHECK(world.drained());
}

TEST_CASE("repeat: a publisher repeats after a crash, whatever the clock on the wall says") {
  World world(config_of(disk_rule()), forgetful());
  world.start();
  world.up();
  world.run(1s);
  world.publish("t.a", "1", "own");
  world.run(1s);
  SUBCASE("set while we run") { world.clock.set_wall_offset(90min); }
  SUBCASE("set while we are down") {
    world.crash();
    world.clock.set_wall_offset(90min);
    world.start();
    world.up();
  }
  SUBCASE("a long time in which he could not reach us") {
    world.crash();
    world.run(1h);
    world.start();
    world.up();
  }
  world.run(30s);
  world.publish("t.a", "1", "own");
  world.run(10s);
  CHECK(world.payloads() == numbers(1, 1));
  world.run(10min);
  world.publish("t.a", "2", "own");  // The window is over.
  world.run(10s);
  CHECK(world.payloads() == numbers(1, 2));
}

TEST_CASE("repeat: what we send to a petiole says what it is") {
  HubOptions plain{.domain = "", .stream_subject = "", .drops_repeats = true};
  World world(config_of(disk_rule()), plain);
  world.hub.interest = {"t.>"};
  world.start();
  world.up();
  world.run(10s);
  const auto said = [&](Kind kind) {
    std::vector<std::uint64_t> list;
    for (const MirrorMark& mark : world.hub.marks) {
      if (mark.kind == kind) list.push_back(mark.number);
    }
    world.hub.marks.clear();
    return list;
  };
  using Numbers = std::vector<std::uint64_t>;
  publish(world, 1, 2);
  world.publish("t.a", "3", "own");
  world.run(8ms);  // No PONG yet.
  CHECK(said(Kind::kNew) == Numbers{1, 2, 3});
  SUBCASE("after a lost link") { world.down(); }
  SUBCASE("after a crash") {
    world.down();
    world.crash();
    world.start();
  }
  const std::uint64_t origin_before = [&] {
    world.up();
    world.run(10s);
    return world.hub.marks.empty() ? 0 : world.hub.marks.front().origin;
  }();
  CHECK(origin_before != 0);
  CHECK(said(Kind::kRepeat) == Numbers{1, 2, 3});
  CHECK(world.drained());
}

TEST_CASE("repeat: what went from memory has the same mark when it goes again, from disk") {
  RuleConfig rule = disk_rule();
  rule.durability = Durability::kOutage;
  World world(config_of(rule), {.domain = "", .stream_subject = "", .drops_repeats = true});
  world.hub.interest = {"t.>"};
  world.start();
  world.up();
  world.run(10s);
  publish(world, 1, 2);
  world.publish("t.a", "3", "own");
  world.run(8ms);  // No PONG yet.
  const std::vector<MirrorMark> first = std::exchange(world.hub.marks, {});
  REQUIRE(first.size() == 3);
  world.down();
  SUBCASE("after a lost link") {}
  SUBCASE("after a crash") {
    world.run(1s);
    world.crash();
    world.start();
  }
  world.up();
  world.run(10s);
  REQUIRE(world.hub.marks.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CAPTURE(i);
    CHECK(first[i].kind == Kind::kNew);
    CHECK(world.hub.marks[i].kind == Kind::kRepeat);
    CHECK(world.hub.marks[i].origin == first[i].origin);
    CHECK(world.hub.marks[i].number == first[i].number);
  }
  CHECK(world.drained());
}

// A client that has seen an id of this leaf makes up one with a number far ahead: a hub that took
// it for the leaf's own would drop what the leaf sends again from then on.
TEST_CASE("repeat: a publisher's id that looks like ours makes no mark") {
  RuleConfig rule = disk_rule();
  bool restart = false;
  SUBCASE("as it comes") {}
  SUBCASE("read from the log") { restart = true; }
  SUBCASE("from memory, then on disk") { rule.durability = Durability::kOutage; }
  World world(config_of(rule), {.domain = "", .stream_subject = "", .drops_repeats = true});
  world.hub.interest = {"t.>"};
  world.start();
  if (!restart) world.up();
  world.run(10s);
  world.publish("t.a", "1", "leaf1:00000000000000ab:999999");
  world.publish("t.a", "2");
  world.run(8ms);  // No PONG yet.
  for (int life = 0; life < 2; ++life) {
    world.down();
    world.run(1s);
    if (restart) {
      world.crash();
      world.start();
    }
    if (life == 0) world.up();
    world.run(8ms);
  }
  world.up();
  world.run(10s);
  CHECK(world.drained());
  REQUIRE(world.hub.marks.size() >= 2);
  for (const MirrorMark& mark : world.hub.marks) CHECK(mark.number <= 2);
}

TEST_CASE("repeat: what nobody wanted for a while is late, also after a crash") {
  HubOptions plain{.domain = "", .stream_subject = "", .drops_repeats = true};
  World world(config_of(disk_rule()), plain);
  world.hub.interest = {"t.b"};
  world.start();
  world.up();
  world.run(10s);
  publish(world, 1, 2, "t.a");
  world.run(10s);
  publish(world, 3, 4, "t.b");
  world.run(10s);
  const auto kinds = [&] {
    std::string text;
    for (const MirrorMark& mark : world.hub.marks) {
      text += "nrl"[static_cast<int>(mark.kind)] + std::to_string(mark.number) + " ";
    }
    world.hub.marks.clear();
    return text;
  };
  CHECK(kinds() == "n3 n4 ");
  world.hub.interest.insert("t.a");
  SUBCASE("the same process") { world.mirror->interest_changed(*world.link); }
  SUBCASE("after a crash") {
    world.crash();
    world.start();
    world.up();
  }
  world.run(12s);
  CHECK(kinds() == "l1 l2 ");
  CHECK(world.drained());
}

TEST_CASE("repeat marks: bounded; of more origins the one silent for longest is forgotten") {
  RepeatMarks marks(2);
  marks.pass({1, 5, Kind::kNew}, true);
  marks.pass({2, 5, Kind::kNew}, true);
  marks.pass({1, 6, Kind::kNew}, true);
  marks.pass({3, 5, Kind::kNew}, true);
  CHECK(marks.size() == 2);
  CHECK(marks.knows({1, 6, Kind::kRepeat}));
  CHECK_FALSE(marks.knows({2, 5, Kind::kRepeat}));
  CHECK(marks.knows({3, 5, Kind::kRepeat}));
}

TEST_CASE("repeat marks: a state says what is on disk") {
  RepeatMarks marks(8);
  marks.pass({1, 5, Kind::kNew}, true);
  marks.pass({1, 9, Kind::kNew}, false);
  marks.pass({2, 3, Kind::kLate}, true);
  CHECK(marks.changed());
  const std::string text = marks.encode();
  CHECK_FALSE(marks.changed());
  RepeatMarks again(8);
  again.load(text);
  CHECK(again.size() == 1);
  CHECK(again.knows({1, 5, Kind::kRepeat}));
  CHECK_FALSE(again.knows({1, 6, Kind::kRepeat}));
  marks.settle();
  again.load(marks.encode());
  CHECK(again.knows({1, 9, Kind::kRepeat}));
  again.load(std::string_view("\n x y\n 3\n 4 \n"));
  CHECK(again.size() == 1);
}
