// The program: which command the arguments name, and the life of the server.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "agent/config/load.h"

namespace petiole {

// `words` are the program as it was called, whose last part names the ports file, and its
// arguments. Returns the exit status: 0 clean, 1 configuration error, 2 failure to start; a
// subcommand documents its own.
int run_program(std::span<const std::string> words);

// Serves until a signal ends it. `load_again` reads the same arguments and files for a reload.
int run_server(std::string name, const LoadedConfig& loaded,
               std::function<LoadedConfig()> load_again);

}  // namespace petiole
