// What Beast's websocket::stream stands on here instead of a socket and a loop: bytes in memory and
// a queue of steps. Included by websocket.cpp alone.
//
// Beast starts reads and writes and posts steps; each becomes a Step in the queue, and drain() runs
// them until nothing more can happen without new input. A read that finds no input waits outside
// the queue. Steps that are still there when the session ends are destroyed unrun.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace petiole::memory {

namespace asio = boost::asio;
using Error = boost::beast::error_code;

// One thing to do. Returns false when it must wait for input.
class Step {
 public:
  virtual ~Step() = default;
  virtual bool ready() const { return true; }
  virtual void run() = 0;
};

// The state behind a stream: what has arrived and was not read, where output goes, what is to do.
struct Machine {
  std::string_view input;
  std::string* wire = nullptr;  // Set for the time of each call into the codec.
  std::deque<std::unique_ptr<Step>> steps;
  std::unique_ptr<Step> waiting;  // The read that found no input.

  void drain() {
    if (waiting && waiting->ready()) steps.push_back(std::move(waiting));
    while (!steps.empty()) {
      std::unique_ptr<Step> step = std::move(steps.front());
      steps.pop_front();
      if (step->ready()) {
        step->run();
      } else {
        waiting = std::move(step);
      }
    }
  }
};

// Boost looks its services up in this one. It is never run: nothing here waits for the system.
inline asio::io_context& service_registry() {
  static asio::io_context context(1);
  return context;
}

// Beast's executor: puts functions into the machine's queue.
class Executor {
 public:
  explicit Executor(Machine& machine) : machine_(&machine) {}

  template <class F>
  void execute(F&& function) const {
    struct Call : Step {
      explicit Call(F&& f) : function(std::forward<F>(f)) {}
      void run() override { std::move(function)(); }
      std::decay_t<F> function;
    };
    machine_->steps.push_back(std::make_unique<Call>(std::forward<F>(function)));
  }

  asio::execution_context& query(asio::execution::context_t) const noexcept {
    return service_registry();
  }
  static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept {
    return asio::execution::blocking.never;
  }
  Executor require(asio::execution::blocking_t::never_t) const noexcept { return *this; }
  bool operator==(const Executor& other) const noexcept { return machine_ == other.machine_; }
  bool operator!=(const Executor& other) const noexcept { return machine_ != other.machine_; }

 private:
  Machine* machine_;
};

// Completes a read with what the machine's input holds at that time.
template <class Buffers, class Handler>
struct ReadStep : Step {
  ReadStep(Machine& m, const Buffers& b, Handler&& h)
      : machine(m), buffers(b), handler(std::move(h)) {}
  bool ready() const override { return !machine.input.empty() || asio::buffer_size(buffers) == 0; }
  void run() override {
    const std::size_t bytes =
        asio::buffer_copy(buffers, asio::buffer(machine.input.data(), machine.input.size()));
    machine.input.remove_prefix(bytes);
    std::move(handler)(Error{}, bytes);
  }
  Machine& machine;
  Buffers buffers;
  Handler handler;
};

template <class Handler>
struct WroteStep : Step {
  WroteStep(std::size_t b, Handler&& h) : bytes(b), handler(std::move(h)) {}
  void run() override { std::move(handler)(Error{}, bytes); }
  std::size_t bytes;
  Handler handler;
};

class Stream {
 public:
  using executor_type = Executor;
  explicit Stream(Machine& machine) : machine_(&machine) {}
  executor_type get_executor() const noexcept { return Executor(*machine_); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(Error, std::size_t)>(
        [machine = machine_](auto&& handler, const Buffers& target) {
          using Handler = std::decay_t<decltype(handler)>;
          machine->steps.push_back(std::make_unique<ReadStep<Buffers, Handler>>(
              *machine, target, std::forward<decltype(handler)>(handler)));
        },
        token, buffers);
  }

  // The bytes are on the wire at once; only the word of it comes later.
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(Error, std::size_t)>(
        [machine = machine_](auto&& handler, const Buffers& source) {
          using Handler = std::decay_t<decltype(handler)>;
          std::size_t bytes = 0;
          for (auto it = asio::buffer_sequence_begin(source);
               it != asio::buffer_sequence_end(source); ++it) {
            const asio::const_buffer piece(*it);
            machine->wire->append(static_cast<const char*>(piece.data()), piece.size());
            bytes += piece.size();
          }
          machine->steps.push_back(std::make_unique<WroteStep<Handler>>(
              bytes, std::forward<decltype(handler)>(handler)));
        },
        token, buffers);
  }

 private:
  Machine* machine_;
};

// Beast ends the layer below after the closing handshake. Here the connection does that.
template <class Handler>
void async_teardown(boost::beast::role_type, Stream& stream, Handler&& handler) {
  asio::post(stream.get_executor(),
             [kept = std::forward<Handler>(handler)]() mutable { std::move(kept)(Error{}); });
}
inline void beast_close_socket(Stream&) {}

}  // namespace petiole::memory
