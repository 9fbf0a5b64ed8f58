// Operator mode: the accounts whose JWTs are known here, who signed them, and whom they let in.
//
// Loop thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/auth/account_store.h"
#include "agent/auth/admission.h"
#include "agent/auth/jwt.h"

namespace petiole {

class AccountBook {
 public:
  // Told of each account that is new or has changed, before users are let in by it.
  using Changed = std::function<void(const AccountConfig&)>;
  // `trust` outlives it.
  AccountBook(const TrustConfig& trust, Host host, Changed changed);

  // Reads a token and takes it, if a trusted operator has signed it, in place of what is known, as
  // the reference does: even an older one. `account` is whom it must be for; empty: whomever.
  Status take(std::string_view token, const std::string& account);
  // Of a token that is to be kept: the claims, when an operator's signature counts.
  Result<AccountClaims> check(std::string_view token) const;

  // Null: not known, or not yet.
  const AccountClaims* find(const std::string& account) const;
  // As it came; null as above.
  const std::string* token(const std::string& account) const;
  // An account that has expired, and may have been renewed where it came from.
  bool is_stale(const std::string& account, Moment now) const;
  // Looks for an account of which nobody may ever come in: it exports what another one imports, or
  // is linked to a hub.
  void look_up(const std::string& account);
  // Looks for an account; then calls `done` in a later turn. The name must be a public key.
  void fetch(const std::string& account, std::function<void()> done);
  // The account lets nobody in from now on.
  void forget(const std::string& account);

  bool is_trusted(const std::string& key) const;
  bool is_pinned_out(const std::string& account) const;
  AccountStore& store() { return store_; }

 private:
  void place(const std::string& account);

  struct Entry {
    AccountClaims claims;
    std::string token;
  };

  const TrustConfig& trust_;
  Logger& log_;
  Changed changed_;
  AccountStore store_;
  std::map<std::string, Entry, std::less<>> accounts_;
};

}  // namespace petiole
