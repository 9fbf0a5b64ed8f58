// Signals as calls on the loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "platform/asio_loop.h"
#include "platform/status.h"

namespace petiole {

// What nats-server makes of each: stop, stop, reload, reopen the log, lame duck.
enum class Signal : std::uint8_t { kInterrupt, kTerminate, kHangUp, kUser1, kUser2 };

// Takes the five signals while it lives, and ignores SIGPIPE and SIGXFSZ from then on: a peer or a
// pipe that is gone, a file that may not grow, are told by an error. `caught` runs on the loop's
// thread.
class Signals {
 public:
  Signals(AsioLoop& loop, std::function<void(Signal)> caught);
  ~Signals();

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;
};

// From the start on until there are Signals: a reload, a renamed log or a lame duck that is asked
// for meanwhile is put off until then, and does not end the process; nor does a pipe that is gone.
// The other two do. Call before other threads are started.
void hold_signals();

// For `-sl`. Errors: kNotFound (no such process), kPermission.
Status send_signal(int pid, Signal signal);
// SIGKILL, for `-sl stop`.
Status kill_process(int pid);
bool process_exists(int pid);

}  // namespace petiole
