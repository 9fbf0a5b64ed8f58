// Rules that a restart changes, cut short at each step that writes to the disk, from the first
// run's stop to the replay of the second: by a process that dies, and by a power cut.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

struct Change {
  std::vector<RuleConfig> before, after;
  bool back = false;     // The crash has the operator take the old file again.
  bool repeats = false;  // May come twice: what a barrier confirms, over a reconnect.
};

struct Published {
  std::string rule{};  // Its subjects: of these a log has its name.
  bool refused = false;
  bool certain = false;  // On disk, or in the ledger that is there.
};

MirrorConfig with(const std::vector<RuleConfig>& rules) {
  MirrorConfig config;
  config.enabled = true;
  config.rules = rules;
  return config;
}

RuleConfig rule(std::vector<std::string> subjects, Durability durability = Durability::kDisk) {
  return {.subjects = std::move(subjects), .durability = durability};
}

class Run {
 public:
  Run(const Change& change, std::uint64_t step, bool power)
      : change_(change), world_(with(change.before), hub(), step, World::Under::kSqlite) {
    world_.reserve_bytes = 64 << 10;
    world_.power_cuts = false;
    world_.limits.note_alone = 100ms;
    REQUIRE(world_.start());
    world_.up();
    publish(5);
    world_.run(1s);
    world_.hub.acks_to_drop = 3;
    publish(5);
    world_.run(20ms);
    world_.down();
    publish(10);
    pass(1s);

    const std::uint64_t first = world_.sim_disk.operations();
    world_.sim_disk.fail_after(step);
    stop();
    if (!world_.sim_disk.died()) second_life(step - (world_.sim_disk.operations() - first));
    died_ = world_.sim_disk.died();
    world_.power_cuts = power;
    world_.crash();
    world_.power_cuts = false;
    if (change.back) world_.config = with(change.before);
    REQUIRE(world_.start());
    publish(5);
    world_.up();
    const bool drained = world_.loop.run_until([this] { return world_.drained(); }, 10min);
    CHECK(drained);
    count_losses();
  }

  bool died() const { return died_; }

  void verify() const {
    std::map<std::string, int> seen;
    for (const std::string& payload : world_.payloads()) ++seen[payload];
    for (const auto& [payload, times] : seen) {
      CAPTURE(payload);
      CHECK((times == 1 || change_.repeats));
    }
    std::uint64_t missing = 0;
    std::string which;
    for (std::size_t i = 0; i < published_.size(); ++i) {
      if (!published_[i].certain || seen.contains(std::to_string(i))) continue;
      ++missing;
      which += ' ' + std::to_string(i);
    }
    CAPTURE(which);
    CHECK(missing <= losses_);
    CHECK(world_.hub.violations == 0);
    std::string order;
    for (const std::string& payload : world_.payloads()) order += ' ' + payload;
    CAPTURE(order);
    if (!change_.repeats) CHECK(in_order());
  }

 private:
  bool in_order() const {
    std::map<std::string, int> last;  // Of each rule.
    for (const std::string& payload : world_.payloads()) {
      const int number = std::atoi(payload.c_str());
      const auto at = last.try_emplace(published_[static_cast<std::size_t>(number)].rule, -1).first;
      if (number < std::exchange(at->second, number)) return false;
    }
    return true;
  }

  static HubOptions hub() {
    HubOptions options;
    options.duplicate_window = 1ms;  // It asks, or it doubles.
    return options;
  }

  void publish(int each) {
    for (int i = 0; i < each; ++i) {
      for (const char* subject : {"t.a", "t.b"}) {
        const std::uint64_t before = refused();
        if (!world_.publish(subject, std::to_string(published_.size()))) continue;
        note(subject, refused() != before);
      }
    }
  }

  std::uint64_t refused() const {
    std::uint64_t sum = 0;
    for (const RuleReport& each : world_.mirror->report().rules) sum += each.losses.refused;
    return sum;
  }

