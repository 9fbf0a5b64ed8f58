#include "agent/auth/gate.h"

#include <utility>

#include "agent/auth/nkey.h"

namespace petiole {

namespace {

// What a WebSocket client must say where the block has its own; else it is a client as all others,
// and thousands of users are there once. nats-server auth.go.
AuthConfig websocket_auth(const WebSocketListenConfig& websocket, const AuthConfig& clients) {
  if (!websocket.overrides_auth()) return {};
  AuthConfig auth = clients;
  auth.no_auth_user = websocket.no_auth_user;
  if (!websocket.user.empty()) {
    UserConfig user;
    user.user = websocket.user;
    user.password = websocket.password;
    auth.users.assign(1, user);
    auth.token.clear();
  } else if (!websocket.token.empty()) {
    auth.users.clear();
    auth.token = websocket.token;
  }
  return auth;
}

// leafnodes { authorization { account } } without a user: whose leafs are that nobody has to know.
IdentityPtr make_leaf_guest(const AuthConfig& auth) {
  if (!auth.lone_user || !auth.users[0].user.empty() || !auth.users[0].nkey.empty()) return nullptr;
  auto guest = std::make_shared<Identity>();
  guest->account = auth.users[0].account;
  return guest;
}

std::unique_ptr<AccountBook> make_book(const TrustConfig& trust, Host host,
                                       AccountBook::Changed changed) {
  if (!trust.enabled()) return nullptr;
  return std::make_unique<AccountBook>(trust, host, std::move(changed));
}

// What nats-server logs of a valid token that is used in the wrong place or at the wrong time.
std::string line_of(Denial denial, std::string_view address) {
  if (denial == Denial::kSource) return "Bad src Ip " + std::string(address);
  return denial == Denial::kTime ? "Outside connect times" : "";
}

}  // namespace

struct Gate::Applicant {
  std::shared_ptr<const UserClaims> user;
  std::string signature, nonce, address;
  std::uint8_t type;
};

Gate::Gate(const Config& config, Host host, AccountBook::Changed account_changed,
           CalloutContext callout)
    : config_(config),
      calendar_(host.calendar ? *host.calendar : Calendar(host.clock)),
      websocket_auth_(websocket_auth(config_.websocket, config_.auth)),
      clients_(config_.auth, config_.maps_certificates()),
      websockets_(websocket_auth_, config_.maps_certificates()),
      leafs_(config_.leaf_listen.auth, config_.maps_certificates()),
      leaf_guest_(make_leaf_guest(config_.leaf_listen.auth)),
      passwords_(host.loop, host.worker),
      book_(make_book(config_.auth.trust, host, std::move(account_changed))),
      callout_(config_, host, std::move(callout), book()) {}

Gate::~Gate() = default;

// The listener's own, or else the one for clients (wire 3.3).
const AuthConfig& Gate::scope(std::uint8_t type) const {
  if (has_websocket_users(type)) return websocket_auth_;
  return is_leaf_connection(type) && config_.leaf_listen.auth.required() ? config_.leaf_listen.auth
                                                                         : config_.auth;
}

const Authenticator& Gate::users(std::uint8_t type) const {
  if (has_websocket_users(type)) return websockets_;
  return is_leaf_connection(type) && has_leaf_users() ? leafs_ : clients_;
}

bool Gate::has_websocket_users(std::uint8_t type) const {
  return type == kWebSocketConnection && config_.websocket.overrides_auth();
}

Duration Gate::timeout(std::uint8_t type) const {
  const auto& own = config_.websocket.auth_timeout;
  return type == kWebSocketConnection && own ? *own : scope(type).timeout;
}

bool Gate::has_leaf_users() const { return config_.leaf_listen.auth.required() && !leaf_guest_; }

// Where clients need not say who they are; else a leaf comes in as one of them. nats-server
// auth.go.
IdentityPtr Gate::guest(std::uint8_t type) const {
  return is_leaf_connection(type) && !config_.auth.required() ? leaf_guest_ : nullptr;
}

bool Gate::maps_certificates(const Login& login) const {
  if (login.peer.tls_version.empty()) return false;
  if (login.peer.websocket) return config_.websocket.tls.map;
  return is_leaf_connection(login.type) ? config_.leaf_listen.tls.map : config_.tls.map;
}

// A leaf listener with users of its own asks nobody else.
std::optional<Outcome> Gate::enter(const Login& login, std::weak_ptr<const void> whose, Done done) {
  const bool own = is_leaf_connection(login.type) && has_leaf_users();
  if (own || !callout_.enabled()) return enter_here(login, std::move(whose), std::move(done));
  auto caller = std::make_shared<Caller>(
      Caller{login.options, std::string(login.nonce), login.peer, login.type, login.cid});
  std::string& jwt = caller->options.jwt;
  if (book_ && jwt.empty()) jwt = config_.auth.trust.default_sentinel;
  const std::optional<Outcome> here =
      enter_here(login, whose, [this, caller, whose, done](const Outcome& found) {
        if (const auto outcome = callout_.enter(caller, found, whose, done)) done(*outcome);
      });
  if (!here) return std::nullopt;
  return callout_.enter(std::move(caller), *here, std::move(whose), std::move(done));
}

std::optional<Outcome> Gate::enter_here(const Login& login, std::weak_ptr<const void> whose,
                                        Done done) {
  if (IdentityPtr unnamed = guest(login.type)) return Outcome{std::move(unnamed)};
  const bool own = is_leaf_connection(login.type) && has_leaf_users();
  if (!own && book_) return enter_by_token(login, std::move(whose), std::move(done));
  const Authenticator& known = users(login.type);
  Authenticator::Answer answer =
      maps_certificates(login) ? known.check_certificate(login.peer.certificate.get(), login.type)
                               : known.check(login.options, login.nonce, login.type);
  switch (answer.verdict) {
    case Authenticator::Verdict::kAccepted:
      return Outcome{.identity = std::move(answer.identity)};
    case Authenticator::Verdict::kRefused:
      return Outcome{};
    case Authenticator::Verdict::kCompareHash:
      break;
  }
  return compare(std::move(answer), std::move(whose), std::move(done));
}

std::optional<Outcome> Gate::compare(Authenticator::Answer answer, std::weak_ptr<const void> whose,
                                     Done done) {
  const bool asked =
      passwords_.ask(std::move(answer.password), std::move(answer.hash), std::move(whose),
                     [identity = std::move(answer.identity), done = std::move(done)](bool matches) {
                       done(matches ? Outcome{.identity = identity} : Outcome{});
                     });
  if (asked) return std::nullopt;
  return Outcome{.identity = nullptr, .refusal = Refusal::kBusy};
}

std::optional<Outcome> Gate::enter_by_token(const Login& login, std::weak_ptr<const void> whose,
                                            Done done) {
  const std::string& sentinel = config_.auth.trust.default_sentinel;
  Result<UserClaims> user = decode_user(login.options.jwt);
  if (!user.ok() && !sentinel.empty()) user = decode_user(sentinel);
  if (user.ok() && !user->grant.bearer) user->token = login.options.jwt;
  if (!user.ok() || book_->is_pinned_out(user->account())) return Outcome{};
  Applicant applicant{std::make_shared<const UserClaims>(std::move(*user)), login.options.signature,
                      std::string(login.nonce), login.peer.address, login.type};
  const std::string account = applicant.user->account();
  if (!book_->is_stale(account, calendar_.now())) return decide(applicant);
  book_->fetch(account, [this, applicant = std::move(applicant), whose = std::move(whose),
                         done = std::move(done)] {
    if (!whose.expired()) done(decide(applicant));
  });
  return std::nullopt;
}

// Why somebody is not let in is not told: it would tell which accounts there are.
Outcome Gate::decide(const Applicant& applicant) const {
  const AccountClaims* const account = book_->find(applicant.user->account());
  if (!account) return {};
  Admission admission =
      admit(applicant.user, *account, {applicant.type, applicant.address}, calendar_.now());
  const auto proves = [&applicant](bool bearer) {
    return bearer || is_signed_by(applicant.user->subject, applicant.signature, applicant.nonce);
  };
  if (!admission.identity) {
    std::string line = line_of(admission.denial, applicant.address);
    if (!line.empty() && !proves(applicant.user->grant.bearer)) line.clear();
    return {.line = std::move(line)};
  }
  if (!proves(admission.bearer)) return {};
  return {.identity = std::move(admission.identity)};
}

Outcome Gate::review(const IdentityPtr& identity, std::uint8_t type, const Gate& before) const {
  if (book_ || before.book_) return {.identity = identity};
  if (!callout_.keeps(*identity, before.callout_)) return {};
  if (identity->delegated) {
    if (!callout_.asks_anew(before.callout_)) return {.identity = identity};
    return {.identity = nullptr, .refusal = Refusal::kMoved};
  }
  IdentityPtr now = users(type).again(*identity, before.users(type), type);
  if (!now && !identity->user.empty() && !users(type).has(*identity)) {
    return {.identity = nullptr, .refusal = Refusal::kMoved};
  }
  if (now && now->user.empty()) {
    if (IdentityPtr unnamed = guest(type)) now = std::move(unnamed);
    if (now->account != identity->account) return {};
  }
  return {.identity = callout_.guard(now)};
}

Outcome Gate::review(const IdentityPtr& identity, const PeerInfo& peer, std::uint8_t type) const {
  if (!book_ || !identity->claims) return {.identity = identity};
  const AccountClaims* const account = book_->find(identity->account);
  if (!account) return {.identity = nullptr, .refusal = Refusal::kAccountExpired};
  Admission admission = admit(identity->claims, *account, {type, peer.address}, calendar_.now());
  switch (admission.denial) {
    case Denial::kNone:
      return {.identity = callout_.again(*identity, admission.identity)};
    case Denial::kRevoked:
      return {.identity = nullptr, .refusal = Refusal::kRevoked};
    case Denial::kAccountExpired:
      return {.identity = nullptr, .refusal = Refusal::kAccountExpired};
    default:
      return {};
  }
}

}  // namespace petiole
