#include "platform/thread_worker.h"

#include <pthread.h>

#include <csignal>
#include <system_error>
#include <utility>

#include "platform/slice.h"

namespace petiole {

ThreadWorker::~ThreadWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void ThreadWorker::run(std::function<void()> job) {
  if (!enqueue(job)) return job();
  wake_.notify_one();
}

bool ThreadWorker::enqueue(std::function<void()>& job) {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable() && !start()) return false;
  queue_.push_back(std::move(job));
  return true;
}

bool ThreadWorker::start() {
  // Signals are the loop's: a worker that took one would interrupt a commit.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { work(); });
    pthread_setname_np(thread_.native_handle(), name_);
  } catch (const std::system_error&) {
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread_.joinable();
}

void ThreadWorker::work() {
  ask_for_slices(Duration::zero());
  give_way(static_cast<int>(niceness_));
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
