// Syslog as Go's log/syslog speaks it, which is what nats-server uses: RFC 3164 lines, one a
// datagram or, over a stream, one a line; local ones without the host and with an older time.
//
// A thread of its own looks names up, connects, again and again when the server is gone, and sends:
// the caller only queues. What does not fit the queue is dropped, counted, and told when there is
// room again.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "platform/log.h"
#include "platform/time.h"

namespace petiole {

struct SyslogTarget {
  enum class Kind : std::uint8_t { kLocal, kUdp, kTcp, kUnix };
  Kind kind = Kind::kLocal;  // kLocal: /dev/log or where else the machine's own daemon listens.
  std::string host, port;    // kUdp, kTcp.
  std::string path;          // kUnix.
};

// "udp://host:514", "tcp://host:514", "unix:///path"; empty: the local one. None: it is no such
// URL.
inline constexpr char kNoSyslogUrl[] = "is not udp://host:port, tcp://host:port or unix:///path";
std::optional<SyslogTarget> parse_syslog(std::string_view url);

// `<29>2026-01-02T15:04:05Z host petiole[1]: text\n`. `facility` is 0 (kernel) for remote ones, as
// Go's Dial was called there, and 3 (daemon) for the local one.
std::string syslog_line(const SyslogTarget& target, LogLevel level, WallTime when,
                        std::string_view text);

class Syslog {
 public:
  explicit Syslog(SyslogTarget target);
  ~Syslog();  // Sends what is queued if that is quick.
  Syslog(const Syslog&) = delete;
  Syslog& operator=(const Syslog&) = delete;

  void write(LogLevel level, WallTime when, std::string_view text);

 private:
  void work();
  bool next(std::string& line);
  bool deliver(const std::string& line);
  bool connect();
  bool pause(Duration span);
  void disconnect();

  const SyslogTarget target_;
  std::mutex mutex_;  // Guards what follows up to stopping_; never held during I/O.
  std::condition_variable wake_;
  std::deque<std::string> lines_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
  bool stopping_ = false;
  int socket_ = -1;  // The thread's.
  std::thread thread_;
};

}  // namespace petiole
