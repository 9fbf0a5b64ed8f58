#include "agent/leaf/login.h"

#include <algorithm>

#include "agent/leaf/nkey.h"

namespace petiole {

namespace {

// Compares plain text at once and leaves a hash for later.
LeafLogin compare(LeafLogin login, const std::string& sent, const std::string& stored) {
  if (is_bcrypt(stored)) {
    login.found = true;
    login.secret = sent;
    login.hash = stored;
    return login;
  }
  login.found = equal_in_constant_time(sent, stored);
  return login;
}

bool proves(const std::string& nkey, const LeafConnect& connect, std::string_view nonce) {
  const auto key = decode_nkey_public(nkey);
  const auto raw = base64_decode(connect.signature);
  Ed25519Signature signature{};
  if (!key || !raw || raw->size() != signature.size()) return false;
  std::copy(raw->begin(), raw->end(), signature.begin());
  const Result<bool> verified = ed25519_verify(*key, nonce, signature);
  return verified.ok() && *verified;
}

LeafLogin login_as(const UserConfig& user) {
  return {.found = true, .account = user.account, .user = user.user.empty() ? user.nkey : user.user,
          .secret = {}, .hash = {}};
}

LeafLogin find_user(const AuthConfig& auth, const LeafConnect& connect, std::string_view nonce) {
  for (const UserConfig& user : auth.users) {
    if (!connect.nkey.empty()) {
      if (user.nkey == connect.nkey && proves(user.nkey, connect, nonce)) return login_as(user);
    } else if (user.nkey.empty() && user.user == connect.user && !connect.user.empty()) {
      return compare(login_as(user), connect.password, user.password);
    } else if (connect.user.empty() && connect.token.empty() && !auth.no_auth_user.empty() &&
               user.user == auth.no_auth_user) {
      return login_as(user);
    }
  }
  return {};
}

}  // namespace

LeafLogin find_leaf_login(const AuthConfig& listener, const AuthConfig& ordinary,
                          const LeafConnect& connect, std::string_view nonce) {
  const AuthConfig& auth = listener.required() ? listener : ordinary;
  if (!auth.required()) return {.found = true, .account = "$G", .user = {}, .secret = {}, .hash = {}};
  if (!auth.token.empty() && !connect.token.empty()) {
    return compare({.found = true, .account = "$G", .user = {}, .secret = {}, .hash = {}},
                   connect.token, auth.token);
  }
  return find_user(auth, connect, nonce);
}

}  // namespace petiole
