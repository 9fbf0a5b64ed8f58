#include "agent/auth/authenticator.h"

#include "agent/auth/certificate_user.h"
#include "agent/auth/nkey.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

using Answer = Authenticator::Answer;
using Verdict = Authenticator::Verdict;

Answer accept(const IdentityPtr& identity) {
  return {.verdict = Verdict::kAccepted, .identity = identity, .password = {}, .hash = {}};
}

// Neither the time nor the answer tells where or in which length two secrets differ.
bool same_secret(std::string_view a, std::string_view b) {
  const auto x = sha256(a), y = sha256(b);
  return equal_in_constant_time({reinterpret_cast<const char*>(x.data()), x.size()},
                                {reinterpret_cast<const char*>(y.data()), y.size()});
}

// Compares `given` with what the configuration holds, plain or as a hash.
Answer compare(const IdentityPtr& identity, const std::string& given, const std::string& kept) {
  if (is_bcrypt(kept)) {
    return {
        .verdict = Verdict::kCompareHash, .identity = identity, .password = given, .hash = kept};
  }
  return same_secret(given, kept) ? accept(identity) : Answer{};
}

IdentityPtr identify(const UserConfig& user) {
  auto identity = std::make_shared<Identity>();
  identity->account = user.account;
  identity->user = user.nkey.empty() ? user.user : user.nkey;
  identity->by_nkey = !user.nkey.empty();
  identity->permissions = compile(user.permissions);
  return identity;
}

}  // namespace

Authenticator::Authenticator(const AuthConfig& config, bool by_certificate)
    : config_(&config),
      by_certificate_(by_certificate),
      nobody_(std::make_shared<Identity>()),
      decoy_(nullptr) {
  for (const UserConfig& user : config.users) {
    const User entry{&user, identify(user)};
    if (user.nkey.empty()) {
      users_.emplace(user.user, entry);
      if (is_bcrypt(user.password)) decoy_ = &user.password;
    } else {
      nkeys_.emplace(user.nkey, entry);
    }
  }
}

const Authenticator::User* Authenticator::find(const Users& users, std::string_view name,
                                               std::uint8_t type) {
  const auto found = users.find(name);
  if (found == users.end() || (found->second.config->connection_types & type) == 0) return nullptr;
  return &found->second;
}

Answer Authenticator::check(const ConnectOptions& options, std::string_view nonce,
                            std::uint8_t type) const {
  // Where no keys are known one says nothing, but to the service of a callout.
  const bool keyed = !options.nkey.empty() && (wants_nonce() || config_->callout);
  const bool silent =
      options.user.empty() && options.password.empty() && options.token.empty() && !keyed;
  if (!config_->required() || silent) return check_silent(type);
  if (keyed && wants_nonce()) return check_nkey(options, nonce, type);
  if (!config_->token.empty()) return compare(nobody_, options.token, config_->token);
  return check_user(options, type);
}

// As a peer that says nothing of itself: no_auth_user, where there is one.
Answer Authenticator::check_silent(std::uint8_t type) const {
  if (!config_->required()) return accept(nobody_);
  if (config_->no_auth_user.empty()) return {};
  const User* user = find(nkeys_, config_->no_auth_user, type);
  if (!user) user = find(users_, config_->no_auth_user, type);
  return user ? accept(user->identity) : Answer{};
}

Answer Authenticator::check_nkey(const ConnectOptions& options, std::string_view nonce,
                                 std::uint8_t type) const {
  const User* const user = find(nkeys_, options.nkey, type);
  return user && is_signed_by(options.nkey, options.signature, nonce) ? accept(user->identity)
                                                                      : Answer{};
}

const Authenticator::User* Authenticator::named(const std::string& name) const {
  for (const Users* users : {&users_, &nkeys_}) {
    const auto found = users->find(name);
    if (found != users->end()) return &found->second;
  }
  return nullptr;
}

bool Authenticator::has(const Identity& identity) const {
  const User* const user = named(identity.user);
  return user && user->identity->account == identity.account;
}

IdentityPtr Authenticator::again(const Identity& identity, const Authenticator& before,
                                 std::uint8_t type) const {
  if (identity.user.empty()) {
    const bool same = config_->required() == before.config_->required() &&
                      config_->token == before.config_->token;
    return same ? nobody_ : nullptr;
  }
  const User *old = before.named(identity.user), *now = named(identity.user);
  if (!old || !now || old->config->password != now->config->password ||
      old->config->account != now->config->account || old->config->nkey != now->config->nkey ||
      (now->config->connection_types & type) == 0) {
    return nullptr;
  }
  return *old->config == *now->config ? old->identity : now->identity;
}

Answer Authenticator::check_certificate(const PeerCertificate* certificate,
                                        std::uint8_t type) const {
  if (!certificate) return {};
  std::vector<std::string> names;
  for (const auto& [name, user] : users_) names.emplace_back(name);
  const auto name = certificate_user(*certificate, names);
  const User* const user = name ? find(users_, *name, type) : nullptr;
  return user ? accept(user->identity) : Answer{};
}

Answer Authenticator::check_user(const ConnectOptions& options, std::uint8_t type) const {
  const User* const user = find(users_, options.user, type);
  const bool no_password = user && user->config->password.empty();
  const bool closed = no_password && (by_certificate_ || options.user.empty());
  return user && !closed ? compare(user->identity, options.password, user->config->password)
                         : refuse_unknown(options.password);
}

Answer Authenticator::refuse_unknown(const std::string& password) const {
  if (!decoy_ || config_->callout) return {};  // Its service is asked: that takes its own time.
  return {.verdict = Verdict::kCompareHash, .identity = {}, .password = password, .hash = *decoy_};
}

}  // namespace petiole
