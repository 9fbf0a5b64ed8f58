// The grammar of nats-server's configuration files: text to a tree of values.
//
// Entries end at a line end, `,` or `;`; keys are bare or quoted; values are words, quoted texts,
// "(" blocks, arrays and maps; `$name` takes a value from an enclosing map or the environment;
// `include path` merges another file. JSON is a subset. Wire reference: section 4.1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/config/source.h"
#include "agent/config/value.h"

namespace petiole {

// Bounds on what a file may ask of us. A file of a user's, but it may be a wrong one.
struct ConfigParseLimits {
  std::size_t file_bytes_max = 16 << 20;
  int depth_max = 64;                  // Nested maps and arrays.
  int include_depth_max = 10;          // Also ends a file that includes itself.
  std::size_t values_max = 1'000'000;  // After variables and includes: a copy counts.
};

struct ParsedConfig {
  ConfigTree tree;
  std::optional<ConfigError> error;
};

// Parses `text` as if it stood in `file`. Included files are read through `sources`.
ParsedConfig parse_config(std::string_view text, const std::string& file,
                          const ConfigSources& sources, const ConfigParseLimits& limits = {});
// Reads and parses `file`.
ParsedConfig parse_config_file(const std::string& file, const ConfigSources& sources,
                               const ConfigParseLimits& limits = {});

}  // namespace petiole
