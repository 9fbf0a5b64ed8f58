// What the store costs on this machine's disk: durable messages a second, bytes written for each,
// the time and memory of a reopen.
//
// Usage: store_bench [--small] [directory]. Every commit is synced. Each case is one run on a new
// directory; noise of the disk is part of the result.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

#include "storage/store.h"

namespace petiole {
namespace {

using Seconds = std::chrono::duration<double>;
using SteadyClock = std::chrono::steady_clock;

class RealClock : public Clock {
 public:
  Time now() const override { return Time(SteadyClock::now().time_since_epoch()); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

// Tasks from any thread, run by the one that calls run_until().
class BenchLoop : public Loop {
 public:
  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    wake_.notify_one();
  }
  void at_turn_end(std::function<void()> task) override { turn_end_.push_back(std::move(task)); }
  std::unique_ptr<Timer> make_timer(std::function<void()>) override {
    return std::make_unique<NoTimer>();
  }

  void end_turn() {
    while (!turn_end_.empty()) {
      for (const auto& task : std::exchange(turn_end_, {})) task();
    }
  }
  // One turn: what was posted, after waiting for it if `wait`.
  void turn(bool wait) {
    std::deque<std::function<void()>> tasks;
    {
      std::unique_lock lock(mutex_);
      if (wait) wake_.wait(lock, [this] { return !tasks_.empty(); });
      tasks.swap(tasks_);
    }
    for (const auto& task : tasks) task();
    end_turn();
  }

 private:
  struct NoTimer : Timer {
    void arm(Time) override {}
    void cancel() override {}
  };
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::function<void()>> turn_end_;
};

class BenchWorker : public Worker {
 public:
  BenchWorker() : thread_([this] { work(); }) {}
  ~BenchWorker() override {
    run(nullptr);
    thread_.join();
  }
  void run(std::function<void()> job) override {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    wake_.notify_one();
  }

 private:
  void work() {
    while (true) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !jobs_.empty(); });
      const std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      if (!job) return;
      job();
    }
  }
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::thread thread_;
};

// A store with its loop and worker; the directory outlives it.
struct Box {
  explicit Box(const std::string& dir) {
    StoreOptions options;
    options.dir = dir;
    StoreResult result = open_store(options, loop, worker, clock, 42);
    if (!result.store) {
      std::fprintf(stderr, "%s\n", result.error.c_str());
      std::exit(2);
    }
    store = std::move(result.store);
  }
  RealClock clock;
  BenchLoop loop;
  BenchWorker worker;
  std::unique_ptr<Store> store;
};

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  long pages = 0, resident = 0;
  file >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

struct Line {
  const char* name;
  std::size_t messages;
  double seconds;
  std::uint64_t bytes_before, bytes_after;
  void print() const {
    std::printf("%-34s %10.0f msg/s %8.0f B written/msg\n", name,
                static_cast<double>(messages) / seconds,
                static_cast<double>(bytes_after - bytes_before) / static_cast<double>(messages));
    std::fflush(stdout);
  }
};

void wait_durable(Box& box) {
  bool done = false;
  box.store->when_durable([&done](Status) { done = true; });
  box.loop.end_turn();
  while (!done) box.loop.turn(true);
}

// `batch` appends, then a wait for the disk; 0: as fast as they come, the disk sets the groups.
void append_case(const std::string& dir, const char* name, std::size_t batch,
                 std::size_t messages) {
  std::filesystem::remove_all(dir);
  Box box(dir);
  Log& log = box.store->log("bench");
  wait_durable(box);
  const std::string payload(128, 'p');
  const std::uint64_t before = box.store->usage().bytes_written;
  const auto start = SteadyClock::now();
  std::size_t sent = 0;
  while (sent < messages) {
    const std::size_t turn = batch == 0 ? 64 : batch;
    for (std::size_t i = 0; i < turn && sent < messages; ++i) {
      if (log.append({.sequence = 0,
                      .time = box.clock.wall(),
                      .subject = "plant.line1.temperature",
                      .header = {},
                      .payload = payload}) == 0) {
        break;
      }
      ++sent;
    }
    if (batch == 0) box.loop.turn(!box.store->status().ok());
    if (batch != 0) wait_durable(box);
  }
  wait_durable(box);
  const double seconds = Seconds(SteadyClock::now() - start).count();
  Line{name, messages, seconds, before, box.store->usage().bytes_written}.print();
}

