#include "agent/server.h"

#include <algorithm>
#include <utility>

#include "agent/auth/callout_requests.h"
#include "agent/auth/gate.h"

namespace petiole {

namespace {

// The account of that name that a mirror still holds on to: it comes back as itself, because what
// the mirror captures and sends is of this very one. Null: there is none.
std::unique_ptr<Account> take_back(std::vector<std::unique_ptr<Account>>& departed,
                                   std::string_view name) {
  const auto found = std::find_if(departed.begin(), departed.end(), [name](const auto& each) {
    return each->name() == name && each->capture() != nullptr;
  });
  if (found == departed.end()) return nullptr;
  std::unique_ptr<Account> account = std::move(*found);
  departed.erase(found);
  return account;
}

}  // namespace

Server::Server(const Config& config, Host host)
    : config_(config),
      host_(host),
      calendar_(host.calendar ? *host.calendar : Calendar(host.clock)),
      keys_(make_server_keys(host.entropy)),
      name_(config.server_name.empty() ? keys_.id : config.server_name),
      started_(host.clock.wall()),
      configured_(started_),
      began_(host.clock.now()),
      ports_{config.port, config.websocket.port, config.leaf_listen.port},
      exchange_(host, {name_, cluster()}, config_.system_account),
      closed_(config.limits.closed_connections_max) {
  self_ = std::make_shared<Server*>(this);
  callouts_ = std::make_unique<CalloutRequests>(
      host_, [this](std::string_view account) { return this->account(account); });
  set_accounts();
  make_gate();
  look_up_linked();
}

void Server::make_gate() {
  const CalloutSelf self{name_, config_.host, std::string(kNatsVersion), cluster(),
                         config_.server_tags};
  gate_ = std::make_unique<Gate>(
      config_, host_,
      [this](const AccountConfig& account) {
        apply(account);
        review_later(account.name);
      },
      CalloutContext{callouts_.get(), &keys_, self});
}

// All of the configuration; an account that is there keeps its subscriptions, and what its JWT
// says.
void Server::set_accounts() {
  make_account("$G");
  if (!config_.system_account.empty()) make_account(config_.system_account);
  for (const AccountConfig& account : config_.accounts) make_account(account.name);
  // In operator mode an account may be linked to a hub before its JWT is known.
  for (const RemoteConfig& remote : config_.remotes) {
    if (config_.auth.trust.enabled()) make_account(remote.account);
  }
  const AccountBook* const book = gate_ ? gate_->book() : nullptr;
  for (const auto& [name, account] : accounts_) {
    const auto found =
        std::find_if(config_.accounts.begin(), config_.accounts.end(),
                     [&name = name](const AccountConfig& each) { return each.name == name; });
    const AccountClaims* const claims = book ? book->find(name) : nullptr;
    const AccountConfig plain{.name = name};
    const AccountConfig& own = claims                            ? claims->config
                               : found == config_.accounts.end() ? plain
                                                                 : *found;
    account->set_limits(config_.limits, own.limits);
    account->set_trace(own);
    exchange_.set(*account, own);
  }
  connect_imports();
  look_up_linked();
}

void Server::look_up_linked() {
  AccountBook* const book = gate_ ? gate_->book() : nullptr;
  if (!book) return;
  for (const RemoteConfig& remote : config_.remotes) book->look_up(remote.account);
}

void Server::review_later(const std::string& account) {
  const bool posted = !changed_.empty();
  changed_.insert(account);
  if (posted) return;
  host_.loop.post([self = std::weak_ptr<Server*>(self_)] {
    if (const auto server = self.lock()) (*server)->review();
  });
}

// The newest first: they go when there are too many. A session leaves the register later.
void Server::review() {
  const auto changed = std::exchange(changed_, {});
  std::vector<Reportable*> members;
  for (auto each = open_.rbegin(); each != open_.rend(); ++each) {
    if (changed.contains(each->second->report(false).account)) members.push_back(each->second);
  }
  for (Reportable* member : members) member->review();
}

Server::~Server() = default;

Account& Server::make_account(const std::string& name) {
  std::unique_ptr<Account>& account = accounts_[name];
  if (account) return *account;
  account = take_back(departed_, name);
  if (!account) account = std::make_unique<Account>(name, config_.limits, host_.entropy);
  if (watcher_) watcher_->account_came(*account);
  return *account;
}

HostPort Server::leaf_address() const {
  const LeafListenConfig& leaf = config_.leaf_listen;
  const auto named =
      leaf.advertise.empty() ? std::nullopt : parse_advertised(leaf.advertise, ports_.leaf);
  if (named) return *named;
  const bool any = leaf.host == "0.0.0.0" || leaf.host == "::";
  return {any && !ports_.own_address.empty() ? ports_.own_address : leaf.host, ports_.leaf};
}

void Server::connect_imports() {
  const std::size_t before = exchange_.dangling().size();
  exchange_.connect();
  const std::vector<std::string>& dangling = exchange_.dangling();
  for (std::size_t i = dangling.size() > before ? 0 : dangling.size(); i < dangling.size(); ++i) {
    host_.log.warning(dangling[i]);
  }
  watch_imports();
}

// The clock on the wall may be set at any time, and timers do not follow it.
void Server::watch_imports() {
  constexpr Duration kLook = std::chrono::minutes(1);
  if (exchange_.next_end() == WallTime::max()) return;
  if (!import_timer_) {
    import_timer_ = host_.loop.make_timer([this] {
      const Moment now = calendar_.now();
      if (!now.lenient && now.time >= exchange_.next_end()) return connect_imports();
      watch_imports();
    });
  }
  const Duration left = exchange_.next_end() - calendar_.now().time;
  import_timer_->arm(host_.clock.now() + std::clamp<Duration>(left, 1ms, kLook));
}

void Server::apply(const AccountConfig& config) {
  std::erase_if(departed_, [](const auto& each) { return each->is_empty(); });
  Account& account = make_account(config.name);
  account.set_limits(config_.limits, config.limits);
  account.set_trace(config);
  account.set_tag(config.tag);
  exchange_.set(account, config);
  connect_imports();
}

bool Server::remove_account(std::string_view name) {
  const auto found = accounts_.find(name);
  const bool kept = name == "$G" || name == config_.system_account ||
                    std::any_of(config_.remotes.begin(), config_.remotes.end(),
                                [&](const RemoteConfig& each) { return each.account == name; });
  if (found == accounts_.end() || kept) return false;
  std::erase_if(departed_, [](const auto& each) { return each->is_empty(); });
  if (watcher_) watcher_->account_leaves(*found->second);
  exchange_.remove(*found->second);
  connect_imports();
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
  configured_ = host_.clock.wall();
  for (const AccountConfig& account : before.accounts) {
    const auto same = [&](const AccountConfig& each) { return each.name == account.name; };
    if (std::none_of(config_.accounts.begin(), config_.accounts.end(), same)) {
      remove_account(account.name);
    }
  }
  set_accounts();
  const bool other_users =
      !(before.auth == config_.auth) || !(before.leaf_listen == config_.leaf_listen) ||
      before.tls.map != config_.tls.map ||
      (config_.auth.callout &&  // It places users in accounts, and is told of the rest.
       (before.accounts != config_.accounts || before.server_tags != config_.server_tags ||
        before.tls.options.verify != config_.tls.options.verify));
  const bool other_gate = other_users && !config_.auth.trust.enabled();
  if (other_gate) {
    std::erase_if(former_gates_, [](const auto& each) { return !each->is_busy(); });
    former_gates_.push_back(std::move(gate_));
    make_gate();
  }
  // A session that ends leaves the register later, never from inside the call.
  const Gate* const former = other_gate ? former_gates_.back().get() : nullptr;
  for (const auto& [cid, session] : open_) session->configuration_changed(former);
  return before;
}

Outcome Server::confirm(const Outcome& answer, std::uint8_t type, const Gate& asked) const {
  if (!answer.identity || &asked == gate_.get()) return answer;
  Outcome now = gate_->review(answer.identity, type, asked);
  if (now.refusal != Refusal::kMoved) return now;
  if (answer.identity->delegated) return answer;  // The service has just decided.
  now.refusal = Refusal::kViolation;              // It was not in yet.
  return now;
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
