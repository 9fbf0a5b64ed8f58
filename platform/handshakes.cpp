#include "platform/handshakes.h"

#include <utility>

namespace petiole {

void Handshakes::run(std::shared_ptr<HandshakeStep> step, std::function<void()> done) {
  if (!thread_) thread_ = std::make_unique<ThreadWorker>("petiole-tls");
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
