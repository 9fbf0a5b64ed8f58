#include "agent/auth/account_book.h"

#include <algorithm>
#include <utility>

#include "agent/auth/nkey.h"

namespace petiole {

namespace {

// A peer may name accounts that nobody knows: what it says is no path before it is a key.
bool is_account(const std::string& key) { return decode_nkey_public(key, kAccountKey).has_value(); }

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

AccountBook::AccountBook(const TrustConfig& trust, Host host, Changed changed)
    : trust_(trust), log_(host.log), changed_(std::move(changed)), store_(trust.resolver, host) {
  for (const auto& [account, token] : trust.resolver.preload) {
    if (const Status taken = take(token, account); !taken.ok()) {
      log_.error("resolver_preload: account " + account + ": " + std::string(taken.text()));
    } else if (store_.keeps()) {
      place(account);
    }
  }
}

// What was pushed since the configuration was written counts, a revocation above all.
void AccountBook::place(const std::string& account) {
  const auto is_newer = [issued = find(account)->issued_at](const std::string& token) {
    const Result<AccountClaims> kept = decode_account(find_token(token));
    return kept.ok() && kept->issued_at > issued;
  };
  store_.place(account, is_newer, [this, account](const std::optional<std::string>& token) {
    if (token) (void)take(find_token(*token), account);
  });
}

bool AccountBook::is_trusted(const std::string& key) const { return contains(trust_.keys, key); }

bool AccountBook::is_pinned_out(const std::string& account) const {
  return !trust_.pinned_accounts.empty() && !contains(trust_.pinned_accounts, account);
}

Result<AccountClaims> AccountBook::check(std::string_view token) const {
  Result<AccountClaims> claims = decode_account(token);
  if (!claims.ok()) return claims;
  if (contains(trust_.strict, claims->issuer)) {
    return {Errc::kConfig, "operator requires issuer to be a signing key"};
  }
  if (!is_trusted(claims->issuer)) {
    return {Errc::kConfig, "the account is not signed by a trusted operator"};
  }
  return claims;
}

Status AccountBook::take(std::string_view token, const std::string& account) {
  Result<AccountClaims> claims = check(token);
  if (!claims.ok()) return claims.status();
  if (!account.empty() && claims->subject != account) {
    return {Errc::kConfig, "subject does not match jwt content"};
  }
  const auto known = accounts_.find(claims->subject);
  if (known != accounts_.end() && known->second.token == token) return {};
  const AccountConfig config = claims->config;
  accounts_[config.name] = {std::move(*claims), std::string(token)};
  changed_(config);
  for (const ImportConfig& each : config.imports) look_up(each.account);
  return {};
}

void AccountBook::look_up(const std::string& account) {
  if (!find(account)) fetch(account, [] {});
}

const AccountClaims* AccountBook::find(const std::string& account) const {
  const auto found = accounts_.find(account);
  return found == accounts_.end() ? nullptr : &found->second.claims;
}

const std::string* AccountBook::token(const std::string& account) const {
  const auto found = accounts_.find(account);
  return found == accounts_.end() ? nullptr : &found->second.token;
}

bool AccountBook::is_stale(const std::string& account, Moment now) const {
  const AccountClaims* const known = find(account);
  return !known || (store_.is_remote() && validity(*known, now) == Validity::kExpired);
}

void AccountBook::fetch(const std::string& account, std::function<void()> done) {
  if (!is_account(account)) return done();
  store_.look_up(account,
                 [this, account, done = std::move(done)](const std::optional<std::string>& token) {
                   if (token) {
                     (void)take(find_token(*token), account);
                   } else if (!store_.is_remote()) {  // Which says more itself.
                     log_.warning("Account fetch failed: account missing");
                   }
                   done();
                 });
}

void AccountBook::forget(const std::string& account) {
  const auto found = accounts_.find(account);
  if (found == accounts_.end()) return;
  const AccountConfig config = found->second.claims.config;
  accounts_.erase(found);
  changed_(config);
}

}  // namespace petiole
