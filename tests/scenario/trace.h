// What happened in a run, as a hash that two runs of one seed must share, and as its last lines.
#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <string_view>

#include "platform/log.h"
#include "tests/support/sim.h"

namespace petiole::test {

class Trace {
 public:
  Trace(const SimClock& clock, bool print) : clock_(clock), print_(print) {}

  void add(std::string_view who, std::string_view what) {
    char stamp[32];
    const auto us =
        std::chrono::duration_cast<std::chrono::microseconds>(clock_.now().time_since_epoch());
    std::snprintf(stamp, sizeof stamp, "%11.6f ", static_cast<double>(us.count()) / 1e6);
    std::string line = stamp + std::string(who) + ": " + std::string(what);
    for (const char c : line) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    if (print_) std::puts(line.c_str());
    if (lines_.size() == kLinesMax) lines_.pop_front();
    lines_.push_back(std::move(line));
  }
  std::uint64_t hash() const { return hash_; }
  const std::deque<std::string>& lines() const { return lines_; }

 private:
  static constexpr std::size_t kLinesMax = 60;
  const SimClock& clock_;
  bool print_;
  std::uint64_t hash_ = 0xcbf29ce484222325u;
  std::deque<std::string> lines_;
};

// The log of one box.
class TraceLog : public Logger {
 public:
  TraceLog(Trace& trace, std::string who) : trace_(trace), who_(std::move(who)) {}
  bool enabled(LogLevel level) const override { return level <= LogLevel::kInfo; }
  void write(LogLevel, std::string_view text) override { trace_.add(who_, text); }

 private:
  Trace& trace_;
  std::string who_;
};

}  // namespace petiole::test
