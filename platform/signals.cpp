#include "platform/signals.h"

#include <asio/signal_set.hpp>
#include <cerrno>
#include <csignal>
#include <utility>

#include "platform/loop_core.h"

namespace petiole {

namespace {

constexpr int kNumbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};  // As in Signal.

Signal to_signal(int number) {
  int index = 0;
  while (kNumbers[index] != number) ++index;
  return static_cast<Signal>(index);
}

// Those that would end a process that does not take them and should not.
sigset_t mild_signals() {
  sigset_t mild;
  sigemptyset(&mild);
  for (const int number : {SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&mild, number);
  return mild;
}

// A pipe without a reader, a file that may not grow: each is told by an error, too.
void ignore_refusals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

Status deliver(int pid, int number) {
  // 0 and below would be a group of processes, or all.
  if (pid <= 0 || (::kill(pid, number) != 0 && errno == ESRCH)) {
    return {Errc::kNotFound, "no such process"};
  }
  if (errno == EPERM) return {Errc::kPermission, "not allowed to signal that process"};
  return {};
}

}  // namespace

struct Signals::Parts : std::enable_shared_from_this<Parts> {
  Parts(LoopCore& core, std::function<void(Signal)> call) : set(core.io), caught(std::move(call)) {}

  void wait() {
    set.async_wait([weak = weak_from_this()](std::error_code error, int number) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->wait();
      self->caught(to_signal(number));
    });
  }

  asio::signal_set set;
  std::function<void(Signal)> caught;
};

Signals::Signals(AsioLoop& loop, std::function<void(Signal)> caught)
    : parts_(std::make_shared<Parts>(loop.core(), std::move(caught))) {
  ignore_refusals();
  for (const int number : kNumbers) {
    std::error_code ignored;  // Fails for numbers that no system has.
    parts_->set.add(number, ignored);
  }
  parts_->wait();
  const sigset_t mild = mild_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &mild, nullptr);
}

Signals::~Signals() {
  std::error_code ignored;
  parts_->set.clear(ignored);
}

void hold_signals() {
  ignore_refusals();
  const sigset_t mild = mild_signals();
  ::pthread_sigmask(SIG_BLOCK, &mild, nullptr);
}

Status send_signal(int pid, Signal signal) {
  errno = 0;
  return deliver(pid, kNumbers[static_cast<int>(signal)]);
}

Status kill_process(int pid) {
  errno = 0;
  return deliver(pid, SIGKILL);
}

bool process_exists(int pid) { return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM); }

}  // namespace petiole
