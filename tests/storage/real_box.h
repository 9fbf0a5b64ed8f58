// A store on the real disk.
#pragma once

#include <sqlite3.h>

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

// SQLite's calls to the system go through a table.
class SystemCalls {
 public:
  explicit SystemCalls(const char* name, sqlite3_syscall_ptr call) {
    for (const std::string& each : {std::string(name), std::string(name) + "64"}) {
      (void)vfs_->xSetSystemCall(vfs_, each.c_str(), call);
    }
  }
  ~SystemCalls() { (void)vfs_->xSetSystemCall(vfs_, nullptr, nullptr); }
  SystemCalls(const SystemCalls&) = delete;
  SystemCalls& operator=(const SystemCalls&) = delete;

 private:
  sqlite3_vfs* vfs_ = sqlite3_vfs_find(nullptr);
};

}  // namespace petiole::test
