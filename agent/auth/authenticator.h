// Who a peer is, by its CONNECT and the users of the configuration. Order: wire/client-and-leaf.md
// section 2.1.
//
// Knows no connection. A password kept as a bcrypt hash is not checked here, because that takes
// tens of milliseconds: the answer says what is to be compared elsewhere. Loop thread.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/auth/identity.h"
#include "agent/config/access.h"
#include "agent/protocol/connect.h"
#include "platform/tls.h"

namespace petiole {

class Authenticator {
 public:
  // `config` must outlive it and stay as it is.
  // `by_certificate`: who has no password comes by a certificate, and not without.
  Authenticator(const AuthConfig& config, bool by_certificate);

  // A peer must say who it is before anything else.
  bool required() const { return config_->required() && config_->no_auth_user.empty(); }
  // INFO must hold a nonce for peers to sign.
  bool wants_nonce() const { return !nkeys_.empty(); }

  enum class Verdict : std::uint8_t { kAccepted, kRefused, kCompareHash };
  struct Answer {
    Verdict verdict = Verdict::kRefused;
    IdentityPtr identity;        // kCompareHash: when these match; null: they only seem to.
    std::string password, hash;  // kCompareHash.
  };
  // `type` is one of ConnectionTypes.
  Answer check(const ConnectOptions& options, std::string_view nonce, std::uint8_t type) const;
  // As whom one that `before` knew as `identity` is known here; null: no more, by another secret,
  // or not for a connection of this `type`.
  IdentityPtr again(const Identity& identity, const Authenticator& before, std::uint8_t type) const;
  // Whether there is a user of this name in the same account.
  bool has(const Identity& identity) const;
  // verify_and_map: the certificate alone decides. Null: none was shown.
  Answer check_certificate(const PeerCertificate* certificate, std::uint8_t type) const;

 private:
  struct User {
    const UserConfig* config;
    IdentityPtr identity;
  };
  using Users = std::unordered_map<std::string_view, User>;

  const User* named(const std::string& name) const;
  static const User* find(const Users& users, std::string_view name, std::uint8_t type);
  Answer check_silent(std::uint8_t type) const;
  Answer check_nkey(const ConnectOptions& options, std::string_view nonce, std::uint8_t type) const;
  Answer check_user(const ConnectOptions& options, std::uint8_t type) const;
  Answer refuse_unknown(const std::string& password) const;

  const AuthConfig* config_;
  bool by_certificate_;
  Users users_, nkeys_;
  IdentityPtr nobody_;        // Without users, or by the token.
  const std::string* decoy_;  // Some user's hash: unknown names take as long as known ones.
};

}  // namespace petiole
