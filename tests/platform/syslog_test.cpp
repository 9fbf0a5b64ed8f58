#include "platform/syslog.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "platform/log_writer.h"
#include "platform/process.h"
#include "tests/support/sim.h"

namespace petiole::test {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kWhen = WallTime(std::chrono::seconds(1'766'016'000));  // 2025-12-18 00:00 UTC.

// A syslog server as plain as it can be.
class Receiver {
 public:
  explicit Receiver(int type, std::uint16_t port = 0)
      : socket_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)), stream_(type == SOCK_STREAM) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    address.sin_port = ::htons(port);
    const int on = 1;
    ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    if (stream_) REQUIRE(::listen(socket_, 4) == 0);
    socklen_t size = sizeof(address);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ::ntohs(address.sin_port);
  }
  explicit Receiver(const std::string& path, int type = SOCK_DGRAM)
      : socket_(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)), stream_(type == SOCK_STREAM) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    if (stream_) REQUIRE(::listen(socket_, 4) == 0);
  }
  ~Receiver() {
    hang_up();
    ::close(socket_);
  }
  std::uint16_t port() const { return port_; }
  void hang_up() {
    if (peer_ >= 0) ::close(std::exchange(peer_, -1));
  }

  // Whether somebody connects within 100 ms.
  bool asked() {
    pollfd wait{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&wait, 1, 100) == 1;
  }
  // The next line, or what has come of it when nothing more comes for 10 s.
  std::string next() {
    while (held_.find('\n') == held_.npos && more()) {
    }
    const std::size_t end = std::min(held_.find('\n') + 1, held_.size());
    std::string line = held_.substr(0, end == 0 ? held_.npos : end);
    held_.erase(0, line.size());
    return line;
  }

 private:
  bool wait(int socket) {
    pollfd wait{.fd = socket, .events = POLLIN, .revents = 0};
    return ::poll(&wait, 1, 10'000) == 1;
  }
  bool more() {
    if (stream_ && peer_ < 0) {
      if (!wait(socket_)) return false;
      peer_ = ::accept(socket_, nullptr, nullptr);
    }
    const int from = stream_ ? peer_ : socket_;
    if (!wait(from)) return false;
    char bytes[16 * 1024];
    const ssize_t count = ::recv(from, bytes, sizeof(bytes), 0);
    if (count <= 0) return false;
    held_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  int socket_;
  int peer_ = -1;
  bool stream_;
  std::uint16_t port_ = 0;
  std::string held_;
};

// Connections that nobody accepts, until there is room for no other.
class Crowd {
 public:
  explicit Crowd(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    address.sin_port = ::htons(port);
    pollfd wait{.fd = -1, .events = POLLOUT, .revents = 0};
    do {
      wait.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      sockets_.push_back(wait.fd);
      ::connect(wait.fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    } while (::poll(&wait, 1, 100) == 1 && sockets_.size() < 64);
  }
  ~Crowd() {
    for (const int each : sockets_) ::close(each);
  }

 private:
  std::vector<int> sockets_;
};

struct Zone {
  explicit Zone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~Zone() {
    ::unsetenv("TZ");
    ::tzset();
  }
};

std::string url(const char* scheme, std::uint16_t port) {
  return std::string(scheme) + "://127.0.0.1:" + std::to_string(port);
}

TEST_CASE("syslog: URLs, as nats-server takes them") {
  CHECK(parse_syslog("")->kind == SyslogTarget::Kind::kLocal);
  const auto udp = parse_syslog("udp://host:514");
  REQUIRE(udp);
  CHECK(udp->kind == SyslogTarget::Kind::kUdp);
  CHECK((udp->host + "|" + udp->port) == "host|514");
  CHECK(parse_syslog("tcp://[::1]:6514/x")->host == "::1");
  CHECK(parse_syslog("udp://:514")->host == "localhost");
  CHECK(parse_syslog("unix:///dev/log")->path == "/dev/log");
  for (const char* const wrong :
       {"host:514", "foo://h:1", "udp://h", "udp://h:x", "unix://dev/log", "udp://h:123456"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_syslog(wrong));
  }
}

TEST_CASE("syslog: lines have the form of Go's log/syslog") {
  const std::string tail = program_name() + "[" + std::to_string(process_id()) + "]: text\n";
  const SyslogTarget remote = *parse_syslog("udp://h:514"), local;
  {
    const Zone zone("UTC");
    const std::string at = "2025-12-18T00:00:00Z " + host_name() + " " + tail;
    CHECK(syslog_line(remote, LogLevel::kInfo, kWhen, "text") == "<5>" + at);
    CHECK(syslog_line(remote, LogLevel::kWarning, kWhen, "text") == "<4>" + at);
    CHECK(syslog_line(remote, LogLevel::kError, kWhen, "text") == "<3>" + at);
    CHECK(syslog_line(remote, LogLevel::kFatal, kWhen, "text") == "<2>" + at);
    CHECK(syslog_line(remote, LogLevel::kDebug, kWhen, "text") == "<7>" + at);
    CHECK(syslog_line(remote, LogLevel::kTrace, kWhen, "text") == "<5>" + at);
    CHECK(syslog_line(local, LogLevel::kInfo, kWhen, "text") == "<29>Dec 18 00:00:00 " + tail);
    CHECK(syslog_line(*parse_syslog("unix:///x"), LogLevel::kInfo, kWhen, "text") ==
          "<5>Dec 18 00:00:00 " + tail);
  }
  const Zone zone("XXX-05:30");
  CHECK(syslog_line(remote, LogLevel::kInfo, kWhen, "a\nb")
            .starts_with("<5>2025-12-18T05:30:00+05:30 "));
  CHECK(syslog_line(remote, LogLevel::kInfo, kWhen, "a\nb").ends_with(": a b\n"));
}

TEST_CASE("syslog: a datagram a line; the log writes its levels there and nowhere else") {
  Receiver server(SOCK_DGRAM);
  SimClock clock;
  LogWriter log(clock, {.debug = true,
                        .to_stderr = false,
                        .syslog = true,
                        .remote_syslog = url("udp", server.port())});
  log.info("one");
  log.debug("two");
  log.write(LogLevel::kTrace, "not shown");
  log.error("three");
  const auto is = [](const std::string& line, const char* begin, const char* end) {
    CAPTURE(line);
    CHECK(line.starts_with(begin));
    CHECK(line.ends_with(end));
  };
  is(server.next(), "<5>2025-12-18T", "]: one\n");
  is(server.next(), "<7>2025-12-18T", "]: two\n");
  is(server.next(), "<3>2025-12-18T", "]: three\n");
}

// As a name server is that does not answer.
TEST_CASE("syslog: one that hangs does not hold up who leaves it for another") {
  Receiver server(SOCK_STREAM);
  Crowd crowd(server.port());
  SimClock clock;
  const LogOptions options{
      .to_stderr = false, .syslog = true, .remote_syslog = url("tcp", server.port())};
  LogWriter log(clock, options);
  log.info("one");
  const auto begin = std::chrono::steady_clock::now();
  log.configure({.to_stderr = false});
  CHECK(std::chrono::steady_clock::now() - begin < 1s);
}

TEST_CASE("syslog: over a stream, and again after the server was gone") {
  auto server = std::make_unique<Receiver>(SOCK_STREAM);
  const std::uint16_t port = server->port();
  Syslog syslog(*parse_syslog(url("tcp", port)));
  syslog.write(LogLevel::kInfo, kWhen, "one");
  syslog.write(LogLevel::kInfo, kWhen, "two");
  CHECK(server->next().ends_with("]: one\n"));
  CHECK(server->next().ends_with("]: two\n"));
  server.reset();
  // What goes before the system tells of the end is lost in the old connection, as with Go's.
  syslog.write(LogLevel::kInfo, kWhen, "meanwhile");
  server = std::make_unique<Receiver>(SOCK_STREAM, port);
  for (int tries = 0; tries < 100 && !server->asked(); ++tries) {
    syslog.write(LogLevel::kInfo, kWhen, "meanwhile");
  }
  CHECK(server->next().ends_with("]: meanwhile\n"));
}

TEST_CASE("syslog: a server that is not there costs a bounded queue, and drops are told") {
  std::uint16_t port = 0;
  { port = Receiver(SOCK_STREAM).port(); }
  Syslog syslog(*parse_syslog(url("tcp", port)));
  const std::string text(8000, 'x');
  for (int i = 0; i < 1000; ++i) syslog.write(LogLevel::kInfo, kWhen, text);
  Receiver server(SOCK_STREAM, port);
  std::size_t lines = 0;
  for (; !server.next().empty() && lines < 30; ++lines) {
  }
  CHECK(lines >= 30);  // Of at most 256 KiB, and the one under way.
  syslog.write(LogLevel::kInfo, kWhen, "after");
  bool told = false;
  std::string line = server.next();
  for (; line.find("xxxx") != std::string::npos || line.starts_with("<4>"); line = server.next()) {
    told = told || line.find(" log lines dropped: syslog did not take them") != std::string::npos;
  }
  CHECK(told);
  CHECK_MESSAGE(line.ends_with("]: after\n"), line.substr(0, 200));
}

TEST_CASE("syslog: a local socket") {
  std::string dir = (std::filesystem::temp_directory_path() / "petiole.XXXXXX").string();
  REQUIRE(::mkdtemp(dir.data()) != nullptr);
  {
    Receiver server(dir + "/log", SOCK_STREAM);
    Syslog syslog(*parse_syslog("unix://" + dir + "/log"));
    syslog.write(LogLevel::kError, kWhen, "here");
    const std::string line = server.next();
    CHECK(line.starts_with("<3>Dec 1"));
    CHECK(line.ends_with("]: here\n"));
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace petiole::test
