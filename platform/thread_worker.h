// A Worker on one thread of its own, of a lower priority than the loop's: the store's commits; the
// slow pure functions. The thread begins with the first job; where the system gives none, that job
// is done by the caller, and the next one asks again.
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
  // At most 15 characters, as `top -H` shows them, of static storage.
  explicit ThreadWorker(const char* name) : name_(name) {}
  ~ThreadWorker() override;  // Finishes all jobs.
  void run(std::function<void()> job) override;

 private:
  bool start();
  void work();

  const char* const name_;
  std::mutex mutex_;  // Guards the rest; held for a swap, never for a job.
  std::condition_variable wake_;
  std::vector<std::function<void()>> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace petiole
