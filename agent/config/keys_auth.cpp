// authorization {} of clients and of leafnodes: users, tokens, defaults. Permissions are in
// keys_permissions.cpp.
#include <string>
#include <unordered_set>

#include "agent/auth/nkey.h"
#include "agent/config/features.h"
#include "agent/config/keys.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;

constexpr std::string_view kProxies = "trusted proxies are not part of petiole";
constexpr Duration kTimeoutHigh = std::chrono::seconds(60);

constexpr Key<UserConfig> kUserKeys[] = {
    {"user|username", [](Reader& r, E e, UserConfig& u) { r.text(e, u.user); }},
    {"password|pass", [](Reader& r, E e, UserConfig& u) { r.text(e, u.password); }},
    {"account", [](Reader& r, E e, UserConfig& u) { r.text(e, u.account); }},
    {"nkey", [](Reader& r, E e, UserConfig& u) { read_user_nkey(r, e, u.nkey); }},
    {"permissions|permission|authorization",
     [](Reader& r, E e, UserConfig& u) { read_permissions(r, e, u.permissions); }},
    {"allowed_connection_types|connection_types|clients",
     [](Reader& r, E e, UserConfig& u) { read_connection_types(r, e, u.connection_types); }},
    {"proxy_required", KeyKind::kRefused, kProxies},
};

void check_user(Reader& r, const ConfigPlace& place, const UserConfig& user) {
  if (!user.nkey.empty()) {
    if (!user.user.empty() || !user.password.empty()) {
      r.error(place, "a user with an \"nkey\" has no \"user\" and no \"password\"");
    }
  } else if (user.user.empty()) {
    r.error(place, "this user has no \"user\" and no \"nkey\"");
  }
}

using Names = std::unordered_set<std::string>;

void check_twice(Reader& r, const ConfigPlace& place, const UserConfig& user, Names& seen) {
  const std::string& name = name_of(user);
  if (!name.empty() && !seen.insert(name).second) {
    r.error(place, "user \"" + name + "\" is there twice");
  }
}

// "user" and "password" beside each other are one user; they come before or after "users".
UserConfig* lone_user(Reader& reader, const ConfigEntry& entry, AuthConfig& auth) {
  if (auth.users.empty()) {
    auth.users.emplace_back();
    auth.lone_user = true;
  }
  if (auth.lone_user) return &auth.users[0];
  reader.error(entry.place, "give either \"user\" and \"password\" or \"users\"");
  return nullptr;
}

void read_user_list(Reader& r, E entry, AuthConfig& auth) {
  if (auth.lone_user) {
    return r.error(entry.place, "give either \"user\" and \"password\" or \"users\"");
  }
  read_users(r, entry, auth.users);
}

void read_user(Reader& r, E entry, AuthConfig& auth) {
  if (UserConfig* const user = lone_user(r, entry, auth)) r.text(entry, user->user);
}

void read_password(Reader& r, E entry, AuthConfig& auth) {
  if (entry.is_variable) return;  // "PASS: x" above users that say $PASS is nobody's password.
  if (UserConfig* const user = lone_user(r, entry, auth)) r.text(entry, user->password);
}

void read_account(Reader& r, E entry, AuthConfig& auth) {
  if (UserConfig* const user = lone_user(r, entry, auth)) r.text(entry, user->account);
}

void read_nkey(Reader& r, E entry, AuthConfig& auth) {
  if (UserConfig* const user = lone_user(r, entry, auth)) read_user_nkey(r, entry, user->nkey);
}

void read_timeout(Reader& r, E entry, AuthConfig& auth) {
  if (!is_zero(entry)) r.duration(entry, auth.timeout, 1ms);
  // To the grammar a bare 1m is a million.
  const bool unquoted = entry.value.is(ConfigValue::Kind::kInteger) && entry.value.integer > 60;
  if (unquoted || auth.timeout > kTimeoutHigh) {
    r.misuse(entry.place,
             "invalid use of field \"timeout\": timeout is high, consider keeping it "
             "under 60 seconds; a time with a unit is put in quotes: \"1m\"");
  }
}

