// Monitoring by HTTP.
#include "agent/agent_parts.h"

namespace petiole {

Network::Accept Agent::Parts::accept_monitor() {
  return [this](const PeerInfo&) {
    return make_http_server([this](const HttpRequest& request) { return monitor.answer(request); });
  };
}

std::string Agent::Parts::answer(std::string_view target) {
  HttpRequest request{
      .method = "GET", .path = std::string(target.substr(0, target.find('?'))), .query = {}};
  if (const std::size_t at = target.find('?'); at != target.npos) {
    std::string_view rest = target.substr(at + 1);
    while (!rest.empty()) {
      const std::string_view pair = rest.substr(0, rest.find('&'));
      rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
      const std::size_t equals = pair.find('=');
      request.query.emplace_back(pair.substr(0, equals),
                                 equals == pair.npos ? "" : pair.substr(equals + 1));
    }
  }
  return monitor.answer(request).body;
}

}  // namespace petiole
