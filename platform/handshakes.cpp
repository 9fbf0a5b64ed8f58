#include "platform/handshakes.h"

#include <sys/resource.h>

#include <utility>

namespace petiole {

namespace {
constexpr int kNiceness = 5;  // The loop, when it has work, gets three times as much of a core.
}  // namespace

void Handshakes::run(std::shared_ptr<HandshakeStep> step, std::function<void()> done) {
  if (!thread_) {
    thread_ = std::make_unique<ThreadWorker>("petiole-tls");
    // On Linux the priority is the calling thread's.
    thread_->run([] { ::setpriority(PRIO_PROCESS, 0, kNiceness); });
  }
  thread_->run([step = std::move(step), done = std::move(done), stopped = stopped_] {
    if (!step->abandoned && !*stopped) {
      step->status = step->layer->receive(step->input, step->plain, step->wire);
    }
    done();
  });
}

void Handshakes::stop() {
  *stopped_ = true;
  thread_.reset();
  stopped_ = std::make_shared<std::atomic<bool>>(false);
}

}  // namespace petiole
