// Keys and tokens made on the spot.
#pragma once

#include <string>

#include "agent/auth/nkey.h"
#include "platform/crypto.h"

namespace petiole::test {

// A key pair of some kind, told apart by a number.
struct Key {
  Key(unsigned char kind, unsigned char number) {
    seed.fill(number);
    text = encode_nkey_public(kind, *ed25519_public(seed));
  }
  std::string sign(std::string_view bytes) const {
    const auto signature = *ed25519_sign(seed, bytes);
    return base64url(std::string(signature.begin(), signature.end()));
  }
  Ed25519Seed seed{};
  std::string text;  // The public key.
};

inline const Key kOp{kOperatorKey, 1}, kOpSigner{kOperatorKey, 2}, kOtherOp{kOperatorKey, 3};
inline const Key kAcc{kAccountKey, 11}, kAccSigner{kAccountKey, 12}, kScoped{kAccountKey, 13},
    kOtherAcc{kAccountKey, 14}, kSys{kAccountKey, 15};
inline const Key kJoe{kUserKey, 21}, kJane{kUserKey, 22};

inline std::string seal(const std::string& payload, const Key& issuer, bool version1 = false) {
  const std::string head = base64url(version1 ? R"({"typ":"jwt","alg":"ed25519"})"
                                              : R"({"typ":"JWT","alg":"ed25519-nkey"})");
  const std::string body = base64url(payload);
  return head + "." + body + "." + issuer.sign(version1 ? body : head + "." + body);
}

// `claims`: more fields of the token, each with a comma behind; `nats`: the same of its inside.
inline std::string token(const std::string& type, const Key& subject, const Key& issuer,
                         const std::string& nats = {}, const std::string& claims = {}) {
  return seal("{" + claims + "\"jti\":\"x\",\"iat\":1000,\"iss\":\"" + issuer.text +
                  "\",\"sub\":\"" + subject.text + "\",\"name\":\"Name\",\"nats\":{" + nats +
                  "\"type\":\"" + type + "\",\"version\":2}}",
              issuer);
}

inline const std::string kNoLimits =
    R"("limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,)"
    R"("conn":-1,"leaf":-1},)";
inline const std::string kFree = R"("subs":-1,"data":-1,"payload":-1,)";

inline std::string account_token(const std::string& more = {}, const Key& account = kAcc,
                                 const Key& by = kOp, const std::string& claims = {}) {
  return token("account", account, by, kNoLimits + more, claims);
}
inline std::string user_token(const std::string& more = {}, const Key& by = kAcc,
                              const std::string& claims = {}, const Key& user = kJoe) {
  return token("user", user, by, kFree + more, claims);
}

}  // namespace petiole::test
