#include "platform/service_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace petiole {

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

template <class Number>
std::optional<Number> number(const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Half the time that systemd allows between two signs of life, when they are asked of this process.
std::optional<Duration> watchdog_of_environment() {
  const auto micros = number<std::int64_t>(variable("WATCHDOG_USEC"));
  const std::string pid = variable("WATCHDOG_PID");
  if (!micros || *micros <= 0) return std::nullopt;
  if (!pid.empty() && number<pid_t>(pid) != ::getpid()) return std::nullopt;
  return std::chrono::microseconds(*micros / 2);
}

}  // namespace

ServiceNotify::ServiceNotify()
    : ServiceNotify(variable("NOTIFY_SOCKET"), watchdog_of_environment()) {}

ServiceNotify::ServiceNotify(std::string socket, std::optional<Duration> watchdog)
    : socket_(std::move(socket)), watchdog_(watchdog) {
  if (!socket_.empty() && socket_[0] != '/' && socket_[0] != '@') socket_.clear();
  if (socket_.empty()) watchdog_.reset();
}

void ServiceNotify::reloading(Time now) const {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(micros.count()));
}

void ServiceNotify::send(const std::string& message) const {
  sockaddr_un address{};
  if (socket_.empty() || socket_.size() > sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  // A manager that does not listen is no concern of ours.
  ::sendto(descriptor, message.data(), message.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), length);
  ::close(descriptor);
}

}  // namespace petiole
