// Who a client is, by its CONNECT and the configuration. Order: wire/client-and-leaf.md
// section 2.1.
//
// Knows no connection. A password kept as a bcrypt hash is not checked here, because that takes
// tens of milliseconds: the answer says what is to be compared elsewhere.
#pragma once

#include <string>
#include <string_view>

#include "agent/config/config.h"
#include "agent/protocol/connect.h"
#include "platform/tls.h"

namespace petiole {

class Authenticator {
 public:
  explicit Authenticator(const AuthConfig& config) : config_(&config) {}

  // A client must say who it is before anything else.
  bool required() const { return config_->required() && config_->no_auth_user.empty(); }
  // INFO must hold a nonce for clients to sign.
  bool wants_nonce() const;

  enum class Verdict : std::uint8_t { kAccepted, kRefused, kCompareHash };
  struct Answer {
    Verdict verdict = Verdict::kRefused;
    std::string user;  // Empty: none, or a token.
    std::string account = "$G";
    std::string password, hash;  // kCompareHash: accepted when these match.
  };
  Answer check(const ConnectOptions& options, std::string_view nonce) const;
  // verify_and_map: the certificate alone decides. Null: none was shown.
  Answer check_certificate(const PeerCertificate* certificate) const;
  // As a client that says nothing of itself: no_auth_user, where there is one.
  Answer check_silent() const;

 private:
  Answer check_nkey(const ConnectOptions& options, std::string_view nonce) const;
  Answer check_user(const ConnectOptions& options) const;
  const UserConfig* find_user(std::string_view name) const;

  const AuthConfig* config_;
};

}  // namespace petiole
