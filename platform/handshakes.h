// The server's part of TLS handshakes, away from the loop: a signature takes about a millisecond,
// and a thousand clients that come back at once must not hold up those that are connected.
//
// One thread, of a lower priority than the loop's, started with the first handshake. All calls are
// on the loop's thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "platform/layer.h"
#include "platform/thread_worker.h"

namespace petiole {

// One call of Layer::receive: the loop's before run() and after done(), the thread's in between.
struct HandshakeStep {
  Layer* layer = nullptr;
  std::string input, plain, wire;
  Status status;
  Duration time_left{};                // Of the peer's time-out; our own queue does not count.
  std::atomic<bool> abandoned{false};  // Set by the loop: the connection is over.
};

class Handshakes {
 public:
  // Calls the step's layer on the thread, then `done` there; who keeps the layer alive is `done`,
  // and it must see to it that it is not destroyed on that thread.
  void run(std::shared_ptr<HandshakeStep> step, std::function<void()> done);
  // What still waits is passed over, and the thread ends.
  void stop();

 private:
  std::unique_ptr<ThreadWorker> thread_;
  std::shared_ptr<std::atomic<bool>> stopped_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace petiole
