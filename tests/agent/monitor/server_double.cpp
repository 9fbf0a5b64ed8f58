// The parts of Server that monitoring reads, without the sessions behind the real one.
#include "agent/server.h"

#include "agent/auth/callout_requests.h"
#include "agent/auth/gate.h"

namespace petiole {

Server::Server(const Config& config, Host host)
    : config_(config),
      host_(host),
      calendar_(host.clock),
      keys_({.id = "NTEST"}),
      name_("edge"),
      started_(host.clock.wall()),
      configured_(started_),
      began_(host.clock.now()),
      exchange_(host, {name_, {}}, config.system_account),
      closed_(config.limits.closed_connections_max) {
  accounts_["$G"] = std::make_unique<Account>("$G", config.limits, host.entropy);
  gate_ = std::make_unique<Gate>(config_, host, [](const AccountConfig&) {});
}
Server::~Server() = default;
ConnectionCounters Server::past_leaf_traffic(std::string_view) const { return {}; }
void Server::enter(std::uint64_t cid, Reportable& session) { open_[cid] = &session; }
void Server::leave(std::uint64_t cid, const ConnectionReport& last) {
  open_.erase(cid);
  closed_.add(last);
}

}  // namespace petiole
