#include "tests/agent/mirror/mirror_world.h"

#include "agent/protocol/headers.h"

namespace petiole::test {

World::World(MirrorConfig given, HubOptions options, std::uint64_t seed)
    : entropy(seed), config(std::move(given)), hub(loop, std::move(options)),
      account("$G", Limits{}, entropy) {
  hub.random.seed(seed);
}

void World::start() {
  store = std::make_unique<ModelStore>(disk, loop, [this] { return commit_delay; }, store_bytes_max);
  mirror = std::make_unique<MirrorCore>(
      config, "leaf1", account, *store,
      Host{loop, clock, network, entropy, log, worker, chunks}, limits);
  account.set_capture(mirror.get());
}

void World::crash() {
  account.set_capture(nullptr);
  hub.cut();
  link = nullptr;
  mirror.reset();
  store.reset();
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

}  // namespace petiole::test
