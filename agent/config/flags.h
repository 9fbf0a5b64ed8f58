// Command-line flags: nats-server's and ours, in Go's style.
//
// `-p 4222`, `-p=4222`, `--port 4222` and `--port=4222` are the same; a flag without a value is a
// boolean, which `=false` turns off. "--" ends the flags.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/source.h"

namespace petiole {

// What the flags ask for besides options.
enum class StartAction : std::uint8_t {
  kRun,
  kCheck,    // -t
  kVersion,  // -v, --version
  kHelp,     // -h, --help_tls
  kSignal,   // -sl
};

struct Flag;

struct ParsedFlags {
  StartAction action = StartAction::kRun;
  std::string file;                                          // -c
  std::string reload_file;                                   // --test_reload
  std::string signal, signal_target;                         // -sl signal[=target]
  std::string text;                                          // To print, for kVersion and kHelp.
  std::vector<std::pair<const Flag*, std::string>> options;  // In order; see apply_flags.
  std::vector<ConfigError> errors, warnings;
};

ParsedFlags parse_flags(std::span<const std::string> arguments);

// Applies the options over what the file said.
void apply_flags(const ParsedFlags& flags, Config& config, std::vector<ConfigError>& errors);

// The text of --help.
std::string usage_text();

}  // namespace petiole
