#include "agent/session/authenticator.h"

#include <algorithm>
#include <array>

#include "agent/session/certificate_user.h"
#include "platform/crypto.h"

namespace petiole {

namespace {

using Answer = Authenticator::Answer;
using Verdict = Authenticator::Verdict;

constexpr std::size_t kNkeyBytes = 35;  // Prefix, 32 bytes of key, CRC: wire 2.2.

Answer accept(const UserConfig& user) {
  return {.verdict = Verdict::kAccepted,
          .user = user.user.empty() ? user.nkey : user.user,
          .account = user.account,
          .password = {},
          .hash = {}};
}

// Compares `given` with what the configuration holds, plain or as a hash.
Answer compare(Answer accepted, const std::string& given, const std::string& kept) {
  if (is_bcrypt(kept)) {
    accepted.verdict = Verdict::kCompareHash;
    accepted.password = given;
    accepted.hash = kept;
    return accepted;
  }
  return equal_in_constant_time(given, kept) ? accepted : Answer{};
}

bool signed_by(std::string_view nkey, std::string_view signature, std::string_view nonce) {
  const auto key = base32_decode(nkey);
  const auto bytes = base64_decode(signature);
  Ed25519Signature raw{};
  if (!key || key->size() != kNkeyBytes || !bytes || bytes->size() != raw.size()) return false;
  std::array<unsigned char, 32> public_key{};
  std::copy_n(key->begin() + 1, public_key.size(), public_key.begin());
  std::copy(bytes->begin(), bytes->end(), raw.begin());
  const Result<bool> verified = ed25519_verify(public_key, nonce, raw);
  return verified.ok() && *verified;
}

}  // namespace

bool Authenticator::wants_nonce() const {
  return std::any_of(config_->users.begin(), config_->users.end(),
                     [](const UserConfig& user) { return !user.nkey.empty(); });
}

const UserConfig* Authenticator::find_user(std::string_view name) const {
  for (const UserConfig& user : config_->users) {
    if (user.nkey.empty() && user.user == name) return &user;
  }
  return nullptr;
}

Answer Authenticator::check_silent() const {
  if (!config_->required())
    return {.verdict = Verdict::kAccepted, .user = {}, .password = {}, .hash = {}};
  if (config_->no_auth_user.empty()) return {};
  const UserConfig* const user = find_user(config_->no_auth_user);
  return user ? accept(*user) : Answer{};
}

Answer Authenticator::check(const ConnectOptions& options, std::string_view nonce) const {
  const bool silent = options.user.empty() && options.password.empty() && options.token.empty() &&
                      options.nkey.empty();
  if (!config_->required() || silent) return check_silent();
  if (!options.nkey.empty() && wants_nonce()) return check_nkey(options, nonce);
  if (!config_->users.empty()) return check_user(options);
  return compare({.verdict = Verdict::kAccepted, .user = {}, .password = {}, .hash = {}},
                 options.token, config_->token);
}

Answer Authenticator::check_certificate(const PeerCertificate* certificate) const {
  if (!certificate) return {};
  std::vector<std::string> names;
  for (const UserConfig& user : config_->users) {
    if (user.nkey.empty()) names.push_back(user.user);
  }
  const auto name = certificate_user(*certificate, names);
  return name ? accept(*find_user(*name)) : Answer{};
}

Answer Authenticator::check_nkey(const ConnectOptions& options, std::string_view nonce) const {
  for (const UserConfig& user : config_->users) {
    if (user.nkey != options.nkey) continue;
    return signed_by(user.nkey, options.signature, nonce) ? accept(user) : Answer{};
  }
  return {};
}

Answer Authenticator::check_user(const ConnectOptions& options) const {
  const UserConfig* const user = find_user(options.user);
  // Without a password it is for those whose certificate names it.
  if (!user || user->password.empty()) return {};
  return compare(accept(*user), options.password, user->password);
}

}  // namespace petiole
