// What the system knows of this process, for monitoring.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/time.h"

namespace petiole {

std::uint64_t resident_bytes();  // 0 when the system does not tell.
int cores();
int process_id();
std::string host_name();
std::string program_name();  // As it was called, without the directory.
// Lets this process open as many files as it may: it starts with 1,024 mostly, for the sake of
// programs that select(). nats-server has it from Go.
void raise_file_limit();
// Others that run a file of the same name as this one, or of one that was replaced; lowest first.
std::vector<int> twin_processes();
std::vector<std::string> interface_addresses();  // Numeric, of all that are up.
// The first of them that other machines can use; empty: there is none.
std::string own_address();

// Share of processor time since the call before, in percent of one core. 0 the first time; the same
// again within a tenth of a second.
class CpuMeter {
 public:
  double percent(Time now);

 private:
  Time last_time_{};
  Duration last_used_{};
  double last_percent_ = 0;
  bool measured_ = false;
};

}  // namespace petiole