void overwrite_case(const std::string& dir, std::size_t keys, std::size_t messages) {
  std::filesystem::remove_all(dir);
  Box box(dir);
  Log& log = box.store->log("bench");
  const std::string payload(128, 'p');
  std::vector<Sequence> newest(keys, 0);
  std::uint64_t x = 1;
  std::uint64_t before = 0;
  auto start = SteadyClock::now();
  // One round to fill it, then those that count.
  for (std::size_t i = 0; i < keys + messages; ++i) {
    if (i == keys) {
      wait_durable(box);
      before = box.store->usage().bytes_written;
      start = SteadyClock::now();
    }
    x = x * 6364136223846793005u + 1442695040888963407u;
    Sequence& last = newest[i < keys ? i : (x >> 33) % keys];
    if (last != 0) log.remove(last);
    last = log.append({.sequence = 0,
                       .time = box.clock.wall(),
                       .subject = "state.pump",
                       .header = {},
                       .payload = payload});
    if (i % 1000 == 999) wait_durable(box);
  }
  wait_durable(box);
  const double seconds = Seconds(SteadyClock::now() - start).count();
  Line{"keep last, random keys, by 1000", messages, seconds, before,
       box.store->usage().bytes_written}
      .print();
  std::printf("%-34s %10.1f MiB for %.1f MiB live\n", "  files",
              static_cast<double>(box.store->usage().file_bytes) / (1 << 20),
              static_cast<double>(box.store->usage().live_bytes) / (1 << 20));
}

// Works a backlog off while it is read: what the mirror does after an outage.
void drain_case(const std::string& dir, std::size_t messages) {
  Box box(dir);
  Log& log = box.store->log("bench");
  const auto start = SteadyClock::now();
  const std::uint64_t before = box.store->usage().bytes_written;
  Sequence after = 0;
  std::size_t seen = 0;
  bool more = true;
  while (more) {
    bool answered = false;
    log.read(after, 256, 1 << 20, [&](Result<Page> page) {
      answered = true;
      more = page.ok() && !page->records.empty();
      if (!more) return;
      seen += page->records.size();
      after = page->next;
      log.trim(after);
    });
    while (!answered) box.loop.turn(true);
  }
  wait_durable(box);
  const double seconds = Seconds(SteadyClock::now() - start).count();
  Line{"read 256 and trim", seen, seconds, before, box.store->usage().bytes_written}.print();
  if (seen != messages) std::printf("%zu of %zu messages\n", seen, messages);
}

void reopen_case(const std::string& dir, std::size_t messages) {
  append_case(dir, "append, free running, backlog", 0, messages);
  const double before = resident_mib();
  const auto start = SteadyClock::now();
  {
    Box box(dir);
    const double seconds = Seconds(SteadyClock::now() - start).count();
    std::printf("%-34s %10.3f s     %8.1f MiB more, %llu messages\n", "reopen", seconds,
                resident_mib() - before,
                static_cast<unsigned long long>(box.store->log("bench").state().messages));
  }
  drain_case(dir, messages);
}

}  // namespace
}  // namespace petiole

int main(int argc, char** argv) {
  bool small = false;
  std::string dir =
      (std::filesystem::temp_directory_path() / ("store_bench-" + std::to_string(getpid())))
          .string();
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--small") {
      small = true;
    } else {
      dir = argv[i];
    }
  }
  const std::size_t unit = small ? 1 : 100;
  petiole::append_case(dir, "append 128 B, 1 a commit", 1, 50 * unit);
  petiole::append_case(dir, "append 128 B, 100 a commit", 100, 2000 * unit);
  petiole::append_case(dir, "append 128 B, 1000 a commit", 1000, 10000 * unit);
  petiole::append_case(dir, "append 128 B, free running", 0, 10000 * unit);
  petiole::overwrite_case(dir, 1000 * unit, 5000 * unit);
  petiole::reopen_case(dir, 10000 * unit);
  std::filesystem::remove_all(dir);
  return 0;
}
