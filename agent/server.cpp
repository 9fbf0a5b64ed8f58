#include "agent/server.h"

#include <array>
#include <utility>

#include "agent/auth/gate.h"
#include "agent/auth/nkey.h"

namespace petiole {

namespace {

// Reads as the public key of a server; nothing is ever signed with it.
std::string make_id(Entropy& entropy) {
  std::array<unsigned char, 32> key{};
  entropy.fill(std::as_writable_bytes(std::span(key)));
  return encode_nkey_public(kServerKey, key);
}

}  // namespace

Server::Server(const Config& config, Host host)
    : config_(config),
      host_(host),
      id_(make_id(host.entropy)),
      name_(config.server_name.empty() ? id_ : config.server_name),
      started_(host.clock.wall()) {
  self_ = std::make_shared<Server*>(this);
  apply_account({.name = "$G"});
  if (!config_.system_account.empty()) apply_account({.name = config_.system_account});
  for (const AccountConfig& account : config_.accounts) apply_account(account);
  // In operator mode an account may be linked to a hub before its JWT is known.
  for (const RemoteConfig& remote : config_.remotes) {
    if (config_.auth.trust.enabled() && !account(remote.account))
      apply_account({.name = remote.account});
  }
  gate_ = std::make_unique<Gate>(config_, host_,
                                 [this](const AccountConfig& account) { apply_account(account); });
}

void Server::apply_account(const AccountConfig& config) {
  auto& account = accounts_[config.name];
  if (!account) {
    account = std::make_unique<Account>(config.name, config_.limits, host_.entropy);
    account->set_limits(config.limits);
    return;
  }
  account->set_limits(config.limits);
  if (std::exchange(reviewing_, true)) return;
  host_.loop.post([self = std::weak_ptr<Server*>(self_)] {
    if (const auto server = self.lock()) (*server)->review_all();
  });
}

// The newest first: they go when there are too many. A session leaves the register later.
void Server::review_all() {
  reviewing_ = false;
  std::vector<Reportable*> sessions;
  for (auto each = open_.rbegin(); each != open_.rend(); ++each) sessions.push_back(each->second);
  for (Reportable* session : sessions) session->review();
}

Server::~Server() = default;

Account* Server::account(std::string_view name) {
  const auto found = accounts_.find(name);
  return found == accounts_.end() ? nullptr : found->second.get();
}

void Server::enter(std::uint64_t cid, Reportable& session) { open_.emplace(cid, &session); }

void Server::leave(std::uint64_t cid, ConnectionReport last) {
  open_.erase(cid);
  closed_.push_back(std::move(last));
  while (closed_.size() > config_.limits.closed_connections_max) closed_.pop_front();
}

}  // namespace petiole
