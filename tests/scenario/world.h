// A leaf with its disk, a hub, and publishers, all in this process on one simulated clock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.h"
#include "platform/json.h"
#include "tests/scenario/model_stream.h"
#include "tests/scenario/plan.h"
#include "tests/scenario/process.h"
#include "tests/scenario/publisher.h"
#include "tests/scenario/trace.h"
#include "tests/support/sim_disk.h"
#include "tests/support/sim_network.h"

namespace petiole::test {

// What is written in the ledger of a rule, and what the run allows beyond it.
struct RuleTally {
  std::uint64_t losses = 0;    // Over all lives, without what was superseded.
  std::uint64_t at_start = 0;  // Of the ledger, of the life that runs.
  std::uint64_t superseded = 0;
  std::uint64_t windows = 0;  // Of an outage rule, in memory when the process was killed.
};

class World {
 public:
  World(std::uint64_t seed, bool chain, bool print);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Empty: all invariants held. Else what broke, with a dump.
  std::string run();
  std::uint64_t hash() const { return trace_.hash(); }

 private:
  struct Process {
    Process(SimLoop& sim, std::uint64_t seed, std::function<Duration()> delay,
            std::function<void()> after_job)
        : loop(sim), worker(sim, std::move(delay), std::move(after_job)), entropy(seed) {}
    ProcessLoop loop;
    ProcessWorker worker;
    SimEntropy entropy;
    std::unique_ptr<Store> store;
    std::unique_ptr<Agent> agent;
    bool stopping = false;
  };

  // world.cpp
  Config leaf_config() const;
  Config hub_config() const;
  Config edge_config() const;
  Host host_of(Process& process, const std::string& name, Logger& log);
  void start_leaf();
  void start_hub();
  void start_edge();
  void end_edge(bool power_cut);
  void retry_edge(Duration wait);
  void note_dead_disk();
  void end_leaf(bool power_cut);
  void stop_leaf();
  void end_hub();
  void retry_leaf(Duration wait);
  void count_losses();
  static json::object mirrorz(Process& process);
  void after(Duration span, std::function<void()> task);
  std::string dump();

  // faults.cpp
  void next_fault();
  void amid(std::function<void()> task);
  void fault();
  using Ends = std::pair<std::string, std::string>;
  Ends pick_path();
  void cut_path();
  void cut_client();
  void reload_leaf();
  void read_again(bool with_hub);
  void worsen_path();
  void strike_leaf();
  void strike_edge();
  void strike_hub();
  void strike_disk();
  void heal();
  void heal_disk();

  // verdict.cpp
  std::string watch();  // What must hold at any time.
  bool drained();
  std::string verdict();
  std::string check_stream();
  std::string check_losses(std::size_t rule) const;
  std::string check_sum(std::size_t rule);
  std::string check_rule(std::size_t rule);
  std::string check_last(std::size_t rule);

  Plan plan_;
  Dice dice_, turns_;
  SimClock clock_;
  Trace trace_;
  SimDisk disk_, edge_disk_;
  SimLoop loop_{clock_};
  ChunkPool chunks_;
  TraceLog leaf_log_, hub_log_, edge_log_;
  Config leaf_config_, hub_config_, edge_config_;
  ModelStream stream_;
  std::unique_ptr<SimNetwork> network_;
  std::unique_ptr<Process> leaf_, hub_;
  std::unique_ptr<Process> edge_;  // Behind the leaf; null: there is none, or it is down.
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<RuleTally> tallies_;
  bool healing_ = false, storage_failed_ = false, disk_hurt_ = false, stopped_ = false;
  bool cut_power_next_ = false, cut_edge_power_next_ = false;
  std::string broken_;
  // Messages in the stream when an agent ended whose disk had failed for good.
  std::vector<std::size_t> dead_disks_;
  bool ended_dead_ = false;  // The disk had failed of the leaf that ended last.
  std::uint64_t restarts_ = 0, reloads_ = 0;
};

}  // namespace petiole::test
