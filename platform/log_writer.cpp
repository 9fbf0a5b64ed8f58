#include "platform/log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#include "platform/files.h"

namespace petiole {

namespace {

constexpr const char* kNames[] = {"FTL", "ERR", "WRN", "INF", "DBG", "TRC"};  // As in LogLevel.
constexpr std::size_t kTextBytesMax = 1 << 20;    // Of one line: it may quote a peer.
constexpr std::size_t kShortBytesMax = 8 * 1024;  // The same, of a datagram,
constexpr std::size_t kPipeBytesMax = PIPE_BUF;   // and what a pipe with room certainly takes.
constexpr std::size_t kErrorsMax = 1000;          // Lines a second.
constexpr Duration kGoodbyeMax = std::chrono::seconds(2);  // For syslog to take what is left.

// `pattern` has the date and time in strftime's words; nanoseconds are the caller's.
std::string time_text(WallTime when, bool utc, const char* pattern) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(when);
  const std::time_t time = static_cast<std::time_t>(seconds.time_since_epoch().count());
  std::tm parts{};
  utc ? ::gmtime_r(&time, &parts) : ::localtime_r(&time, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof(text), pattern, &parts)};
}

long nanoseconds_of(WallTime when) {
  return static_cast<long>((when - std::chrono::floor<std::chrono::seconds>(when)).count());
}

