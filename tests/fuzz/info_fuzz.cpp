// Property: INFO that was read, written and read again, says the same.
#include <cstdint>
#include <cstdlib>

#include "agent/protocol/info.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto first = petiole::parse_info({reinterpret_cast<const char*>(data), size});
  if (!first.ok() || first->protocol < 0 || first->api_level < 0) return 0;
  const std::string line = petiole::leaf_info_line(*first);
  const auto second = petiole::parse_info(std::string_view(line).substr(5, line.size() - 8));
  if (!second.ok()) std::abort();
  if (second->server_name != first->server_name || second->nonce != first->nonce ||
      second->leafnode_urls != first->leafnode_urls || second->client_id != first->client_id ||
      second->export_permissions.has_value() != first->export_permissions.has_value()) {
    std::abort();
  }
  return 0;
}
