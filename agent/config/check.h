// What no single key can tell: options that contradict each other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/source.h"

namespace petiole {

// Appends to `errors` and `warnings`; their places name the block, for there is no line to blame.
void check_config(const Config& config, std::vector<ConfigError>& errors,
                  std::vector<ConfigError>& warnings);

// The same of accounts: exports, imports and whether they fit. Places are those of the file.
void check_accounts(const Config& config, std::vector<ConfigError>& errors);

// The files that options name: each must be there and readable before anything is started.
void check_files(const Config& config, const ConfigSources& sources,
                 std::vector<ConfigError>& errors);

// Why `subject` is no subject to subscribe to (wildcards allowed); empty when it is one.
std::string check_subject(std::string_view subject);

}  // namespace petiole
