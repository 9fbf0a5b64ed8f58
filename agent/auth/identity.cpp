#include "agent/auth/identity.h"

#include "agent/connection_report.h"

namespace petiole {

// nats-server events.go, issuerForClient; monitor.go, getNameTag.
void show_identity(const Identity& identity, ConnectionReport& report) {
  report.name_tag = identity.account_name;
  const UserClaims* const claims = identity.claims.get();
  if (claims || identity.by_nkey || identity.delegated) report.issuer = identity.account;
  if (!claims) return;
  if (!claims->issuer_account.empty()) report.issuer = claims->issuer;
  report.tags = claims->tags;
  report.jwt = claims->token;
}

}  // namespace petiole
