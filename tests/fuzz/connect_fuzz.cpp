// Property: what CONNECT was read as, written and read again, is the same.
#include <cstdint>
#include <cstdlib>

#include "agent/protocol/connect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  petiole::ConnectOptions first, second;
  if (!petiole::parse_connect({reinterpret_cast<const char*>(data), size}, first).ok()) return 0;
  if (first.protocol < 0) return 0;
  const std::string line = petiole::leaf_connect_line(first);
  const std::string_view json = std::string_view(line).substr(8, line.size() - 10);
  if (!petiole::parse_connect(json, second).ok()) std::abort();
  if (second.user != first.user || second.name != first.name || second.token != first.token ||
      second.deny_publish != first.deny_publish || second.is_hub != first.is_hub) {
    std::abort();
  }
  return 0;
}