void read_issuer(Reader& r, E entry, CalloutConfig& callout) {
  r.text(entry, callout.issuer);
  if (!decode_nkey_public(callout.issuer, kAccountKey)) {
    r.error(entry.value.place, "\"issuer\" must be the public key of an account: A…");
  }
}

void read_xkey(Reader& r, E entry, CalloutConfig& callout) {
  r.text(entry, callout.xkey);
  if (!decode_nkey_public(callout.xkey, kCurveKey)) {
    r.error(entry.value.place, "\"xkey\" must be a public xkey: X…");
  }
}

constexpr Key<CalloutConfig> kCalloutKeys[] = {
    {"issuer", read_issuer},
    {"account|acc", [](Reader& r, E e, CalloutConfig& c) { r.text(e, c.account); }},
    {"auth_users|users", [](Reader& r, E e, CalloutConfig& c) { r.texts(e, c.users); }},
    {"xkey|key", read_xkey},
    {"allowed_accounts", [](Reader& r, E e, CalloutConfig& c) { r.texts(e, c.allowed_accounts); }},
};

void read_callout(Reader& r, E entry, AuthConfig& auth) {
  if constexpr (!kHasTls) {
    return r.error(entry.place, "auth_callout needs a build with PETIOLE_TLS");
  }
  CalloutConfig callout;
  read_block(r, entry, std::span<const Key<CalloutConfig>>(kCalloutKeys), callout);
  if (callout.issuer.empty()) r.error(entry.place, "this auth_callout has no \"issuer\"");
  if (callout.users.empty()) {
    r.error(entry.place, "this auth_callout has no \"auth_users\": its service could not come in");
  }
  auth.callout = std::move(callout);
}

constexpr Key<AuthConfig> kAuthKeys[] = {
    {"user|username", read_user},
    {"password|pass", read_password},
    {"token", [](Reader& r, E e, AuthConfig& a) { r.text(e, a.token); }},
    {"users", read_user_list},
    {"account", read_account},
    {"timeout", read_timeout},
    {"nkey", read_nkey},
    {"default_permissions|default_permission|permissions",
     [](Reader& r, E e, AuthConfig& a) { read_permissions(r, e, a.default_permissions); }},
    {"auth_callout|auth_hook", read_callout},
    {"proxy_required", KeyKind::kRefused, kProxies},
};

}  // namespace

std::span<const Key<AuthConfig>> auth_keys() { return kAuthKeys; }
std::span<const Key<UserConfig>> user_keys() { return kUserKeys; }

const std::string& name_of(const UserConfig& user) {
  return user.nkey.empty() ? user.user : user.nkey;
}

void read_user_nkey(Reader& reader, const ConfigEntry& entry, std::string& nkey) {
  reader.text(entry, nkey);
  if (!decode_nkey_public(nkey, kUserKey)) {
    reader.error(entry.value.place, "\"nkey\" must be the public key of a user: U…");
  }
}

void read_users(Reader& reader, const ConfigEntry& entry, std::vector<UserConfig>& users) {
  Names seen;
  for (const UserConfig& user : users) seen.insert(name_of(user));
  reader.maps(entry, [&](const ConfigValue& map) {
    UserConfig user;
    read_entries(reader, map, std::span<const Key<UserConfig>>(kUserKeys), user);
    check_user(reader, map.place, user);
    check_twice(reader, map.place, user, seen);
    users.push_back(std::move(user));
  });
}

void read_authorization(Reader& reader, const ConfigEntry& entry, AuthConfig& auth) {
  AuthConfig own;
  read_block(reader, entry, std::span<const Key<AuthConfig>>(kAuthKeys), own);
  if (!own.lone_user) apply_default_permissions(own.users, own.default_permissions);
  // Users of accounts {} may be there already.
  own.users.insert(own.users.end(), auth.users.begin(), auth.users.end());
  own.no_auth_user = auth.no_auth_user;
  own.trust = std::move(auth.trust);
  auth = std::move(own);
}

void apply_default_permissions(std::vector<UserConfig>& users,
                               const std::optional<PermissionsConfig>& defaults) {
  for (UserConfig& user : users) {
    if (!user.permissions) user.permissions = defaults;
  }
}

}  // namespace petiole
