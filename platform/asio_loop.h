// The loop of the product: standalone Asio, one thread, one flush a turn.
#pragma once

#include <memory>

#include "platform/loop.h"
#include "platform/time.h"

namespace petiole {

struct LoopCore;

// A turn is: wait for an event; run what else is ready, up to a bound, which is looked for less
// often while nothing is found; run the turn's-end tasks; flush every connection that has output,
// once; set the timer to the earliest deadline.
class AsioLoop final : public Loop {
 public:
  explicit AsioLoop(const Clock& clock);
  ~AsioLoop() override;

  void run();   // Until stop(); the calling thread is the loop's thread.
  void stop();  // Any thread. run() returns after the turn under way.
  void turn();  // One turn; blocks until there is an event.

  void post(std::function<void()> task) override;
  void at_turn_end(std::function<void()> task) override;
  std::unique_ptr<Timer> make_timer(std::function<void()> fire) override;

  LoopCore& core() { return *core_; }

 private:
  void end_turn();
  void set_timer();

  std::unique_ptr<LoopCore> core_;
};

}  // namespace petiole
