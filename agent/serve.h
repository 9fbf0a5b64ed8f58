// The program: which command the arguments name, and the life of the server.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "agent/config/load.h"

namespace petiole {

// `arguments` without the program's name. Returns the exit status: 0 clean, 1 configuration error,
// 2 failure to start; a subcommand documents its own.
int run_program(std::span<const std::string> arguments);

// Serves until a signal ends it. `load_again` reads the same arguments and files for a reload.
int run_server(const LoadedConfig& loaded, std::function<LoadedConfig()> load_again);

}  // namespace petiole
