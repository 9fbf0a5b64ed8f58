#include "tests/scenario/world.h"

#include <algorithm>

namespace petiole::test {

namespace {

constexpr Duration kDrainLimit = 30min;

std::uint64_t sum_losses(const json::object& losses) {
  std::uint64_t sum = 0;
  for (const char* cause : {"age", "limit", "refused", "rejected", "corrupt"}) {
    sum += static_cast<std::uint64_t>(get_int(losses, cause));
  }
  return sum;
}

}  // namespace

World::World(std::uint64_t seed, bool chain, bool print)
    : plan_(make_plan(seed, chain)),
      dice_(seed ^ 0x5ca1ab1e),
      turns_(seed ^ 0x7042),
      trace_(clock_, print),
      disk_("scenario-" + std::to_string(seed), seed),
      edge_disk_("scenario-edge-" + std::to_string(seed), seed),
      leaf_log_(trace_, "leaf"),
      hub_log_(trace_, "hub"),
      edge_log_(trace_, "edge"),
      leaf_config_(leaf_config()),
      hub_config_(hub_config()),
      edge_config_(edge_config()),
      stream_(plan_, loop_, trace_, dice_),
      network_(std::make_unique<SimNetwork>(loop_, chunks_, seed)),
      tallies_(plan_.rules.size()) {
  // SQLite draws from its default file system once; a run must not depend on the one before.
  sqlite3_vfs_register(sqlite3_vfs_find(disk_.name().c_str()), 1);
  sqlite3_randomness(0, nullptr);
  loop_.share_turns([this] { return turns_.one_in(2); });
  for (std::size_t i = 0; i < plan_.publishers.size(); ++i) {
    publishers_.push_back(
        std::make_unique<Publisher>(plan_, i, loop_, network_->host("app" + std::to_string(i)),
                                    trace_, seed * 31 + i, plan_.chain ? "edge" : "leaf", [this] {
                                      if (!leaf_ || !leaf_->store)
                                        return ended_dead_;  // Its last word was still on its way.
                                      return leaf_->store->status().code() == Errc::kStorage;
                                    }));
  }
}

World::~World() {
  if (leaf_) end_leaf(false);
  if (hub_) end_hub();
  if (edge_) end_edge(false);
  network_.reset();
}

Config World::leaf_config() const {
  Config config;
  config.server_name = "leaf";
  RemoteConfig remote;
  remote.urls.emplace_back().host = "hub";
  config.remotes = {remote};
  config.mirror.enabled = true;
  config.mirror.dir = "/box";
  config.mirror.max_bytes = plan_.store_bytes_max;
  config.mirror.rules = plan_.rules;
  config.leaf_listen.enabled = plan_.chain;
  return config;
}

// It keeps all that the leaf does not confirm, so its own rules know no limits.
Config World::edge_config() const {
  Config config = leaf_config();
  config.server_name = "edge";
  config.leaf_listen.enabled = false;
  config.remotes.front().urls.front().host = "leaf";
  for (RuleConfig& rule : config.mirror.rules) {
    rule.max_messages = rule.max_bytes = 0;
    rule.max_age = {};
  }
  config.mirror.max_bytes = 64 << 20;
  return config;
}

Config World::hub_config() const {
  Config config;
  config.server_name = "hub";
  config.leaf_listen.enabled = true;
  if (plan_.hub == HubKind::kStream) config.leaf_listen.domain = "hub";
  // As a nats-server, but for some plain ones.
  config.leaf_listen.drops_repeats = plan_.drops_repeats;
  return config;
}

void World::after(Duration span, std::function<void()> task) {
  loop_.at(clock_.now() + span, std::move(task));
}

Host World::host_of(Process& process, const std::string& name, Logger& log) {
  return {process.loop,   clock_, network_->host(name), process.entropy, log,
          process.worker, chunks_};
}

void World::retry_leaf(Duration wait) {
  after(wait, [this] {
    if (!leaf_) start_leaf();
  });
}

void World::start_leaf() {
  ++restarts_;
  const auto delay = [this] { return dice_.span(200us, dice_.one_in(30) ? 300ms : 8ms); };
  // A disk that died in the middle of a commit takes the process with it.
  leaf_ = std::make_unique<Process>(loop_, dice_.below(UINT64_MAX), delay, [this] {
    if (leaf_ && disk_.died()) {
      end_leaf(cut_power_next_);
      retry_leaf(dice_.span(100ms, 20s));
    }
  });
  StoreOptions options{.dir = "/box", .bytes_max = plan_.store_bytes_max, .vfs = disk_.name()};
  StoreResult opened =
      open_store(options, leaf_->loop, leaf_->worker, clock_, dice_.below(UINT64_MAX));
  leaf_->store = std::move(opened.store);
  if (!leaf_->store || disk_.died()) {
    trace_.add("leaf", "does not start: " + opened.error);
    end_leaf(disk_.died() && cut_power_next_);
    return retry_leaf(dice_.span(500ms, 5s));
  }
  const StoreRecovery& recovery = leaf_->store->recovery();
  if (!recovery.quarantined.empty()) broken_ = "the database was taken for damaged";
  leaf_->agent =
      std::make_unique<Agent>(leaf_config_, host_of(*leaf_, "leaf", leaf_log_), leaf_->store.get());
  const Agent::Started started = leaf_->agent->start();
  if (!started.status.ok()) broken_ = "the leaf does not start: " + started.error;
  const json::object now = mirrorz(*leaf_);
  const json::array& rules = find(now, "rules")->get_array();
  for (std::size_t i = 0; i < tallies_.size(); ++i) {
    tallies_[i].at_start = sum_losses(find(rules[i].get_object(), "losses")->get_object());
  }
}

void World::start_hub() {
  hub_ = std::make_unique<Process>(
      loop_, dice_.below(UINT64_MAX), [] { return Duration(1ms); }, [] {});
  hub_->agent = std::make_unique<Agent>(hub_config_, host_of(*hub_, "hub", hub_log_), nullptr);
  stream_.attach(*hub_->agent->account("$G"));
  const Agent::Started started = hub_->agent->start();
  if (!started.status.ok()) broken_ = "the hub does not start: " + started.error;
  if (!plan_.late_interest) return stream_.show_interest();
  after(dice_.span({}, 15s), [this] { stream_.show_interest(); });
}

json::object World::mirrorz(Process& process) {
  const Result<json::value> body = parse_json(process.agent->monitor("/mirrorz"));
  return body.ok() && body->is_object() ? body->get_object() : json::object{};
}

// What the ledger says that this life has lost; asked before the life ends, since a count that is
// not on disk yet goes with it.
void World::count_losses() {
  const json::object now = mirrorz(*leaf_);
  storage_failed_ = storage_failed_ || get_string(now, "state") == "storage failed";
  const json::array& rules = find(now, "rules")->get_array();
  for (std::size_t i = 0; i < tallies_.size(); ++i) {
    const json::object& rule = rules[i].get_object();
    const json::object& losses = find(rule, "losses")->get_object();
    const std::uint64_t sum = sum_losses(losses);
    tallies_[i].losses += sum - std::min(sum, tallies_[i].at_start);
    tallies_[i].at_start = sum;
    tallies_[i].superseded = static_cast<std::uint64_t>(get_int(losses, "superseded"));
    if (plan_.rules[i].durability == Durability::kOutage && !stopped_) {
      tallies_[i].windows += static_cast<std::uint64_t>(get_int(rule, "messages"));
    }
  }
}

// As a service is stopped: no window may be lost, unless the disk takes nothing.
void World::stop_leaf() {
  trace_.add("world", "the leaf is asked to stop");
  leaf_->stopping = true;
  leaf_->agent->stop([this, life = restarts_] {
    after({}, [this, life] {
      if (!leaf_ || !leaf_->agent || life != restarts_) return;
      trace_.add("world", "the leaf stops");
      stopped_ = leaf_->store->status().ok();
      count_losses();
      stopped_ = false;
      note_dead_disk();
      network_->vanish("leaf", false);
      leaf_->agent.reset();
      leaf_->store.reset();  // Its last job is the worker's.
      after(1s, [this, life] {
        if (!leaf_ || life != restarts_) return;
        end_leaf(false);
        retry_leaf(dice_.span(100ms, 20s));
      });
    });
  });
}

void World::note_dead_disk() {
  const bool dead = leaf_->store && leaf_->store->status().code() == Errc::kStorage;
  ended_dead_ = dead;
  if (dead) dead_disks_.push_back(stream_.stored().size());
}

void World::end_leaf(bool power_cut) {
  trace_.add("world", power_cut ? "the leaf loses power" : "the leaf is killed");
  if (leaf_->agent) count_losses();
  note_dead_disk();
  network_->vanish("leaf", power_cut);
  leaf_->loop.end();
  leaf_->worker.end();
  leaf_->agent.reset();
  power_cut ? disk_.power_cut() : disk_.kill();
  leaf_->store.reset();
  leaf_.reset();
  cut_power_next_ = false;
}

void World::end_hub() {
  trace_.add("world", "the hub is killed");
  stream_.detach();
  network_->vanish("hub", false);
  hub_->loop.end();
  hub_->worker.end();
  hub_.reset();
}

void World::retry_edge(Duration wait) {
  after(wait, [this] {
    if (!edge_) start_edge();
  });
}

void World::start_edge() {
  edge_ = std::make_unique<Process>(
      loop_, dice_.below(UINT64_MAX), [] { return Duration(1ms); },
      [this] {
        if (!edge_ || !edge_disk_.died()) return;
        end_edge(cut_edge_power_next_);
        retry_edge(dice_.span(100ms, 20s));
      });
  StoreOptions options{
      .dir = "/box", .bytes_max = edge_config_.mirror.max_bytes, .vfs = edge_disk_.name()};
  edge_->store =
      open_store(options, edge_->loop, edge_->worker, clock_, dice_.below(UINT64_MAX)).store;
  if (!edge_->store || edge_disk_.died()) {
    end_edge(cut_edge_power_next_);
    return retry_edge(dice_.span(500ms, 5s));
  }
  edge_->agent =
      std::make_unique<Agent>(edge_config_, host_of(*edge_, "edge", edge_log_), edge_->store.get());
  const Agent::Started started = edge_->agent->start();
  if (!started.status.ok()) broken_ = "the edge does not start: " + started.error;
}

void World::end_edge(bool power_cut) {
  trace_.add("world", power_cut ? "the edge loses power" : "the edge is killed");
  network_->vanish("edge", power_cut);
  edge_->loop.end();
  edge_->worker.end();
  edge_->agent.reset();
  power_cut ? edge_disk_.power_cut() : edge_disk_.kill();
  edge_->store.reset();
  edge_.reset();
  cut_edge_power_next_ = false;
}

std::string World::run() {
  if (plan_.chain) start_edge();
  if (dice_.one_in(4)) {
    after(dice_.span({}, 30s), [this] {
      if (!hub_) start_hub();
    });
  } else {
    start_hub();
  }
  start_leaf();
  for (const auto& publisher : publishers_) publisher->start();
  next_fault();
  const Time end = clock_.now() + plan_.span;
  while (clock_.now() < end && broken_.empty()) {
    loop_.run_for(1s);
    broken_ = broken_.empty() ? watch() : broken_;
  }
  heal();
  const Time limit = clock_.now() + kDrainLimit;
  while (broken_.empty() && !drained() && clock_.now() < limit) {
    loop_.run_for(1s);
    broken_ = broken_.empty() ? watch() : broken_;
  }
  if (broken_.empty() && !drained()) broken_ = "not drained half an hour after all was healed";
  if (broken_.empty()) broken_ = verdict();
  if (broken_.empty()) return {};
  return broken_ + "\n" + dump();
}

std::string World::dump() {
  std::string text = plan_.describe() + "\n";
  for (const std::string& line : trace_.lines()) text += line + "\n";
  if (!leaf_ || !leaf_->agent) return text + "the leaf is down\n";
  return text + leaf_->agent->monitor("/mirrorz") + "\n" + leaf_->agent->monitor("/linkz") + "\n";
}

}  // namespace petiole::test
