// A mirror with an account, a store and a hub of models around it, on simulated time.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/mirror/mirror_core.h"
#include "tests/support/model_hub.h"
#include "tests/support/model_store.h"
#include "tests/support/sim_disk.h"

namespace petiole::test {

class NoNetwork : public Network {
 public:
  Result<std::unique_ptr<Listener>> listen(const ListenOptions&, Accept) override {
    return Errc::kUnsupported;
  }
  std::unique_ptr<Dial> dial(const DialOptions&, std::unique_ptr<Protocol>) override {
    return nullptr;
  }
};

class World {
 public:
  enum class Under : std::uint8_t { kModel, kSqlite };  // What the mirror stands on.
  World(MirrorConfig config, HubOptions hub, std::uint64_t seed = 1, Under under = Under::kModel);
  ~World() { crash(); }

  bool start();  // The mirror, over what the disk holds; false: the store does not open.
  void crash();  // What was not committed is lost, and what the mirror knew.
  void up();
  void down();
  // Publishes as a client would; true: captured.
  bool publish(const std::string& subject, const std::string& payload, const std::string& id = {});
  bool drained() const;
  RuleReport rule(std::size_t number = 0) const { return mirror->report().rules.at(number); }
  std::vector<std::string> payloads() const;  // In the hub's stream, of ours.
  void run(Duration span) { loop.run_for(span); }

  SimClock clock;
  SimLoop loop{clock};
  SimEntropy entropy;
  SimLog log;
  NoNetwork network;
  SimWorker worker{loop, [this] { return commit_delay; }};
  ChunkPool chunks;
  Duration commit_delay = std::chrono::milliseconds(1);
  MirrorConfig config;
  MirrorLimits limits;
  std::uint64_t store_bytes_max = 0, reserve_bytes = 0;  // 0: as usual.
  ModelDisk disk;
  ModelHub hub;
  Account account;
  Under under;
  SimDisk sim_disk;
  bool power_cuts = true;  // A crash takes what was not synced, not the process alone.
  std::unique_ptr<Store> store;
  ModelStore* model = nullptr;
  std::unique_ptr<MirrorCore> mirror;
  Uplink* link = nullptr;
};

MirrorConfig config_of(RuleConfig rule);
RuleConfig disk_rule();  // For "t.>".
std::vector<std::string> numbers(int first, int last);
void publish(World& world, int first, int last, const std::string& subject = "t.a");

}  // namespace petiole::test
