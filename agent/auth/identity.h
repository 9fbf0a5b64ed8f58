// Who a connection is: the one result of every kind of login, for clients and leafs alike.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/auth/claims.h"
#include "agent/auth/permissions.h"
#include "platform/time.h"

namespace petiole {

struct ConnectionReport;

// Shared by the connections of one user where the configuration names it.
struct Identity {
  std::string account = "$G";
  std::string user;                                // A name or public key; empty: none, or a token.
  std::shared_ptr<const Permissions> permissions;  // Null: everything.
  std::int64_t subscriptions_max = -1;             // The user's and the account's; -1: no limit.
  std::int64_t payload_bytes_max = -1;
  WallTime expires = WallTime::max();

  bool by_nkey = false;      // The configuration knows it by a key.
  bool delegated = false;    // A callout's service has let it in.
  std::string account_name;  // As the account's JWT has it; empty: it is called as above.

  // Of a user JWT; else empty.
  std::shared_ptr<const UserClaims> claims;
  WallTime account_expires = WallTime::max();
};

// Why a login is refused. What it says is the same for an unknown user and a wrong secret.
enum class Refusal : std::uint8_t {
  kViolation,  // Authorization Violation.
  kBusy,       // More logins wait than is good; the peer may come again.
  kRevoked,    // User Authentication Revoked: of a peer that is in.
  kAccountExpired,
  kMoved,  // By a reload, away or to another account: it is to come again. No -ERR.
};

using IdentityPtr = std::shared_ptr<const Identity>;

// What monitoring shows of it.
void show_identity(const Identity& identity, ConnectionReport& report);

// What becomes of a login.
struct Outcome {
  IdentityPtr identity{};  // Null: refused.
  Refusal refusal = Refusal::kViolation;
  std::string why{};   // For the log and events, when it is more than the words of `refusal`.
  std::string line{};  // For the log alone, ahead of that; empty: none.
};

}  // namespace petiole
