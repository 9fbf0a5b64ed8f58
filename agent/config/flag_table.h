// The rows of the command line's flags; flags.cpp reads them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/source.h"

namespace petiole {

// What flags gather before it becomes part of the configuration.
struct FlagDraft {
  Config& config;
  std::vector<ConfigError>& errors;
  RemoteConfig remote;               // --hub, --creds
  std::string store_dir;             // --store
  std::vector<std::string> forward;  // --forward
  bool tls_given = false;            // One of --tls, --tlscert, …
  bool tls_off = false;              // --tls=false
};

struct Flag {
  enum class Kind : std::uint8_t {
    kBool,
    kBoolOrOptional,  // Or "optional".
    kValue,
    kFile,
    kReloadFile,
    kCheck,
    kSignal,
    kVersion,
    kHelp,
    kNoEffect,  // Takes a value; a warning, in which `help` says why it changes nothing.
    kRefused,   // `help` says why.
  };
  std::string_view names;  // Without dashes, '|' between.
  Kind kind = Kind::kValue;
  std::string_view value;  // What stands for the value in the usage text.
  std::string_view help;
  std::string_view section;
  // Returns what is wrong with the value, empty when nothing is. A boolean gets "true" or "false",
  // or "optional".
  std::string (*apply)(const std::string& value, FlagDraft& draft) = nullptr;
};

std::span<const Flag> flag_table();

}  // namespace petiole
