// A header block. Properties: what asks for a trace is never missed by the look that comes first;
// fields lie in the block; the JSON holds no control character.
#include <cstdint>
#include <cstdlib>

#include "agent/protocol/trace_headers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  const bool looked = petiole::may_ask_for_trace(header);
  const auto found = petiole::read_trace_headers(header);
  if (!found) return 0;
  if (!looked) std::abort();
  for (const auto& [name, value] : found->fields) {
    if (name.empty() || value.empty() || found->value(name).empty()) std::abort();
    if (name.data() < header.data() || value.data() + value.size() > header.data() + size) {
      std::abort();
    }
  }
  if (found->external && found->only()) std::abort();
  const std::string json = found->json();
  for (const char c : json) {
    if (static_cast<unsigned char>(c) < 0x20) std::abort();
  }
  return 0;
}
