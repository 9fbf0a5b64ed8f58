// Syslog as Go's log/syslog speaks it, which is what nats-server uses: RFC 3164 lines, one a
// datagram or, over a stream, one a line; local ones without the host and with an older time.
//
// A thread of its own looks names up, connects, again and again when the server is gone, and sends:
// the caller only queues. What does not fit the queue is dropped, counted, and told when there is
// room again. Nobody waits for that thread: a look-up may hang, and cannot be cancelled.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

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
  ~Syslog();  // What is queued is still sent, if that is quick and the process lives on.
  Syslog(const Syslog&) = delete;
  Syslog& operator=(const Syslog&) = delete;

  void write(LogLevel level, WallTime when, std::string_view text);
  // Takes no more, and blocks until all is sent, or `most` is over: for the end of the process.
  void finish(Duration most);

 private:
  struct State;
  std::shared_ptr<State> state_;  // The thread's, too.
};

}  // namespace petiole
