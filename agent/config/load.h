// From command line and files to a checked Config: the one way in for main.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/flags.h"
#include "agent/config/source.h"

namespace petiole {

struct LoadedConfig {
  Config config;                      // Valid when there are no errors.
  std::vector<ConfigError> errors;    // Exit status 1.
  std::vector<ConfigError> warnings;  // For the log.
  std::vector<ConfigError> misuses;   // nats-server starts with these, but its -t fails.
  bool ok() const { return errors.empty(); }
};

// Reads `text` as the file `file`. Checks each key; not what keys mean together.
LoadedConfig read_config(std::string_view text, const std::string& file,
                         const ConfigSources& sources);

struct LoadedStart {
  StartAction action = StartAction::kRun;
  LoadedConfig loaded;
  std::string signal,
      signal_target;  // kSignal. The target is a process id or a file; may be empty.
  std::string text;   // kVersion, kHelp, kCheck: to print, then exit 0.
  std::vector<std::string> restarts;  // --test_reload: why that file wants one; then exit 3.
};

// `arguments` without the program's name. Flags win over the file.
LoadedStart load_start(std::span<const std::string> arguments, const ConfigSources& sources);

}  // namespace petiole
