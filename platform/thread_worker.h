// A Worker on one thread of its own, of a lower priority than the loop's: the store's commits; the
// slow pure functions.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "platform/loop.h"

namespace petiole {

class ThreadWorker final : public Worker {
 public:
  explicit ThreadWorker(const char* name);  // At most 15 characters, as `top -H` shows them.
  ~ThreadWorker() override;                 // Finishes all jobs.
  void run(std::function<void()> job) override;

 private:
  void work();

  std::mutex mutex_;  // Guards queue_ and stopping_; held for a swap, never for a job.
  std::condition_variable wake_;
  std::vector<std::function<void()>> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace petiole
