// Whether an account lets a user in: the checks of wire 2.3, without I/O.
#pragma once

#include <string_view>

#include "agent/auth/identity.h"
#include "agent/auth/validity.h"

namespace petiole {

// What is known of the connection.
struct Visitor {
  std::uint8_t type = kStandardConnection;  // One of ConnectionTypes.
  std::string_view address;
};

enum class Denial : std::uint8_t {
  kNone,
  kUser,    // The user's token or its permissions.
  kSource,  // Not from an address of `src`.
  kTime,    // Not within `times`.
  kIssuer,  // Not signed by the account or one of its keys.
  kRevoked,
  kAccountExpired,
  kBearer,  // The account lets no bearer in.
};

struct Admission {
  IdentityPtr identity;  // Null: denied.
  Denial denial = Denial::kNone;
  bool bearer = false;  // No signature is needed.
};

// Everything but the signature over the nonce.
Admission admit(const std::shared_ptr<const UserClaims>& user, const AccountClaims& account,
                const Visitor& visitor, Moment now);

}  // namespace petiole
