// Takes the clients of a server that is about to leave away from it, one by one. Wire 1.12.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "agent/server.h"

namespace petiole {

// The first client is closed after lame_duck_grace, the others spread at random over what remains
// of lame_duck_duration; then `done` is called. Loop thread.
class LameDuck {
 public:
  LameDuck(Server& server, std::function<void()> done);

 private:
  void close_one();

  Server& server_;
  std::function<void()> done_;
  bool begun_ = false;
  std::uint64_t last_ = 0;  // The number of the one that was closed last.
  Duration gap_{};          // Between two, at most; half of it at least.
  std::unique_ptr<Timer> timer_;
};

}  // namespace petiole