// A pipe with room for less than a line would block the loop; a file never does.
bool has_room(int descriptor) {
  pollfd wait{.fd = descriptor, .events = POLLOUT, .revents = 0};
  return ::poll(&wait, 1, 0) == 1 && (wait.revents & POLLOUT) != 0;
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

LogWriter::LogWriter(const Clock& clock, LogOptions options)
    : clock_(clock), options_(std::move(options)) {
  if (!options_.file.empty()) open_file();
  open_syslog();
}

LogWriter::~LogWriter() {
  if (syslog_) syslog_->finish(kGoodbyeMax);
  if (file_ >= 0) ::close(file_);
}

void LogWriter::open_syslog() {
  syslog_.reset();
  if (!options_.syslog) return;
  if (const auto target = parse_syslog(options_.remote_syslog)) {
    syslog_ = std::make_unique<Syslog>(*target);
  }
}

bool LogWriter::enabled(LogLevel level) const {
  if (level == LogLevel::kDebug) return options_.debug;
  if (level == LogLevel::kTrace) return options_.trace;
  return true;
}

void LogWriter::configure(LogOptions options) {
  const bool other_file = options.file != options_.file;
  const bool other_syslog =
      options.syslog != options_.syslog || options.remote_syslog != options_.remote_syslog;
  options_ = std::move(options);
  if (other_syslog) open_syslog();
  if (!other_file && file_error_.empty()) return;
  file_error_.clear();
  if (other_file && file_ >= 0) ::close(std::exchange(file_, -1));
  if (!options_.file.empty()) open_file();
}

void LogWriter::set_verbosity(bool debug, bool trace) {
  options_.debug = debug;
  options_.trace = trace;
}

void LogWriter::write(LogLevel level, std::string_view text) {
  if (!enabled(level) || is_spared(level, clock_.wall())) return;
  text = text.substr(0, kTextBytesMax);
  const bool for_file = !options_.file.empty();
  if (options_.to_stderr || for_file) format(level, text);
  // What the file does not take, somebody may read elsewhere.
  const bool in_file = for_file && write_file();
  if (options_.to_stderr || (for_file && !in_file)) write_stderr();
  if (syslog_) syslog_->write(level, clock_.wall(), text.substr(0, kShortBytesMax));
}

bool LogWriter::is_spared(LogLevel level, WallTime now) {
  if (level != LogLevel::kError) return false;
  if (now < errors_since_ + std::chrono::seconds(1) && now >= errors_since_) {
    return ++errors_ > kErrorsMax;
  }
  errors_since_ = now;
  const std::size_t errors = std::exchange(errors_, 1);
  if (errors > kErrorsMax) {
    write(LogLevel::kWarning, std::to_string(errors - kErrorsMax) + " more errors are not shown");
  }
  return false;
}

// [pid] 2026/01/02 15:04:05.000000 [INF] text
void LogWriter::format(LogLevel level, std::string_view text) {
  line_.clear();
  line_ += '[';
  line_.append(std::to_string(::getpid())).append("] ");
  if (options_.time) {
    const WallTime now = clock_.wall();
    char micros[32];
    std::snprintf(micros, sizeof(micros), ".%06ld ", nanoseconds_of(now) / 1000);
    line_ += time_text(now, options_.utc, "%Y/%m/%d %H:%M:%S") + micros;
  }
  line_ += '[';
  line_ += kNames[static_cast<int>(level)];
  line_ += "] ";
  line_ += text;
  std::replace(line_.begin(), line_.end(), '\n', ' ');  // One event is one line.
  line_ += '\n';
}

void LogWriter::write_stderr() {
  if (!has_room(STDERR_FILENO)) {
    ++dropped_;
    return;
  }
  if (dropped_ != 0) {
    std::string note("[");
    note.append(std::to_string(::getpid())).append("] [WRN] ").append(std::to_string(dropped_));
    note.append(" log lines dropped: nobody read them\n");
    dropped_ = 0;
    write_all(STDERR_FILENO, note);
    if (!has_room(STDERR_FILENO)) {
      ++dropped_;
      return;
    }
  }
  if (line_.size() > kPipeBytesMax) line_.replace(kPipeBytesMax - 1, line_.npos, "\n");
  write_all(STDERR_FILENO, line_);  // A pipe that is closed is not our end.
}

bool LogWriter::write_file() {
  if (options_.file_bytes_max != 0 && file_bytes_ != 0 &&
      file_bytes_ + line_.size() > options_.file_bytes_max) {
    rotate();
  }
  if (file_ < 0 || !write_all(file_, line_)) return false;
  file_bytes_ += line_.size();
  return true;
}

void LogWriter::reopen() {
  if (!options_.file.empty()) open_file();
}

// The old descriptor serves on when the file cannot be opened.
void LogWriter::open_file() {
  const int opened = ::open(options_.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (opened < 0) {
    file_error_ = options_.file + ": " + std::strerror(errno);
    return;
  }
  file_error_.clear();
  if (file_ >= 0) ::close(file_);
  file_ = opened;
  struct stat state {};
  file_bytes_ = ::fstat(file_, &state) == 0 ? static_cast<std::uint64_t>(state.st_size) : 0;
}

// nats-server's names for the old files: <file>.2006.01.02.15.04.05.000000000
void LogWriter::rotate() {
  const WallTime now = clock_.wall();
  char nanos[32];
  std::snprintf(nanos, sizeof(nanos), ".%09ld", nanoseconds_of(now));
  const std::string old =
      options_.file + time_text(now, options_.utc, ".%Y.%m.%d.%H.%M.%S") + nanos;
  const Status renamed = rename_file(options_.file, old);
  file_bytes_ = 0;  // What fails is tried again after as many bytes, not with each line.
  // Gone already: another has removed it, or it could not be made the last time.
  if (!renamed.ok() && renamed.code() != Errc::kNotFound) return;
  open_file();
  if (options_.files_max > 0) remove_oldest();
}

void LogWriter::remove_oldest() {
  const std::size_t name_at = options_.file.rfind('/') + 1;  // 0: no directory is named.
  const std::string dir = name_at == 0 ? "./" : options_.file.substr(0, name_at);
  const std::string prefix = options_.file.substr(name_at) + '.';
  auto old = list_names(dir);  // In order: the names sort as their times.
  if (!old.ok()) return;
  std::erase_if(*old, [&prefix](const std::string& name) {
    return !name.starts_with(prefix) || name.size() != prefix.size() + 29;
  });
  const std::size_t kept = static_cast<std::size_t>(options_.files_max) - 1;
  for (std::size_t i = 0; i + kept < old->size(); ++i) remove_file(dir + (*old)[i]);
}

}  // namespace petiole
