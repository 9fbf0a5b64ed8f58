// A store on the real disk.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "storage/store.h"
#include "tests/support/sim.h"

namespace petiole::test {

// Loop and worker are simulated and the disk is not: one thread, so that it may be forked.
struct RealBox {
  explicit RealBox(const std::string& dir) {
    StoreOptions options;
    options.dir = dir;
    StoreResult result = open_store(options, loop, worker, clock, 7);
    error = result.error;
    store = std::move(result.store);
  }
  ~RealBox() {
    store.reset();
    loop.run_for(std::chrono::seconds(1));
  }
  SimClock clock;
  SimLoop loop{clock};
  SimWorker worker{loop, [] { return Duration(std::chrono::milliseconds(1)); }};
  std::unique_ptr<Store> store;
  std::string error;
};

}  // namespace petiole::test
