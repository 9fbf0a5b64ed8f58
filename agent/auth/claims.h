// What JWTs of NATS say, as plain data. Wire: client-and-leaf 2.3. Times are seconds since 1970.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/access.h"

namespace petiole {

// Of every kind of token. The signature was checked against `issuer`; who that is was not.
struct Claims {
  std::string subject{}, issuer{}, name{}, audience{};
  std::int64_t issued_at = 0, expires = 0, not_before = 0;  // 0: not limited.
  int version = 2;
  std::vector<std::string> tags{};
};

struct TimeRange {
  std::int32_t start = 0, end = 0;  // Seconds of the day; over midnight when the end is first.
};

// What a user may do: in its own token, or in the template of a scoped signing key.
struct UserGrant {
  PermissionsConfig permissions{};
  bool has_permissions = false;                           // Else those of the account apply.
  std::int64_t subscriptions = 0, data = 0, payload = 0;  // -1: no limit; absent is 0: none.
  std::vector<std::string> sources{};                     // CIDR.
  std::vector<TimeRange> times{};
  std::string times_location{};  // IANA's name; empty: this machine's.
  bool bearer = false;
  bool proxy_required = false;
  std::vector<std::string> connection_types{};
  bool empty = true;  // Nothing of it was given.
};

struct UserClaims : Claims {
  UserGrant grant{};
  std::string issuer_account{};  // When a signing key of the account signed.
  std::string token{};           // As it came. Empty: of a bearer, who needs nothing else.
  const std::string& account() const { return issuer_account.empty() ? issuer : issuer_account; }
};

struct AccountClaims : Claims {
  AccountConfig config{};  // Its name is the public key.
  bool disallow_bearer = false;
  std::map<std::string, std::optional<UserGrant>> signing_keys{};  // With the scope's template.
  std::map<std::string, std::int64_t> revocations{};  // By user, `*`: all; issued at or before.
  std::vector<std::string> callout_users{}, callout_accounts{};
  std::string callout_xkey{};
};

struct OperatorClaims : Claims {
  std::vector<std::string> signing_keys{};
  std::string system_account{};
  bool strict_signing_keys = false;
};

// A request of the operator to forget accounts.
struct DeleteClaims : Claims {
  std::optional<std::vector<std::string>> accounts{};  // None: malformed.
};

}  // namespace petiole
