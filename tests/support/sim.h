// A machine that exists in memory: clock, loop, worker, entropy and log on simulated time.
//
// Time moves only in run_for / run_until / run_idle, from one due event to the next, so a run is a
// function of the seed alone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "platform/host.h"

namespace petiole::test {

class SimClock : public Clock {
 public:
  Time now() const override { return now_; }
  WallTime wall() const override { return WallTime(now_.time_since_epoch()) + offset_; }
  Duration slept() const override { return slept_; }
  void move_to(Time when) { now_ = std::max(now_, when); }
  void set_wall_offset(Duration offset) { offset_ = offset; }
  // The machine sleeps: time passes, and now() does not count it.
  void sleep(Duration span) { offset_ += span, slept_ += span; }

 private:
  Time now_{std::chrono::seconds(1000)};
  Duration offset_{std::chrono::hours(24 * 365 * 56)};  // 2025 or so.
  Duration slept_{};
};

class SimEntropy : public Entropy {
 public:
  explicit SimEntropy(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::byte> bytes) override {
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

// Keeps the last lines, for the message of a failed test.
class SimLog : public Logger {
 public:
  bool enabled(LogLevel level) const override { return level != LogLevel::kTrace; }
  void write(LogLevel level, std::string_view text) override;
  const std::vector<std::string>& lines() const { return lines_; }
  bool contains(std::string_view text) const;

 private:
  std::vector<std::string> lines_;
};

// One event queue for all simulated parties. Events at the same time run in the order of their
// making.
class SimLoop : public Loop {
 public:
  explicit SimLoop(SimClock& clock) : clock_(clock) {}

  void post(std::function<void()> task) override { at(clock_.now(), std::move(task)); }
  void at_turn_end(std::function<void()> task) override { turn_end_.push_back(std::move(task)); }
  std::unique_ptr<Timer> make_timer(std::function<void()> fire) override;

  // Runs `task` at `when`; returns a handle for cancel().
  using Handle = std::pair<Time, std::uint64_t>;
  Handle at(Time when, std::function<void()> task);
  void cancel(const Handle& handle) { events_.erase(handle); }
  // When the next event is due; now, if there is none.
  Time next() const { return events_.empty() ? clock_.now() : events_.begin()->first.first; }

  // Asked after each event whether the next one, if it is due at the same time, belongs to the same
  // turn, as it may in a real loop. Unset: each event is a turn.
  void share_turns(std::function<bool()> shared) { shared_ = std::move(shared); }
  // Runs the events of the next turn and then its end; false when there is none up to `limit`.
  bool step(Time limit = kNever);
  void run_for(Duration span);
  // Runs until `done` or for at most `span`; returns done().
  bool run_until(const std::function<bool()>& done, Duration span);
  // Runs what is due now, without moving the time.
  void run_idle();
  SimClock& clock() { return clock_; }

 private:
  void end_turn();

  SimClock& clock_;
  std::uint64_t made_ = 0;
  std::map<Handle, std::function<void()>> events_;
  std::function<bool()> shared_;
  std::vector<std::function<void()>> turn_end_;
};

// Runs each job, in order, when its simulated delay is over.
class SimWorker : public Worker {
 public:
  SimWorker(SimLoop& loop, std::function<Duration()> delay)
      : loop_(loop), delay_(std::move(delay)) {}
  void run(std::function<void()> job) override;

 private:
  SimLoop& loop_;
  std::function<Duration()> delay_;
  Time free_at_{};
};

// A wire whose other end is the test: what the protocol wrote is in text().
class FakeWire : public Wire {
 public:
  explicit FakeWire(ChunkPool& pool) : output_(pool) {}
  Output& output() override { return output_; }
  void wake() override { ++wakes; }
  void close(Status why) override {
    if (!closed) {
      closed = true;
      reason = why;
    }
  }
  void abort(Status why) override { close(why); }
  void pause_reading() override { paused = true; }
  void resume_reading() override { paused = false; }
  void notify_below(std::size_t bytes) override { notify = bytes; }
  Time blocked_since() const override { return blocked; }
  Status start_tls(const TlsOptions&) override {
    tls = true;
    return {};
  }
  Status compress(const CompressionOptions& options) override {
    compression = options;
    return {};
  }
  const PeerInfo& peer() const override { return info; }
  void set_peer_address(std::string address, std::uint16_t port) override {
    info.address = std::move(address);
    info.port = port;
  }
  WireStats stats() const override { return {}; }

  std::string take();  // All that was written since the last call.

  PeerInfo info{.address = "127.0.0.1",
                .port = 50000,
                .tls_version = {},
                .tls_cipher = {},
                .certificate = nullptr,
                .upgrade = nullptr};
  int wakes = 0;
  bool closed = false, paused = false, tls = false;
  std::optional<CompressionOptions> compression;
  Status reason;
  std::size_t notify = 0;
  Time blocked = kNever;

 private:
  Output output_;
};

}  // namespace petiole::test
