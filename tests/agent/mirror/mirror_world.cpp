#include "tests/agent/mirror/mirror_world.h"

#include "agent/protocol/headers.h"

namespace petiole::test {

World::World(MirrorConfig given, HubOptions options, std::uint64_t seed, Under what)
    : entropy(seed),
      config(std::move(given)),
      hub(loop, std::move(options)),
      account("$G", Limits{}, entropy),
      under(what),
      sim_disk("mirror-" + std::to_string(seed), seed) {
  hub.random.seed(seed);
}

bool World::start() {
  if (under == Under::kModel) {
    auto made = std::make_unique<ModelStore>(
        disk, loop, [this] { return commit_delay; }, store_bytes_max);
    model = made.get();
    store = std::move(made);
  } else {
    StoreOptions options{.dir = "/box", .vfs = sim_disk.name()};
    if (store_bytes_max != 0) options.bytes_max = store_bytes_max;
    if (reserve_bytes != 0) options.reserve_bytes = reserve_bytes;
    store = open_store(options, loop, worker, clock, entropy.number()).store;
    if (!store) return false;
  }
  mirror = std::make_unique<MirrorCore>(config, "leaf1", account, *store,
                                        Host{loop, clock, network, entropy, log, worker, chunks},
                                        limits);
  account.set_capture(mirror.get());
  return true;
}

void World::crash() {
  account.set_capture(nullptr);
  hub.cut();
  link = nullptr;
  mirror.reset();
  if (under == Under::kSqlite) power_cuts ? sim_disk.power_cut() : sim_disk.kill();
  store.reset();
  model = nullptr;
  if (under == Under::kSqlite) loop.run_for(std::chrono::seconds(1));  // Its jobs, on dead handles.
}

void World::up() {
  if (link != nullptr) return;
  link = &hub.connect(account);
  mirror->link_up(*link);
}

void World::down() {
  if (link == nullptr) return;
  mirror->link_down(*link);
  link = nullptr;
  hub.cut();
}

bool World::publish(const std::string& subject, const std::string& payload, const std::string& id) {
  const std::string header = id.empty() ? "" : add_header({}, "Nats-Msg-Id", id);
  return account.publish({}, {subject, {}, header, payload, {}}).captured;
}

bool World::drained() const {
  for (const RuleReport& rule : mirror->report().rules) {
    if (rule.messages != 0) return false;
  }
  return true;
}

std::vector<std::string> World::payloads() const {
  std::vector<std::string> list;
  for (const ModelHub::Stored& each : hub.stored) {
    if (!each.payload.starts_with("other")) list.push_back(each.payload);
  }
  return list;
}

MirrorConfig config_of(RuleConfig rule) {
  MirrorConfig config;
  config.enabled = true;
  config.rules = {std::move(rule)};
  return config;
}

RuleConfig disk_rule() { return {.subjects = {"t.>"}}; }

std::vector<std::string> numbers(int first, int last) {
  std::vector<std::string> list;
  for (int i = first; i <= last; ++i) list.push_back(std::to_string(i));
  return list;
}

void publish(World& world, int first, int last, const std::string& subject) {
  for (int i = first; i <= last; ++i) world.publish(subject, std::to_string(i));
}

}  // namespace petiole::test
