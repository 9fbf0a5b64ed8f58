// A store on the simulated loop, worker and disk (or a real directory), and calls that wait.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "storage/store.h"
#include "tests/support/sim.h"
#include "tests/support/sim_disk.h"

namespace petiole::test {

using namespace std::chrono_literals;

// Of a walk over the steps of something. Each eighth of them where PETIOLE_SEEDS asks for parts.
inline std::uint64_t stride_of(std::uint64_t whole) {
  return std::getenv("PETIOLE_SEEDS") != nullptr ? 8 * whole : whole;
}

struct StoreBox {
  explicit StoreBox(std::uint64_t seed = 1)
      : disk("sim-" + std::to_string(seed), seed), entropy(seed) {
    options.dir = "/box";
    options.vfs = disk.name();
  }
  ~StoreBox() { close(); }

  bool open() {
    StoreResult result = open_store(options, loop, worker, clock, entropy.number());
    store = std::move(result.store);
    status = result.status;
    error = result.error;
    return store != nullptr;
  }
  // Ends the store as the product does, and runs what that leaves to do.
  void close() {
    store.reset();
    loop.run_for(1s);
  }
  // The process dies: nothing that it had not written comes to disk.
  void kill() {
    disk.kill();
    close();
  }
  void power_cut() {
    disk.power_cut();
    close();
  }
  Sequence append(const std::string& log, const std::string& payload,
                  const std::string& subject = "s.x") {
    return store->log(log).append({.sequence = 0,
                                   .time = clock.wall(),
                                   .subject = subject,
                                   .header = {},
                                   .payload = payload});
  }
  Status sync() {
    auto answer = std::make_shared<Status>(Errc::kTimeout, "no answer");
    store->when_durable([answer](Status done) { *answer = done; });
    loop.run_for(20ms);
    return *answer;
  }
  Result<Page> read(const std::string& log, Sequence after, std::size_t count = 256,
                    std::size_t bytes = 1 << 20) {
    auto result = std::make_shared<Result<Page>>(Errc::kTimeout, "no answer");
    store->log(log).read(after, count, bytes,
                         [result](Result<Page> page) { *result = std::move(page); });
    loop.run_for(20ms);
    return *result;
  }
  // All records of the log, by as many reads as it takes.
  std::vector<std::pair<Sequence, std::string>> all(const std::string& log) {
    std::vector<std::pair<Sequence, std::string>> records;
    Sequence after = 0;
    while (true) {
      const Result<Page> page = read(log, after, 100);
      if (!page.ok() || page->records.empty()) return records;
      for (const RecordView& record : page->records) {
        records.emplace_back(record.sequence, std::string(record.payload));
      }
      after = page->next;
    }
  }

  SimClock clock;
  SimLoop loop{clock};
  Duration job_takes = 1ms;
  SimWorker worker{loop, [this] { return job_takes; }};
  SimDisk disk;
  SimEntropy entropy;
  StoreOptions options;
  std::unique_ptr<Store> store;
  Status status;
  std::string error;
};

}  // namespace petiole::test
