// Thousands of short lives of a store, each ended by a kill or a power cut at a random point, also
// in the middle of a commit. After each: what was reported durable is there, in order, once.
#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <random>

#include "tests/storage/store_box.h"

namespace petiole::test {
namespace {

// What the test knows of one log.
struct Model {
  std::map<Sequence, std::string> records;  // Appended, and neither trimmed nor removed.
  std::map<Sequence, std::string>
      given_up;  // Trimmed or removed: may come back only while that is not durable.
  Sequence durable = 0;
  Sequence newest = 0;  // Ever handed out.
};

class Life {
 public:
  explicit Life(std::uint64_t seed) : seed_(seed), random_(seed), box_(seed) {
    box_.options.bytes_max = 4 << 20;
  }

  void run() {
    const std::uint64_t lives = 2 + pick(3);
    for (std::uint64_t life = 0; life < lives && good_; ++life) {
      if (!box_.open()) return fail("open: " + box_.error);
      if (!box_.store->recovery().quarantined.empty()) return fail("quarantined");
      verify();
      live();
    }
    if (good_ && !box_.open()) return fail("last open: " + box_.error);
    if (good_) verify();
  }
  bool good() const { return good_; }
  const std::string& what() const { return what_; }

 private:
  std::uint64_t pick(std::uint64_t n) { return random_() % n; }
  void fail(const std::string& what) {
    if (good_) what_ = "seed " + std::to_string(seed_) + ": " + what;
    good_ = false;
  }

  void live() {
    for (auto& [name, model] : models_) watch(name);
    if (pick(4) != 0) box_.disk.fail_after(1 + pick(pick(2) == 0 ? 40 : 600));
    // Now and then the disk is full, for a while.
    if (pick(4) == 0) box_.disk.set_capacity(box_.disk.used() + pick(300000));
    const std::uint64_t turns = 1 + pick(40);
    for (std::uint64_t i = 0; i < turns && good_; ++i) {
      turn();
      box_.loop.run_for(Duration(pick(3'000'000)));
      if (pick(30) == 0) box_.loop.run_for(6s);  // Long enough for the idle work.
      if (pick(30) == 0) box_.disk.set_capacity(UINT64_MAX);
    }
    end();
  }

  void end() {
    box_.disk.set_capacity(UINT64_MAX);
    const std::uint64_t how = pick(5);
    if (how == 0 && !box_.disk.died()) {
      box_.disk.fail_after(0);
      box_.close();
      confirm(turn_);
      for (auto& [name, model] : models_) model.durable = model.newest;
      return;
    }
    if (how <= 2) {
      box_.kill();
    } else {
      box_.power_cut();
    }
  }

  void watch(const std::string& name) {
    box_.store->log(name).on_durable([this, name](Sequence upto) { models_[name].durable = upto; });
  }

  void turn() {
    ++turn_;
    const std::string name = pick(3) == 0 ? "b" : "a";
    const bool known = models_.contains(name);
    Model& model = models_[name];
    if (!known) watch(name);
    for (const char* other : {"a", "b"}) {
      if (!models_.contains(other)) watch(other), (void)models_[other];
    }
    Log& log = box_.store->log(name);
    const std::uint64_t appends = pick(3) == 0 ? 0 : 1 + pick(pick(8) == 0 ? 300 : 12);
    for (std::uint64_t i = 0; i < appends; ++i) append(name, model);
    if (pick(3) == 0) remove_some(log, model);
    if (pick(8) == 0) trim_some(log, model);
    // The state says which turn it belongs to, and what each log's newest record then was.
    std::string state = std::to_string(turn_);
    for (const auto& [log_name, other] : models_)
      state += " " + log_name + " " + std::to_string(other.newest);
    box_.store->set_state("turn", state);
    states_[turn_] = state;
    newest_at_[turn_] = {{"a", models_["a"].newest}, {"b", models_["b"].newest}};
    box_.store->when_durable([this, at = turn_](Status status) {
      if (status.ok()) confirm(at);
    });
  }

  void append(const std::string& name, Model& model) {
    const std::string payload = name + std::to_string(random_()) + std::string(pick(300), 'x');
    const Sequence sequence = box_.append(name, payload, pick(2) == 0 ? "s.one" : "s.two");
    if (sequence == 0) return;
    if (sequence <= model.newest)
      return fail("sequence " + std::to_string(sequence) + " used again");
    model.newest = sequence;
    model.records[sequence] = payload;
  }

  void remove_some(Log& log, Model& model) {
    for (std::uint64_t i = 0, count = pick(60); i < count && !model.records.empty(); ++i) {
      auto at = model.records.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(pick(model.records.size())));
      give_up(model, at);
      log.remove(at_sequence_);
    }
  }

