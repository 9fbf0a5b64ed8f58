#include "agent/config/operators.h"

#include <string>

#include "agent/auth/jwt.h"
#include "agent/auth/nkey.h"

namespace petiole {
namespace {

struct Loader {
  Config& config;
  const ConfigSources& sources;
  std::vector<ConfigError>& errors;
  std::string system_account{};

  void error(const std::string& text) {
    errors.push_back({config.file.empty() ? "operator" : config.file + ": operator", text});
  }

  void load(std::string& text) {
    if (!text.starts_with("eyJ")) {
      const Result<std::string> file = sources.read_file(text);
      if (!file.ok()) return error(text + ": " + std::string(file.status().text()));
      text = std::string(find_token(*file));
    }
    const Result<OperatorClaims> claims = decode_operator(text);
    if (!claims.ok()) return error(std::string(claims.status().text()));
    TrustConfig& trust = config.auth.trust;
    (claims->strict_signing_keys ? trust.strict : trust.keys).push_back(claims->subject);
    trust.keys.insert(trust.keys.end(), claims->signing_keys.begin(), claims->signing_keys.end());
    if (system_account.empty()) system_account = claims->system_account;
  }

  // nats-server jwt.go, validateTrustedOperators. A token of a scoped key has no rights of its own.
  void check_sentinel() {
    const TrustConfig& trust = config.auth.trust;
    if (trust.default_sentinel.empty()) return;
    if (trust.operators.empty()) return error("default_sentinel needs an \"operator\"");
    const Result<UserClaims> user = decode_user(trust.default_sentinel);
    if (!user.ok()) return error("default_sentinel: " + std::string(user.status().text()));
    const bool scoped = user->grant.empty && !user->issuer_account.empty();
    if (!user->grant.bearer && !scoped) error("default_sentinel must be a bearer token");
  }

  // Where all JWTs come from this file, that of the system account must be there. A directory may
  // get it later.
  void check_system_account() {
    const ResolverConfig& resolver = config.auth.trust.resolver;
    const std::string& ours = config.system_account;
    if (ours.empty() || resolver.kind != ResolverConfig::Kind::kMemory) return;
    for (const auto& [account, token] : resolver.preload) {
      if (account == ours) return;
    }
    error("the system account " + ours + " has no JWT in \"resolver_preload\"");
  }

  void check() {
    const TrustConfig& trust = config.auth.trust;
    for (const std::string& key : trust.keys) {
      if (!decode_nkey_public(key, kOperatorKey)) {
        error("\"" + key + "\" is not the public key of an operator: O…");
      }
    }
    if (trust.resolver.kind == ResolverConfig::Kind::kNone) {
      error("operators need a \"resolver\": MEMORY, URL(http://…) or { type: full, dir: … }");
    }
    if (!config.auth.users.empty() || !config.auth.token.empty()) {
      error("users and tokens cannot be configured beside operators");
    }
    if (!config.accounts.empty()) error("accounts cannot be configured beside operators");
    if (config.auth.callout) {
      error("operators do not allow authorization callouts to be configured directly");
    }
    const AuthConfig& leafs = config.leaf_listen.auth;
    if (!leafs.users.empty() && !leafs.lone_user) {
      error("users of leafnodes cannot be configured beside operators");
    }
    for (const RemoteConfig& remote : config.remotes) {
      if (remote.account != "$G") continue;
      error("each remote of leafnodes needs its \"account\": a public key, A…");
      break;
    }
    if (!config.auth.no_auth_user.empty()) error("no_auth_user cannot be used with operators");
  }

  void settle_system_account() {
    TrustConfig& trust = config.auth.trust;
    std::string& ours = config.system_account;
    if (ours == "$SYS") ours = system_account;
    const bool by_nats = trust.resolver.kind == ResolverConfig::Kind::kFull ||
                         trust.resolver.kind == ResolverConfig::Kind::kCache;
    if (!system_account.empty() && ours != system_account) {
      error("system_account differs from that of the operator");
    } else if (ours.empty() && by_nats) {
      error("this resolver needs a system_account, here or in the operator's JWT");
    } else if (!ours.empty() && !decode_nkey_public(ours, kAccountKey)) {
      error("system_account must be the public key of an account: A…");
    } else {
      check_system_account();
    }
    if (!trust.pinned_accounts.empty() && !ours.empty()) trust.pinned_accounts.push_back(ours);
  }
};

}  // namespace

void load_operators(Config& config, const ConfigSources& sources,
                    std::vector<ConfigError>& errors) {
  const TrustConfig& trust = config.auth.trust;
  Loader loader{config, sources, errors};
  if (!trust.operators.empty() && !trust.keys.empty()) {
    loader.error("give either \"operator\" or \"trusted_keys\", not both");
  }
  loader.check_sentinel();
  if (trust.enabled()) {
    for (std::string& each : config.auth.trust.operators) loader.load(each);
    loader.check();
    loader.settle_system_account();
  } else if (trust.resolver.kind != ResolverConfig::Kind::kNone &&
             trust.resolver.kind !=
                 ResolverConfig::Kind::kMemory) {  // To nats-server as if absent.
    loader.error("a \"resolver\" needs an \"operator\" or \"trusted_keys\"");
  }
}

}  // namespace petiole
