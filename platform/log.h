// Log lines in nats-server's format: `[pid] 2026/01/02 15:04:05.000000 [INF] text`.
#pragma once

#include <cstdint>
#include <string_view>

namespace petiole {

enum class LogLevel : std::uint8_t { kFatal, kError, kWarning, kInfo, kDebug, kTrace };

class Logger {
 public:
  virtual ~Logger() = default;
  virtual bool enabled(LogLevel level) const = 0;
  virtual void write(LogLevel level, std::string_view text) = 0;

  void error(std::string_view text) { write(LogLevel::kError, text); }
  void warning(std::string_view text) { write(LogLevel::kWarning, text); }
  void info(std::string_view text) { write(LogLevel::kInfo, text); }
  void debug(std::string_view text) {
    if (enabled(LogLevel::kDebug)) write(LogLevel::kDebug, text);
  }
};

}  // namespace petiole
