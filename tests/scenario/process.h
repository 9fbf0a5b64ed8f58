// One life of an operating system process: its loop and its worker run nothing once it has ended.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "tests/support/sim.h"

namespace petiole::test {

class ProcessLoop final : public Loop {
 public:
  explicit ProcessLoop(SimLoop& loop) : loop_(loop) {}
  void end() { alive_.reset(); }

  void post(std::function<void()> task) override { loop_.post(guard(std::move(task))); }
  void at_turn_end(std::function<void()> task) override {
    loop_.at_turn_end(guard(std::move(task)));
  }
  std::unique_ptr<Timer> make_timer(std::function<void()> fire) override {
    return loop_.make_timer(guard(std::move(fire)));
  }

 private:
  std::function<void()> guard(std::function<void()> task);

  SimLoop& loop_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

class ProcessWorker final : public Worker {
 public:
  // `after_job` may destroy the worker.
  ProcessWorker(SimLoop& loop, std::function<Duration()> delay, std::function<void()> after_job);
  void end();
  void run(std::function<void()> job) override;

 private:
  void next();
  void work();

  SimLoop& loop_;
  std::function<Duration()> delay_;
  std::function<void()> after_job_;
  std::deque<std::function<void()>> jobs_;
  bool busy_ = false, ended_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace petiole::test
