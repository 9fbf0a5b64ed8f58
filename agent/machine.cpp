#include "agent/machine.h"

#include <cstdlib>

#include "agent/clock_floor.h"
#include "platform/files.h"

namespace petiole {

namespace {

constexpr std::size_t kFileBytesMax = 16 << 20;  // Of a configuration or credentials file.
constexpr const char* kFileTooLarge = "the file is larger than 16 MiB";

}  // namespace

Machine::Machine(const LogOptions& log_options) : log(clock, log_options) {
  network.report_to([this](const std::string& line) { log.error(line); });
}

Host Machine::host() {
  return {loop, clock, network, entropy, log, worker, chunks, &files, &calendar};
}

ConfigSources system_sources() {
  ConfigSources sources;
  sources.read_file = [](const std::string& path) -> Result<std::string> {
    FileText file = read_file(path, kFileBytesMax);
    if (file.status.code() == Errc::kTooLarge) return Status(Errc::kTooLarge, kFileTooLarge);
    if (!file.status.ok()) return file.status;
    return std::move(file.text);
  };
  sources.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    if (!value) return std::nullopt;
    return std::string(value);
  };
  // A clock that is not set makes no certificate file wrong.
  sources.check_tls = [](const TlsOptions& options) {
    const SystemClock clock;
    const Calendar calendar(clock, ClockTrust::kFloor, build_time());
    return make_tls_context(options, &calendar).error;
  };
  return sources;
}

}  // namespace petiole
