// Stands in for agent_monitor.cpp in a build without PETIOLE_MONITOR; the configuration refuses the
// options that would need it.
#include "agent/agent_parts.h"

namespace petiole {

Network::Accept Agent::Parts::accept_monitor() {
  return [](const PeerInfo&) { return nullptr; };
}

std::string Agent::Parts::answer(std::string_view) { return {}; }

}  // namespace petiole
