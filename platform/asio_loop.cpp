#include "platform/asio_loop.h"

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <utility>

#include "platform/loop_core.h"
#include "platform/slice.h"

namespace petiole {

namespace {

// Events of one turn: more would let the first answer wait for the last request.
constexpr int kEventsPerTurn = 64;
// After so many turns in a row that had one event each a second one is looked for, which is a
// system call, in every so many turns only. Nothing waits for the look: what is ready besides is
// queued, first come first served, and is the event of the next turn, which then does not block.
// Until the next look finds it, each has a flush of its own.
constexpr unsigned kTurnsAlone = 8;
constexpr Duration kSlice = std::chrono::microseconds(500);  // A turn is shorter.

class LoopTimer final : public Timer, private Deadline {
 public:
  LoopTimer(Deadlines& deadlines, std::function<void()> fire)
      : Deadline(deadlines), fire_(std::make_shared<std::function<void()>>(std::move(fire))) {}
  void arm(Time when) override { Deadline::arm(when); }
  void cancel() override { disarm(); }

 private:
  void due(Time) override {
    const auto hold = fire_;  // The function may destroy this timer.
    (*hold)();
  }

  std::shared_ptr<std::function<void()>> fire_;
};

std::chrono::steady_clock::time_point steady(Time when) {
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(when.time_since_epoch()));
}

}  // namespace

AsioLoop::AsioLoop(const Clock& clock) : core_(std::make_unique<LoopCore>(clock)) {}
AsioLoop::~AsioLoop() = default;

void AsioLoop::run() {
  ask_for_slices(kSlice);
  const auto work = asio::make_work_guard(core_->io);
  while (!core_->stopping.exchange(false)) turn();
}

void AsioLoop::stop() {
  core_->stopping = true;
  asio::post(core_->io, [] {});
}

void AsioLoop::turn() {
  const auto work = asio::make_work_guard(core_->io);
  core_->io.restart();
  set_timer();  // For what was armed between turns.
  const bool pending = !core_->turn_end.empty() || !core_->flush_list.empty();
  const bool look = core_->turns_alone < kTurnsAlone || core_->turns_alone % kTurnsAlone == 0;
  std::size_t ran = pending ? core_->io.poll_one() : core_->io.run_one();
  int events = 1;
  for (; look && ran != 0 && events < kEventsPerTurn; ++events) ran = core_->io.poll_one();
  core_->turns_alone = events > 2 ? 0 : core_->turns_alone + 1;  // The last look found none.
  end_turn();
}

void AsioLoop::end_turn() {
  while (!core_->turn_end.empty()) {
    const auto tasks = std::exchange(core_->turn_end, {});
    for (const auto& task : tasks) task();
  }
  core_->flush_list.flush();
  core_->question = false;
  set_timer();
}

// The timer is only ever moved forward: one that fires for a deadline that has gone is a wake-up
// for nothing, which costs less than a system call for each deadline that moves back.
void AsioLoop::set_timer() {
  const Time next = core_->deadlines.next();
  if (next >= core_->timer_at) return;
  core_->timer_at = next;
  core_->timer.expires_at(steady(next));
  core_->timer.async_wait([core = core_.get()](std::error_code error) {
    if (error) return;
    core->timer_at = kNever;
    core->deadlines.run(core->now());
  });
}

void AsioLoop::post(std::function<void()> task) { asio::post(core_->io, std::move(task)); }

void AsioLoop::at_turn_end(std::function<void()> task) {
  core_->turn_end.push_back(std::move(task));
}

std::unique_ptr<Timer> AsioLoop::make_timer(std::function<void()> fire) {
  return std::make_unique<LoopTimer>(core_->deadlines, std::move(fire));
}

}  // namespace petiole
