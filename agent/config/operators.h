// Reads the JWTs of operators, and what follows from them.
#pragma once

#include <vector>

#include "agent/config/config.h"
#include "agent/config/source.h"

namespace petiole {

// Puts the JWTs in place of the files that `operator` names, adds their keys to those that are
// trusted, and takes the system account from them when the file names none.
void load_operators(Config& config, const ConfigSources& sources, std::vector<ConfigError>& errors);

}  // namespace petiole
