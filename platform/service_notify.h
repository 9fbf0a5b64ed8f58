// Tells systemd how the service is: sd_notify(3)'s datagrams, without its library.
//
// Outside of systemd (no NOTIFY_SOCKET) every call does nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "platform/time.h"

namespace petiole {

class ServiceNotify {
 public:
  ServiceNotify();  // Reads NOTIFY_SOCKET and WATCHDOG_USEC.
  ServiceNotify(std::string socket, std::optional<Duration> watchdog);

  void ready() const { send("READY=1"); }
  void stopping() const { send("STOPPING=1"); }
  // For `systemctl status`; one line.
  void status(std::string_view text) const { send("STATUS=" + std::string(text)); }
  void watchdog() const { send("WATCHDOG=1"); }
  // Type=notify-reload wants the time with it; ready() ends the reload.
  void reloading(Time now) const;

  bool active() const { return !socket_.empty(); }
  // How often to call watchdog(): half of what systemd allows. None: it does not watch.
  std::optional<Duration> watchdog_interval() const { return watchdog_; }

 private:
  void send(const std::string& message) const;

  std::string socket_;  // A path, or an abstract name behind '@'.
  std::optional<Duration> watchdog_;
};

}  // namespace petiole
