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
  // How much the thread gives way, in the system's niceness, relative to what was chosen for the
  // process. At 5 the loop, when both have work, gets three times as much of a core. At 10 nine
  // times, and it is on a core again far sooner; beside programs that leave no core idle a commit
  // still takes milliseconds. (p99 of requests beside a store that writes all it can: 440 us with
  // 5, 190 with 10, 160 with 19; a commit beside two such programs: 4 ms, 5 ms, 28 ms.)
  enum class Niceness { kSomewhat = 5, kMuch = 10 };
  // The name: at most 15 characters, as `top -H` shows them, of static storage.
  explicit ThreadWorker(const char* name, Niceness niceness = Niceness::kSomewhat)
      : name_(name), niceness_(niceness) {}
  ~ThreadWorker() override;  // Finishes all jobs.
  void run(std::function<void()> job) override;

 private:
  bool enqueue(std::function<void()>& job);  // False, and the job untouched, without a thread.
  bool start();
  void work();

  const char* const name_;
  const Niceness niceness_;
  std::mutex mutex_;  // Guards the rest; held for a swap, never for a job.
  std::condition_variable wake_;
  std::vector<std::function<void()>> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace petiole
