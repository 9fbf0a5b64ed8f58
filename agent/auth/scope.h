// Scoped signing keys: the account's template becomes the user's grant. Wire: client-and-leaf 2.3.
#pragma once

#include "agent/auth/claims.h"
#include "platform/status.h"

namespace petiole {

// Fills `{{name()}}`, `{{subject()}}`, `{{account-name()}}`, `{{account-subject()}}`, `{{tag(x)}}`
// and `{{account-tag(x)}}` in the lists of `scope`. A subject with tags becomes one for each of
// their values, 4,096 at most. An allowed subject that cannot be made is left out, and with it the
// last one everything is denied; a denied one refuses. Error: kConfig.
Result<UserGrant> apply_scope(const UserGrant& scope, const UserClaims& user,
                              const AccountClaims& account);

}  // namespace petiole
