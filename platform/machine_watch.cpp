#include "platform/machine_watch.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <limits>
#include <utility>

#include "platform/loop_core.h"
#include "platform/system.h"

namespace petiole {

namespace {

using Descriptor = asio::posix::stream_descriptor;

// A cable that is plugged in makes a dozen messages: link, addresses, routes.
constexpr Duration kSettles = std::chrono::milliseconds(250);
constexpr int kReadsPerTurn = 16;
constexpr Duration kSleptMin = std::chrono::seconds(1);  // Below it is the difference of two reads.

Duration read_clock(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// -1: not to be had.
int open_netlink() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return -1;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups =
      RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  ::close(fd);
  return -1;
}

// Never due; read() fails with ECANCELED once the wall clock was set, which waking up does too.
bool arm_clock_timer(int fd) {
  // With 32 bits for the seconds the end of them: one beyond would be refused.
  constexpr std::int64_t kLast = std::numeric_limits<std::time_t>::max();
  const std::int64_t now = read_clock(CLOCK_REALTIME).count() / 1'000'000'000;
  itimerspec never{};
  never.it_value.tv_sec = static_cast<std::time_t>(std::min(now + (std::int64_t{1} << 31), kLast));
  return ::timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, nullptr) == 0 ||
         errno == ECANCELED;
}

int open_clock_timer() {
  const int fd = ::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0 || arm_clock_timer(fd)) return fd;
  ::close(fd);
  return -1;
}

}  // namespace

struct MachineWatch::Parts : std::enable_shared_from_this<Parts> {
  Parts(AsioLoop& loop, std::function<void(MachineEvent)> call)
      : now(loop.core().clock),
        network(loop.core().io),
        clock(loop.core().io),
        told(std::move(call)),
        slept_before(SystemClock().slept()) {
    if (const int fd = open_netlink(); fd >= 0) network.assign(fd);
    if (const int fd = open_clock_timer(); fd >= 0) clock.assign(fd);
  }

  void start(AsioLoop& loop) {
    settle = loop.make_timer([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->told(MachineEvent::kNetworkChanged);
    });
    if (network.is_open()) wait_network();
    if (clock.is_open()) wait_clock();
  }

  void wait_network() {
    network.async_wait(Descriptor::wait_read, [weak = weak_from_this()](std::error_code error) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->drain_network();
      self->wait_network();
    });
  }

  // What exactly changed does not matter: whoever is told looks for himself.
  void drain_network() {
    std::array<char, 8192> scratch;
    for (int i = 0; i < kReadsPerTurn; ++i) {
      if (::recv(network.native_handle(), scratch.data(), scratch.size(), 0) <= 0) break;
    }
    settle->arm(now.now() + kSettles);
  }

  void wait_clock() {
    clock.async_wait(Descriptor::wait_read, [weak = weak_from_this()](std::error_code error) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->read_clock_timer();
      self->wait_clock();
    });
  }

  void read_clock_timer() {
    std::uint64_t ignored = 0;
    const bool set =
        ::read(clock.native_handle(), &ignored, sizeof(ignored)) < 0 && errno == ECANCELED;
    arm_clock_timer(clock.native_handle());
    if (!set) return;
    const Duration asleep = SystemClock().slept();
    const bool woke = asleep - std::exchange(slept_before, asleep) > kSleptMin;
    told(woke ? MachineEvent::kWokeUp : MachineEvent::kClockSet);
  }

  const Clock& now;
  Descriptor network, clock;
  std::function<void(MachineEvent)> told;
  Duration slept_before;
  std::unique_ptr<Timer> settle;
};

MachineWatch::MachineWatch(AsioLoop& loop, std::function<void(MachineEvent)> told)
    : parts_(std::make_shared<Parts>(loop, std::move(told))) {
  parts_->start(loop);
}

MachineWatch::~MachineWatch() {
  std::error_code ignored;
  parts_->network.close(ignored);
  parts_->clock.close(ignored);
  parts_->settle->cancel();
}

}  // namespace petiole
