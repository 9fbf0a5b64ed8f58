// `-sl command[=target]`: nats-server signal.go, ProcessSignal, and opts.go, processSignal.
#pragma once

#include <string>

namespace petiole {

// Signals the process that `target` names: a number, a number's beginning with "*" for all that
// match, or a file that holds either. Empty: that of `pid_file`, else the only other process of
// this program. Returns what is wrong; empty: nothing.
std::string run_signal(const std::string& command, std::string target, const std::string& pid_file);

}  // namespace petiole
