// authorization {} of clients and of leafnodes.
#include "agent/config/keys.h"

namespace petiole {
namespace {

constexpr std::string_view kLaterAuth =
    "nkeys, permissions, JWTs and callouts of clients come with full authentication";

void set_single_user(AuthConfig& auth) {
  if (auth.users.empty()) auth.users.emplace_back();
}

constexpr Key<UserConfig> kUserKeys[] = {
    {"user|username", [](Reader& r, const ConfigEntry& e, UserConfig& u) { r.text(e, u.user); }},
    {"password|pass",
     [](Reader& r, const ConfigEntry& e, UserConfig& u) { r.text(e, u.password); }},
    {"account", [](Reader& r, const ConfigEntry& e, UserConfig& u) { r.text(e, u.account); }},
    {"nkey", KeyKind::kRefused, kLaterAuth},
    {"permissions|permission|authorization", KeyKind::kRefused, kLaterAuth},
    {"allowed_connection_types|connection_types|clients", KeyKind::kRefused, kLaterAuth},
    {"proxy_required", KeyKind::kRefused, "trusted proxies are not part of petiole"},
};

// "user" and "password" beside each other are one user; they come before or after "users".
void read_user(Reader& r, const ConfigEntry& entry, AuthConfig& auth) {
  if (auth.users.size() > 1) {
    return r.error(entry.place, "give either \"user\" and \"password\" or \"users\"");
  }
  set_single_user(auth);
  r.text(entry, auth.users[0].user);
}

void read_password(Reader& r, const ConfigEntry& entry, AuthConfig& auth) {
  if (auth.users.size() > 1) {
    return r.error(entry.place, "give either \"user\" and \"password\" or \"users\"");
  }
  set_single_user(auth);
  r.text(entry, auth.users[0].password);
}

void read_account(Reader& r, const ConfigEntry& entry, AuthConfig& auth) {
  set_single_user(auth);
  r.text(entry, auth.users[0].account);
}

constexpr Key<AuthConfig> kAuthKeys[] = {
    {"user|username", read_user},
    {"password|pass", read_password},
    {"token", [](Reader& r, const ConfigEntry& e, AuthConfig& a) { r.text(e, a.token); }},
    {"users", read_users},
    {"account", read_account},
    {"timeout",
     [](Reader& r, const ConfigEntry& e, AuthConfig& a) { r.duration(e, a.timeout, 1ms); }},
    {"nkey", KeyKind::kRefused, kLaterAuth},
    {"default_permissions|default_permission|permissions", KeyKind::kRefused, kLaterAuth},
    {"auth_callout|auth_hook", KeyKind::kRefused, kLaterAuth},
    {"proxy_required", KeyKind::kRefused, "trusted proxies are not part of petiole"},
};

}  // namespace

void read_users(Reader& r, const ConfigEntry& entry, AuthConfig& auth) {
  std::vector<UserConfig> users;
  r.maps(entry, [&](const ConfigValue& map) {
    UserConfig user;
    read_entries(r, map, std::span<const Key<UserConfig>>(kUserKeys), user);
    if (user.user.empty()) r.error(map.place, "this user has no \"user\"");
    for (const UserConfig& other : users) {
      if (other.user == user.user) r.error(map.place, "user \"" + user.user + "\" is there twice");
    }
    users.push_back(std::move(user));
  });
  if (!auth.users.empty()) {
    r.error(entry.place, "give either \"user\" and \"password\" or \"users\"");
  }
  auth.users = std::move(users);
}

std::span<const Key<AuthConfig>> auth_keys() { return kAuthKeys; }

}  // namespace petiole
