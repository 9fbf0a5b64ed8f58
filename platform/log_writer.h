// Log lines to stderr, a file and syslog, in nats-server's format.
//
// Never ends the process and never blocks it for long: a line that a pipe has no room for is
// dropped, counted, and the count is written when there is room again; so are errors that come by
// the thousand, for a peer can cause them. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "platform/log.h"
#include "platform/syslog.h"
#include "platform/time.h"

namespace petiole {

struct LogOptions {
  bool debug = false;
  bool trace = false;
  bool time = true;  // The date and time in each line.
  bool utc = false;  // Instead of local time.
  bool to_stderr = true;
  std::string file{};                // Empty: none.
  std::uint64_t file_bytes_max = 0;  // Then the file is renamed with the time; 0: no limit.
  int files_max = 0;                 // That one and the renamed ones; 0: no limit.
  bool syslog = false;
  std::string remote_syslog{};  // URL; empty: the machine's own.
};

class LogWriter final : public Logger {
 public:
  // A file that cannot be opened is told by file_error(); the other ways are used all the same, and
  // stderr for what it does not take.
  LogWriter(const Clock& clock, LogOptions options);
  ~LogWriter() override;
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  bool enabled(LogLevel level) const override;
  void write(LogLevel level, std::string_view text) override;

  void set_verbosity(bool debug, bool trace);
  // On a reload; what has another name is opened, and what could not be opened is tried again.
  void configure(LogOptions options);
  void reopen();  // After another has renamed the file: SIGUSR1.
  const std::string& file_error() const { return file_error_; }

 private:
  bool is_spared(LogLevel level, WallTime now);
  void format(LogLevel level, std::string_view text);
  void open_syslog();
  void write_stderr();
  bool write_file();
  void open_file();
  void rotate();
  void remove_oldest();

  const Clock& clock_;
  LogOptions options_;
  std::string line_;  // Kept for its capacity.
  std::string file_error_;
  std::unique_ptr<Syslog> syslog_;
  WallTime errors_since_{};  // The second in which…
  std::size_t errors_ = 0;   // …so many errors were written; the rest of it only counts.
  int file_ = -1;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t dropped_ = 0;  // Since the last line that stderr took.
};

}  // namespace petiole