  void note(const std::string& subject, bool refused) {
    const auto takes = [&](const RuleConfig& each) {
      return std::any_of(
          each.subjects.begin(), each.subjects.end(),
          [&](const std::string& pattern) { return pattern == subject || pattern == "t.>"; });
    };
    const auto& rules = world_.config.rules;
    const auto taken = std::find_if(rules.begin(), rules.end(), takes);
    REQUIRE(taken != rules.end());
    published_.push_back({.refused = refused});
    for (const std::string& pattern : taken->subjects) published_.back().rule += pattern + ' ';
    // What may wait in memory a crash may take; the ledger tells of a refusal a moment later.
    if (refused || (taken->durability == Durability::kOutage && world_.link != nullptr)) return;
    const std::size_t number = published_.size() - 1;
    world_.mirror->when_durable([this, number](Status status) {
      if (status.ok()) published_[number].certain = true;
    });
  }

  // Up to the end of the process, or long enough for a note of the ledger.
  void pass(Duration span) {
    const std::size_t count = published_.size();
    world_.loop.run_until([this] { return world_.sim_disk.died(); }, span);
    for (std::size_t i = 0; i < count && !world_.sim_disk.died(); ++i) {
      published_[i].certain |= published_[i].refused;
    }
  }

  // As SIGTERM does it; the disk may die meanwhile.
  void stop() {
    const std::size_t count = published_.size();
    world_.mirror->stop([this, count] {
      for (std::size_t i = 0; i < count; ++i) published_[i].certain |= !world_.sim_disk.died();
    });
    pass(1s);
    if (world_.sim_disk.died()) return;
    world_.account.set_capture(nullptr);
    world_.mirror.reset();
    world_.store.reset();
    world_.run(1s);
  }

  void second_life(std::uint64_t steps) {
    world_.sim_disk.kill();
    world_.sim_disk.fail_after(steps);
    world_.config = with(change_.after);
    if (!world_.start()) return;
    publish(5);
    pass(1s);
    if (world_.sim_disk.died()) return;
    world_.up();
    publish(5);
    pass(2s);
  }

  void count_losses() {
    for (const RuleReport& each : world_.mirror->report().rules) {
      const LossCounts& lost = each.losses;
      losses_ += lost.age + lost.limit + lost.refused + lost.superseded + lost.rejected;
      CHECK(lost.corrupt == 0);
    }
  }

  const Change& change_;
  World world_;
  std::vector<Published> published_;
  std::uint64_t losses_ = 0;
  bool died_ = false;
};

// Every step once at least, by one end or another.
void cut_each(Change change) {
  const std::uint64_t stride = std::getenv("PETIOLE_SEEDS") != nullptr ? 32 : 4;
  for (std::uint64_t way = 0; way < 4; ++way) {
    const bool power = way % 2 != 0;
    change.back = way / 2 != 0;
    std::uint64_t step = 1 + way;
    for (bool more = true; more; step += stride) {
      CAPTURE(step);
      CAPTURE(power);
      CAPTURE(change.back);
      REQUIRE(step < 2000);
      const Run run(change, step, power);
      run.verify();
      more = run.died();
    }
    CHECK(step > 20);
  }
}

RuleConfig limited(std::uint64_t messages, Discard discard = Discard::kOld) {
  RuleConfig config = rule({"t.>"});
  config.max_messages = messages;
  config.discard = discard;
  return config;
}

RuleConfig last() {
  RuleConfig config = rule({"t.>"});
  config.keep_last = true;
  return config;
}

RuleConfig by(Confirm confirm) {
  RuleConfig config = rule({"t.>"});
  config.confirm = confirm;
  return config;
}

}  // namespace

TEST_CASE("rules, step by step: one comes") {
  SUBCASE("for what none took") { cut_each({{rule({"t.a"})}, {rule({"t.a"}), rule({"t.b"})}}); }
  SUBCASE("for what another took") { cut_each({{rule({"t.>"})}, {rule({"t.a"}), rule({"t.>"})}}); }
}

