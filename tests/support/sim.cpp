#include "tests/support/sim.h"

#include <algorithm>

namespace petiole::test {

namespace {

class SimTimer : public Timer {
 public:
  SimTimer(SimLoop& loop, std::function<void()> fire) : loop_(loop), fire_(std::move(fire)) {}
  ~SimTimer() override { cancel(); }
  void arm(Time when) override {
    cancel();
    armed_ = true;
    handle_ = loop_.at(when, [this] {
      armed_ = false;
      fire_();
    });
  }
  void cancel() override {
    if (armed_) loop_.cancel(handle_);
    armed_ = false;
  }

 private:
  SimLoop& loop_;
  std::function<void()> fire_;
  SimLoop::Handle handle_{};
  bool armed_ = false;
};

}  // namespace

void SimLog::write(LogLevel level, std::string_view text) {
  static constexpr const char* kNames[] = {"FTL ", "ERR ", "WRN ", "INF ", "DBG ", "TRC "};
  if (lines_.size() == 1000) lines_.erase(lines_.begin(), lines_.begin() + 500);
  lines_.push_back(kNames[static_cast<int>(level)] + std::string(text));
}

bool SimLog::contains(std::string_view text) const {
  return std::any_of(lines_.begin(), lines_.end(),
                     [&](const std::string& line) { return line.find(text) != line.npos; });
}

std::unique_ptr<Timer> SimLoop::make_timer(std::function<void()> fire) {
  return std::make_unique<SimTimer>(*this, std::move(fire));
}

SimLoop::Handle SimLoop::at(Time when, std::function<void()> task) {
  const Handle handle{std::max(when, clock_.now()), ++made_};
  events_.emplace(handle, std::move(task));
  return handle;
}

bool SimLoop::step(Time limit) {
  if (events_.empty() || events_.begin()->first.first > limit) return false;
  clock_.move_to(events_.begin()->first.first);
  do {
    const auto event = events_.extract(events_.begin());
    event.mapped()();
  } while (!events_.empty() && events_.begin()->first.first <= clock_.now() && shared_ &&
           shared_());
  end_turn();
  return true;
}

void SimLoop::end_turn() {
  while (!turn_end_.empty()) {
    const std::vector<std::function<void()>> tasks = std::exchange(turn_end_, {});
    for (const auto& task : tasks) task();
  }
}

void SimLoop::run_for(Duration span) {
  const Time end = clock_.now() + span;
  end_turn();
  while (step(end)) {
  }
  clock_.move_to(end);
}

bool SimLoop::run_until(const std::function<bool()>& done, Duration span) {
  const Time end = clock_.now() + span;
  end_turn();
  while (!done() && step(end)) {
  }
  return done();
}

void SimLoop::run_idle() {
  end_turn();
  while (step(clock_.now())) {
  }
}

void SimWorker::run(std::function<void()> job) {
  free_at_ = std::max(free_at_, loop_.clock().now()) + delay_();
  loop_.at(free_at_, std::move(job));
}

std::string FakeWire::take() {
  std::string text;
  std::string_view pieces[16];
  while (const std::size_t count = output_.gather(pieces)) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      text.append(pieces[i]);
      bytes += pieces[i].size();
    }
    output_.consume(bytes);
  }
  return text;
}

}  // namespace petiole::test
