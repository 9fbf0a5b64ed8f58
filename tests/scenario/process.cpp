#include "tests/scenario/process.h"

#include <utility>

namespace petiole::test {

std::function<void()> ProcessLoop::guard(std::function<void()> task) {
  return [alive = std::weak_ptr<int>(alive_), task = std::move(task)] {
    if (!alive.expired()) task();
  };
}

ProcessWorker::ProcessWorker(SimLoop& loop, std::function<Duration()> delay,
                             std::function<void()> after_job)
    : loop_(loop), delay_(std::move(delay)), after_job_(std::move(after_job)) {}

// Jobs hold files open: they go at once.
void ProcessWorker::end() {
  ended_ = true;
  alive_.reset();
  jobs_.clear();
}

void ProcessWorker::run(std::function<void()> job) {
  if (ended_) return;
  jobs_.push_back(std::move(job));
  if (!busy_) next();
}

void ProcessWorker::next() {
  busy_ = true;
  loop_.at(loop_.clock().now() + delay_(), [this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) work();
  });
}

void ProcessWorker::work() {
  std::function<void()> job = std::move(jobs_.front());
  jobs_.pop_front();
  job();
  job = {};
  const std::weak_ptr<int> alive(alive_);
  const std::function<void()> after = after_job_;
  after();
  if (alive.expired()) return;
  busy_ = false;
  if (!jobs_.empty()) next();
}

}  // namespace petiole::test
