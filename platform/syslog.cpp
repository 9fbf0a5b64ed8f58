#include "platform/syslog.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include "platform/process.h"

namespace petiole {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kQueuedBytesMax = 256 * 1024;
constexpr int kSendMillisMax = 2000;  // Also of a connect.
constexpr Duration kRetryMin = 1s, kRetryMax = 30s;
constexpr int kSeverities[] = {2, 3, 4, 5, 7, 5};  // As in LogLevel; a trace is a notice there.
constexpr int kDaemon = 3 << 3;
constexpr const char* kLocalPaths[] = {"/dev/log", "/var/run/syslog", "/var/run/log"};

bool is_local(const SyslogTarget& target) {
  return target.kind == SyslogTarget::Kind::kLocal || target.kind == SyslogTarget::Kind::kUnix;
}

std::string time_text(WallTime when, const char* pattern) {
  const std::time_t time = static_cast<std::time_t>(
      std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count());
  std::tm parts{};
  ::localtime_r(&time, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof(text), pattern, &parts)};
}

// Go's time.RFC3339: "Z" or "+01:00".
std::string rfc3339(WallTime when) {
  std::string text = time_text(when, "%Y-%m-%dT%H:%M:%S%z");
  if (text.ends_with("+0000")) return text.replace(text.size() - 5, 5, "Z");
  return text.size() > 2 ? text.insert(text.size() - 2, ":") : text;
}

bool is_ready(int socket) {
  pollfd wait{.fd = socket, .events = POLLOUT, .revents = 0};
  int error = 0;
  socklen_t size = sizeof(error);
  return ::poll(&wait, 1, kSendMillisMax) == 1 &&
         ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

// A connected socket, or -1.
int open_socket(int family, int type, const sockaddr* address, socklen_t size) {
  const int opened = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (opened < 0) return -1;
  const bool done = ::connect(opened, address, size) == 0;
  if (done || (errno == EINPROGRESS && is_ready(opened))) return opened;
  ::close(opened);
  return -1;
}

int open_unix(int type, const std::string& path) {
  sockaddr_un address{};
  if (path.size() >= sizeof(address.sun_path)) return -1;
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  return open_socket(AF_UNIX, type, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

int open_local() {
  for (const int type : {SOCK_DGRAM, SOCK_STREAM}) {
    for (const char* const path : kLocalPaths) {
      if (const int opened = open_unix(type, path); opened >= 0) return opened;
    }
  }
  return -1;
}

int open_remote(const SyslogTarget& target) {
  addrinfo hints{};
  hints.ai_socktype = target.kind == SyslogTarget::Kind::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found) != 0) return -1;
  int opened = -1;
  for (const addrinfo* each = found; each && opened < 0; each = each->ai_next) {
    opened = open_socket(each->ai_family, hints.ai_socktype, each->ai_addr, each->ai_addrlen);
  }
  ::freeaddrinfo(found);
  return opened;
}

}  // namespace

std::optional<SyslogTarget> parse_syslog(std::string_view url) {
  using Kind = SyslogTarget::Kind;
  if (url.empty()) return SyslogTarget{};
  const std::size_t end = url.find("://");
  if (end == url.npos) return std::nullopt;
  const std::string_view scheme = url.substr(0, end), rest = url.substr(end + 3);
  if (scheme == "unix") {
    if (!rest.starts_with('/')) return std::nullopt;
    return SyslogTarget{.kind = Kind::kUnix, .host = {}, .port = {}, .path = std::string(rest)};
  }
  const std::string_view authority = rest.substr(0, rest.find('/'));
  const std::size_t colon = authority.rfind(':');
  if ((scheme != "udp" && scheme != "tcp") || colon == authority.npos) return std::nullopt;
  std::string_view host = authority.substr(0, colon), port = authority.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const bool numeric =
      !port.empty() && port.size() <= 5 &&
      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!numeric) return std::nullopt;
  return SyslogTarget{.kind = scheme == "udp" ? Kind::kUdp : Kind::kTcp,
                      .host = std::string(host.empty() ? "localhost" : host),
                      .port = std::string(port),
                      .path = {}};
}

std::string syslog_line(const SyslogTarget& target, LogLevel level, WallTime when,
                        std::string_view text) {
  const int facility = target.kind == SyslogTarget::Kind::kLocal ? kDaemon : 0;
  std::string line = "<" + std::to_string(facility | kSeverities[static_cast<int>(level)]) + ">";
  line += is_local(target) ? time_text(when, "%b %e %H:%M:%S ")
                           : rfc3339(when) + " " + host_name() + " ";
  line.append(program_name()).append("[").append(std::to_string(process_id())).append("]: ");
  line += text;
  std::replace(line.begin(), line.end(), '\n', ' ');  // Over a stream a line is a message.
  return line += '\n';
}

Syslog::Syslog(SyslogTarget target) : target_(std::move(target)) {
  sigset_t all, before;  // Signals are the loop's.
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { work(); });
    pthread_setname_np(thread_.native_handle(), "petiole-syslog");
  } catch (const std::system_error&) {  // None to be had: the lines are dropped.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Syslog::~Syslog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  disconnect();
}

void Syslog::write(LogLevel level, WallTime when, std::string_view text) {
  std::string line = syslog_line(target_, level, when, text);
  {
    const std::lock_guard lock(mutex_);
    if (bytes_ + line.size() > kQueuedBytesMax) {
      ++dropped_;
      return;
    }
    if (dropped_ != 0) {
      lines_.push_back(syslog_line(target_, LogLevel::kWarning, when,
                                   std::to_string(std::exchange(dropped_, 0)) +
                                       " log lines dropped: syslog did not take them"));
      bytes_ += lines_.back().size();
    }
    bytes_ += line.size();
    lines_.push_back(std::move(line));
  }
  wake_.notify_one();
}

// False: nothing is left and nothing will come.
bool Syslog::next(std::string& line) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !lines_.empty(); });
  if (lines_.empty()) return false;
  line = std::move(lines_.front());
  lines_.pop_front();
  bytes_ -= line.size();
  return true;
}

void Syslog::work() {
  std::string line;
  Duration retry = kRetryMin;
  while (next(line)) {
    while (!deliver(line)) {
      if (!pause(retry)) return;  // At the end nobody waits for a server that is gone.
      retry = std::min(2 * retry, kRetryMax);
    }
    retry = kRetryMin;
  }
}

// As Go's writeAndRetry: a line that the old connection does not take goes to a new one.
bool Syslog::deliver(const std::string& line) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (socket_ < 0 && !connect()) return false;
    std::string_view rest = line;
    while (!rest.empty() && is_ready(socket_)) {
      const ssize_t sent = ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EINTR && errno != EAGAIN) break;
      if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    if (rest.empty()) return true;
    disconnect();
  }
  return false;
}

bool Syslog::connect() {
  switch (target_.kind) {
    case SyslogTarget::Kind::kLocal:
      socket_ = open_local();
      break;
    case SyslogTarget::Kind::kUnix:
      socket_ = open_unix(SOCK_STREAM, target_.path);
      break;
    case SyslogTarget::Kind::kUdp:
    case SyslogTarget::Kind::kTcp:
      socket_ = open_remote(target_);
      break;
  }
  return socket_ >= 0;
}

void Syslog::disconnect() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

// False: it is time to end.
bool Syslog::pause(Duration span) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, span, [this] { return stopping_; });
}

}  // namespace petiole
