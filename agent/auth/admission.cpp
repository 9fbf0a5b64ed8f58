#include "agent/auth/admission.h"

#include <algorithm>

#include "agent/auth/scope.h"

namespace petiole {

namespace {

bool is_revoked(const AccountClaims& account, const UserClaims& user) {
  const auto revoked = [&](const std::string& key) {
    const auto found = account.revocations.find(key);
    return found != account.revocations.end() && found->second >= user.issued_at;
  };
  return revoked("*") || revoked(user.subject);
}

// Types that are unknown here are left out; when none is known, nobody comes in.
bool type_allowed(const UserGrant& grant, std::uint8_t type) {
  if (grant.connection_types.empty()) return true;
  return std::any_of(
      grant.connection_types.begin(), grant.connection_types.end(),
      [type](const std::string& name) { return (connection_bit(name) & type) != 0; });
}

IdentityPtr identify(const std::shared_ptr<const UserClaims>& user, const AccountClaims& account,
                     const UserGrant& grant, WallTime until) {
  auto identity = std::make_shared<Identity>();
  identity->account = account.subject;
  identity->account_name = account.name;
  identity->user = user->subject;
  identity->subscriptions_max = grant.subscriptions;
  identity->payload_bytes_max = grant.payload;
  identity->permissions = grant.has_permissions ? compile(std::optional(grant.permissions))
                                                : compile(account.config.default_permissions);
  identity->expires = std::min(expiry(*user), until);
  identity->account_expires = expiry(account);
  identity->claims = user;
  return identity;
}

Admission deny(Denial denial) { return {.identity = nullptr, .denial = denial}; }

}  // namespace

Admission admit(const std::shared_ptr<const UserClaims>& user, const AccountClaims& account,
                const Visitor& visitor, Moment now) {
  if (validity(*user, now) != Validity::kGood) return deny(Denial::kUser);
  UserGrant grant = user->grant;
  if (user->issuer != account.subject) {
    const auto key = account.signing_keys.find(user->issuer);
    if (key == account.signing_keys.end()) return deny(Denial::kIssuer);
    if (key->second) {
      if (!user->grant.empty) return deny(Denial::kUser);
      Result<UserGrant> scoped = apply_scope(*key->second, *user, account);
      if (!scoped.ok()) return deny(Denial::kUser);
      grant = std::move(*scoped);
    }
  }
  if (validity(account, now) != Validity::kGood) return deny(Denial::kAccountExpired);
  if (grant.bearer && account.disallow_bearer) return deny(Denial::kBearer);
  if (grant.proxy_required || !type_allowed(grant, visitor.type)) return deny(Denial::kUser);
  if (is_revoked(account, *user)) return deny(Denial::kRevoked);
  if (!source_allowed(grant, visitor.address)) return deny(Denial::kSource);
  const std::optional<WallTime> until = allowed_until(grant, now);
  if (!until) return deny(Denial::kTime);
  return {.identity = identify(user, account, grant, *until), .denial = {}, .bearer = grant.bearer};
}

}  // namespace petiole
