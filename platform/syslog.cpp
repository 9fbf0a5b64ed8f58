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
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
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

struct Syslog::State {
  explicit State(SyslogTarget where) : target(std::move(where)) {}
  ~State() { disconnect(); }

  // The thread's.
  void work();
  bool next(std::string& line);
  bool deliver(const std::string& line);
  bool connect();
  bool pause(Duration span);
  void disconnect();

  const SyslogTarget target;
  std::mutex mutex;  // Guards what follows up to `running`; never held during I/O.
  std::condition_variable wake, ended;
  std::deque<std::string> lines;
  std::size_t bytes = 0;
  std::uint64_t dropped = 0;
  bool stopping = false;
  bool running = false;
  int socket = -1;  // The thread's.
};

Syslog::Syslog(SyslogTarget target) : state_(std::make_shared<State>(std::move(target))) {
  sigset_t all, before;  // Signals are the loop's.
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  state_->running = true;
  try {
    std::thread thread([state = state_] { state->work(); });
    pthread_setname_np(thread.native_handle(), "petiole-syslog");
    thread.detach();
  } catch (const std::system_error&) {  // None to be had: the lines are dropped.
    state_->running = false;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Syslog::~Syslog() { finish(Duration::zero()); }

void Syslog::finish(Duration most) {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->wake.notify_one();
  state_->ended.wait_for(lock, most, [this] { return !state_->running; });
}

void Syslog::write(LogLevel level, WallTime when, std::string_view text) {
  State& state = *state_;
  std::string line = syslog_line(state.target, level, when, text);
  {
    const std::lock_guard lock(state.mutex);
    if (state.bytes + line.size() > kQueuedBytesMax) {
      ++state.dropped;
      return;
    }
    if (state.dropped != 0) {
      state.lines.push_back(syslog_line(state.target, LogLevel::kWarning, when,
                                        std::to_string(std::exchange(state.dropped, 0)) +
                                            " log lines dropped: syslog did not take them"));
      state.bytes += state.lines.back().size();
    }
    state.bytes += line.size();
    state.lines.push_back(std::move(line));
  }
  state.wake.notify_one();
}

// False: nothing is left and nothing will come.
bool Syslog::State::next(std::string& line) {
  std::unique_lock lock(mutex);
  wake.wait(lock, [this] { return stopping || !lines.empty(); });
  if (lines.empty()) return false;
  line = std::move(lines.front());
  lines.pop_front();
  bytes -= line.size();
  return true;
}

void Syslog::State::work() {
  std::string line;
  Duration retry = kRetryMin;
  bool gone = false;  // At the end nobody waits for a server that is gone.
  while (!gone && next(line)) {
    while (!gone && !deliver(line)) {
      gone = !pause(retry);
      retry = std::min(2 * retry, kRetryMax);
    }
    retry = kRetryMin;
  }
  const std::lock_guard lock(mutex);
  running = false;
  ended.notify_all();
}

// As Go's writeAndRetry: a line that the old connection does not take goes to a new one.
bool Syslog::State::deliver(const std::string& line) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (socket < 0 && !connect()) return false;
    std::string_view rest = line;
    while (!rest.empty() && is_ready(socket)) {
      const ssize_t sent = ::send(socket, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EINTR && errno != EAGAIN) break;
      if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    if (rest.empty()) return true;
    disconnect();
  }
  return false;
}

bool Syslog::State::connect() {
  switch (target.kind) {
    case SyslogTarget::Kind::kLocal:
      socket = open_local();
      break;
    case SyslogTarget::Kind::kUnix:
      socket = open_unix(SOCK_STREAM, target.path);
      break;
    case SyslogTarget::Kind::kUdp:
    case SyslogTarget::Kind::kTcp:
      socket = open_remote(target);
      break;
  }
  return socket >= 0;
}

void Syslog::State::disconnect() {
  if (socket >= 0) ::close(std::exchange(socket, -1));
}

// False: it is time to end.
bool Syslog::State::pause(Duration span) {
  std::unique_lock lock(mutex);
  return !wake.wait_for(lock, span, [this] { return stopping; });
}

}  // namespace petiole