  void trim_some(Log& log, Model& model) {
    if (model.records.empty()) return;
    auto at = model.records.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(pick(model.records.size())));
    const Sequence upto = at->first;
    while (!model.records.empty() && model.records.begin()->first <= upto) {
      give_up(model, model.records.begin());
    }
    log.trim(upto);
  }

  void give_up(Model& model, std::map<Sequence, std::string>::iterator at) {
    at_sequence_ = at->first;
    model.given_up[at->first] = at->second;
    given_up_at_[turn_].emplace_back(&model, at->first);
    model.records.erase(at);
  }

  // Everything up to and with that turn is on disk: what it gave up must not come back.
  void confirm(std::uint64_t turn) {
    durable_turn_ = std::max(durable_turn_, turn);
    while (!given_up_at_.empty() && given_up_at_.begin()->first <= turn) {
      for (const auto& [model, sequence] : given_up_at_.begin()->second)
        model->given_up.erase(sequence);
      given_up_at_.erase(given_up_at_.begin());
    }
  }

  void verify() {
    const std::string state = box_.store->state("turn").value_or("0");
    const std::uint64_t turn = std::strtoull(state.c_str(), nullptr, 10);
    if (turn < durable_turn_)
      return fail("state of turn " + std::to_string(turn) + ", durable was " +
                  std::to_string(durable_turn_));
    if (turn != 0 && states_[turn] != state) return fail("state was never set: " + state);
    // Atomic: of the turn on disk all is there, of those after it nothing.
    for (auto& [name, model] : models_) {
      const Sequence newest = turn == 0 ? 0 : newest_at_[turn][name];
      if (newest < model.durable) return fail("durable record behind the state");
      verify_log(name, model, newest);
    }
    // From here on that is the truth.
    confirm(turn);
    for (const auto& [later, gone] : given_up_at_) {
      for (const auto& [model, sequence] : gone) {
        const auto at = model->given_up.find(sequence);
        if (at == model->given_up.end()) continue;
        model->records.insert(*at);
        model->given_up.erase(at);
      }
    }
    given_up_at_.clear();
    for (auto& [name, model] : models_) {
      const Sequence newest = turn == 0 ? 0 : newest_at_[turn][name];
      model.records.erase(model.records.upper_bound(newest), model.records.end());
      model.durable = std::min(model.durable, model.newest);
    }
    durable_turn_ = turn;
  }

  void verify_log(const std::string& name, Model& model, Sequence newest) {
    std::map<Sequence, std::string> expected = model.records;
    // Given up after the turn on disk: there again.
    const std::uint64_t turn =
        std::strtoull(box_.store->state("turn").value_or("0").c_str(), nullptr, 10);
    for (const auto& [at, gone] : given_up_at_) {
      if (at <= turn) continue;
      for (const auto& [owner, sequence] : gone) {
        const auto found = owner->given_up.find(sequence);
        if (owner == &model && found != owner->given_up.end()) expected.insert(*found);
      }
    }
    expected.erase(expected.upper_bound(newest), expected.end());
    const LogState state = box_.store->log(name).state();
    if (state.last < model.durable) return fail(name + ": last went back");
    const auto all = box_.all(name);
    if (all.size() != expected.size() || state.messages != expected.size()) {
      return fail(name + " turn " + std::to_string(turn) + " newest " + std::to_string(newest) +
                  ": " + std::to_string(all.size()) + " records, state says " +
                  std::to_string(state.messages) + ", expected " + std::to_string(expected.size()));
    }
    std::size_t i = 0;
    for (const auto& [sequence, payload] : expected) {
      if (all[i].first != sequence)
        return fail(name + ": sequence " + std::to_string(all[i].first) + ", expected " +
                    std::to_string(sequence));
      if (all[i].second != payload) return fail(name + ": wrong content");
      ++i;
    }
    if (state.first != (expected.empty() ? state.last + 1 : expected.begin()->first))
      fail(name + ": first");
  }

  std::uint64_t seed_;
  std::mt19937_64 random_;
  std::map<std::string, Model> models_;
  std::map<std::uint64_t, std::string> states_;
  std::map<std::uint64_t, std::map<std::string, Sequence>> newest_at_;
  std::map<std::uint64_t, std::vector<std::pair<Model*, Sequence>>> given_up_at_;
  std::uint64_t turn_ = 0, durable_turn_ = 0;
  Sequence at_sequence_ = 0;
  bool good_ = true;
  std::string what_;
  StoreBox box_;
};

TEST_CASE("store: no crash loses, doubles or reorders what was durable") {
  std::uint64_t first = 1, count = 2000;
  if (const char* seed = std::getenv("PETIOLE_SEED")) {
    first = std::strtoull(seed, nullptr, 10);
    count = 1;
  }
  if (const char* seeds = std::getenv("PETIOLE_SEEDS")) count = std::strtoull(seeds, nullptr, 10);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    Life life(seed);
    life.run();
    INFO(life.what());
    REQUIRE(life.good());
  }
}

}  // namespace
}  // namespace petiole::test
