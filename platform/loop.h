// The loop: one thread that owns all state of the agent.
#pragma once

#include <functional>
#include <memory>

#include "platform/time.h"

namespace petiole {

// Calls its function once, at or after the time that it is armed for. Destroying it cancels.
class Timer {
 public:
  virtual ~Timer() = default;
  virtual void arm(Time when) = 0;  // Replaces an earlier time.
  virtual void cancel() = 0;
};

class Loop {
 public:
  virtual ~Loop() = default;

  // Runs `task` on the loop's thread, in a later turn, in the order of the calls. Any thread.
  virtual void post(std::function<void()> task) = 0;

  // Runs `task` on the loop's thread after this turn's events and before its flush. Loop thread.
  virtual void at_turn_end(std::function<void()> task) = 0;

  // `fire` runs on the loop's thread. Loop thread.
  virtual std::unique_ptr<Timer> make_timer(std::function<void()> fire) = 0;
};

// Runs jobs one after the other, away from the loop: a thread in the product, a simulated delay
// in a scenario. Destroying it finishes the jobs that were given to it.
class Worker {
 public:
  virtual ~Worker() = default;
  // Any thread. `job` may block.
  virtual void run(std::function<void()> job) = 0;
};

}  // namespace petiole