TEST_CASE("rules, step by step: one goes, and its backlog with it to the hub") {
  SUBCASE("of two") { cut_each({{rule({"t.a"}), rule({"t.b"})}, {rule({"t.a"})}}); }
  SUBCASE("that kept in memory") {
    cut_each({{rule({"t.a"}), rule({"t.b"}, Durability::kOutage)}, {rule({"t.a"})}});
  }
  SUBCASE("the first") { cut_each({{rule({"t.a"}), rule({"t.>"})}, {rule({"t.>"})}}); }
  SUBCASE("another takes its place") { cut_each({{rule({"t.a"})}, {rule({"t.b"})}}); }
  SUBCASE("two become one") { cut_each({{rule({"t.a"}), rule({"t.b"})}, {rule({"t.a", "t.b"})}}); }
}

TEST_CASE("rules, step by step: the durability changes") {
  const RuleConfig disk = rule({"t.>"}), outage = rule({"t.>"}, Durability::kOutage);
  SUBCASE("to outage") { cut_each({{disk}, {outage}}); }
  SUBCASE("to disk") { cut_each({{outage}, {disk}}); }
}

TEST_CASE("rules, step by step: the limits change") {
  SUBCASE("one comes, old ones go") { cut_each({{rule({"t.>"})}, {limited(7)}}); }
  SUBCASE("one comes, new ones are refused") {
    cut_each({{rule({"t.>"})}, {limited(7, Discard::kNew)}});
  }
  SUBCASE("it goes") { cut_each({{limited(7)}, {rule({"t.>"})}}); }
}

TEST_CASE("rules, step by step: what is kept, and how it is confirmed, change") {
  SUBCASE("the last only") { cut_each({{rule({"t.>"})}, {last()}}); }
  SUBCASE("all again") { cut_each({{last()}, {rule({"t.>"})}}); }
  SUBCASE("to barriers") { cut_each({{rule({"t.>"})}, {by(Confirm::kBarrier)}, false, true}); }
  SUBCASE("from barriers") { cut_each({{by(Confirm::kBarrier)}, {rule({"t.>"})}, false, true}); }
}

// Its messages are then nowhere near the last of their subject.
TEST_CASE("rules: the end of one that is gone is on disk before much goes behind it") {
  World world(with({rule({"t.a"})}), {.duplicate_window = 1ms});
  world.start();
  publish(world, 1, 50);
  world.run(1s);
  world.crash();
  world.config = with({rule({"t.>"})});
  world.start();
  for (int i = 0; i < 3000; ++i) world.hub.store("t.a", "", "other");
  world.up();
  world.run(500ms);
  REQUIRE(world.drained());
  publish(world, 51, 3000);
  world.run(500ms);
  REQUIRE(world.payloads() == numbers(1, 3000));
  world.crash();
  world.run(10min);
  world.start();
  world.down();
  world.up();
  world.run(20s);
  CHECK(world.payloads() == numbers(1, 3000));
  CHECK(world.drained());
}

TEST_CASE(
    "rules: a backlog that is paced holds up nothing new of the others, whatever their rank") {
  MirrorConfig config = config_of(disk_rule());
  config.replay.max_rate = 10000;
  config.rules.push_back({.subjects = {"equal.>"}});
  config.rules.push_back({.subjects = {"less.>"}, .priority = 2});
  World world(config, {});
  world.hub.interest = {"equal.>", "less.>"};
  world.start();
  for (int i = 0; i < 200; ++i) world.publish("t.a", std::string(997, 'x'));
  world.run(5s);
  world.up();
  world.run(1s);
  for (int i = 1; i <= 10; ++i) {
    publish(world, 1, 100, "equal.a");
    publish(world, 1, 100, "less.a");
    world.run(100ms);
    CHECK(world.rule(1).confirmed == static_cast<std::uint64_t>(100 * i));
    CHECK(world.rule(2).confirmed == static_cast<std::uint64_t>(100 * i));
  }
  CHECK(world.hub.stored.size() > 10);
  CHECK(world.rule(0).messages > 150);
}
