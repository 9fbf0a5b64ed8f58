// The inside of an AsioLoop, for the parts of platform/ that wait on sockets and signals.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <functional>
#include <vector>

#include "platform/deadlines.h"
#include "platform/flush_list.h"
#include "platform/time.h"

namespace petiole {

inline constexpr std::size_t kReadBytes = 64 * 1024;   // At most, with one read.
inline constexpr std::size_t kFrontBytes = 16 * 1024;  // Of a torn operation, copied in front.

// The two peers that had little to say last, and when. While another one is among them, a peer is
// read for a shorter time. Two, as one that says much has turns with little, too. Only compared.
class Askers {
 public:
  void note(const void* who, Time when) {
    if (last_[0].who != who) last_[1] = last_[0];
    last_[0] = {who, when};
  }
  bool other_than(const void* who, Time since) const {
    return (last_[0].who != who && last_[0].when > since) ||
           (last_[1].who != who && last_[1].when > since);
  }

 private:
  struct Asker {
    const void* who = nullptr;
    Time when{};
  };
  Asker last_[2];
};

struct LoopCore {
  explicit LoopCore(const Clock& clock_) : clock(clock_), scratch(kFrontBytes + kReadBytes) {}
  Time now() const { return clock.now(); }

  const Clock& clock;
  Deadlines deadlines;  // Before io: handlers that die with it own deadlines.
  // Handlers run on one thread; only post() is called from others: no lock around descriptors.
  asio::io_context io{ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  FlushList flush_list;
  std::vector<char> scratch;  // What all connections of the loop read into.
  Askers askers;
  bool question = false;  // Of this turn, and what it caused is not flushed yet.

  asio::steady_timer timer{io};
  Time timer_at = kNever;
  unsigned turns_alone = 0;  // In a row, that had one event.
  std::vector<std::function<void()>> turn_end;
  std::atomic<bool> stopping{false};
};

}  // namespace petiole
