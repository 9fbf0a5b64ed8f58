#include "agent/server.h"

#include <algorithm>
#include <utility>

#include "agent/session/client_listener.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

constexpr unsigned char kServerPrefix = 13 << 3;  // `N` in base32; wire 2.2.
constexpr std::size_t kKeyBytes = 32;

// CRC-16/XMODEM: polynomial 0x1021, start 0.
unsigned crc16(std::string_view bytes) {
  unsigned crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    crc &= 0xffff;
  }
  return crc;
}

// Reads as the public key of a server; nothing is ever signed with it.
std::string make_id(Entropy& entropy) {
  std::string bytes(1 + kKeyBytes, '\0');
  entropy.fill(std::as_writable_bytes(std::span(bytes)).subspan(1));
  bytes[0] = static_cast<char>(kServerPrefix);
  const unsigned crc = crc16(bytes);
  bytes += static_cast<char>(crc & 0xff);
  bytes += static_cast<char>(crc >> 8);
  return base32(bytes);
}

}  // namespace

Server::Server(const Config& config, Host host)
    : config_(config),
      websocket_auth_(petiole::websocket_auth(config.websocket, config.auth)),
      host_(host),
      id_(make_id(host.entropy)),
      name_(config.server_name.empty() ? id_ : config.server_name),
      started_(host.clock.wall()),
      exchange_(host, {name_, cluster()}, config_.system_account),
      closed_(config.limits.closed_connections_max) {
  set_accounts();
}

// All of the configuration; an account that is there keeps its subscriptions.
void Server::set_accounts() {
  const std::size_t before = exchange_.dangling().size();
  make_account("$G");
  if (!config_.system_account.empty()) make_account(config_.system_account);
  for (const AccountConfig& account : config_.accounts) make_account(account.name);
  for (const auto& [name, account] : accounts_) {
    const auto found = std::find_if(config_.accounts.begin(), config_.accounts.end(),
                                    [&](const AccountConfig& each) { return each.name == name; });
    const AccountConfig plain{.name = name};
    const AccountConfig& own = found == config_.accounts.end() ? plain : *found;
    account->set_limits(config_.limits, own.limits);
    exchange_.set(*account, own);
  }
  exchange_.connect();
  report_dangling(before);
}

Server::~Server() = default;

Account& Server::make_account(const std::string& name) {
  std::unique_ptr<Account>& account = accounts_[name];
  if (!account) account = std::make_unique<Account>(name, config_.limits, host_.entropy);
  return *account;
}

void Server::report_dangling(std::size_t before) {
  const std::vector<std::string>& dangling = exchange_.dangling();
  for (std::size_t i = dangling.size() > before ? 0 : dangling.size(); i < dangling.size(); ++i) {
    host_.log.warning(dangling[i]);
  }
}

void Server::apply(const AccountConfig& config) {
  std::erase_if(departed_, [](const auto& each) { return each->is_empty(); });
  const std::size_t before = exchange_.dangling().size();
  Account& account = make_account(config.name);
  account.set_limits(config_.limits, config.limits);
  exchange_.set(account, config);
  exchange_.connect();
  report_dangling(before);
}

bool Server::remove_account(std::string_view name) {
  const auto found = accounts_.find(name);
  const bool kept = name == "$G" || name == config_.system_account ||
                    std::any_of(config_.remotes.begin(), config_.remotes.end(),
                                [&](const RemoteConfig& each) { return each.account == name; });
  if (found == accounts_.end() || kept) return false;
  std::erase_if(departed_, [](const auto& each) { return each->is_empty(); });
  exchange_.remove(*found->second);
  exchange_.connect();
  std::vector<Reportable*> leaving;
  for (const auto& [cid, session] : open_) {
    if (session->report(false).account == name) leaving.push_back(session);
  }
  departed_.push_back(std::move(found->second));
  accounts_.erase(found);
  for (Reportable* session : leaving) session->shut_down("Missing Account");
  return true;
}

Account* Server::account(std::string_view name) {
  const auto found = accounts_.find(name);
  return found == accounts_.end() ? nullptr : found->second.get();
}

ConnectionCounters Server::past_leaf_traffic(std::string_view account) const {
  const auto found = past_leafs_.find(account);
  return found == past_leafs_.end() ? ConnectionCounters() : found->second;
}

Config Server::replace(const Config& config) {
  Config before = std::exchange(config_, config);
  websocket_auth_ = petiole::websocket_auth(config_.websocket, config_.auth);
  for (const AccountConfig& account : before.accounts) {
    const auto same = [&](const AccountConfig& each) { return each.name == account.name; };
    if (std::none_of(config_.accounts.begin(), config_.accounts.end(), same)) {
      remove_account(account.name);
    }
  }
  set_accounts();
  // A session that ends leaves the register later, never from inside the call.
  for (const auto& [cid, session] : open_) session->configuration_changed(before);
  return before;
}

void Server::enter(std::uint64_t cid, Reportable& session) { open_.emplace(cid, &session); }

void Server::leave(std::uint64_t cid, const ConnectionReport& last) {
  open_.erase(cid);
  if (last.kind == PeerKind::kLeaf) {
    ConnectionCounters& sum = past_leafs_[last.account];
    sum.messages_in += last.counters.messages_in;
    sum.bytes_in += last.counters.bytes_in;
    sum.messages_out += last.counters.messages_out;
    sum.bytes_out += last.counters.bytes_out;
  }
  if (events_) events_->disconnected(last);
  closed_.add(last);
}

}  // namespace petiole
