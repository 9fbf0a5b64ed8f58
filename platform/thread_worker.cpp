#include "platform/thread_worker.h"

#include <pthread.h>
#include <sys/resource.h>

#include <csignal>
#include <utility>

namespace petiole {

namespace {
// The loop, when it has work, gets three times as much of a core, and a job that is handed over
// does not push the loop from its core.
constexpr int kNiceness = 5;
}  // namespace

ThreadWorker::ThreadWorker(const char* name) {
  // Signals are the loop's: a worker that took one would interrupt a commit.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), name);
}

ThreadWorker::~ThreadWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ThreadWorker::run(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void ThreadWorker::work() {
  // On Linux the priority is the calling thread's; relative to what somebody chose for all of us.
  ::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) + kNiceness);
  std::vector<std::function<void()>> jobs;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      jobs.swap(queue_);
    }
    for (std::function<void()>& job : jobs) std::exchange(job, nullptr)();
    jobs.clear();
  }
}

}  // namespace petiole
