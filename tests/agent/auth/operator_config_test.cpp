// The operators of a configuration: their files, keys and system account.
#include <doctest/doctest.h>

#include <algorithm>

#include "agent/config/changes.h"
#include "agent/config/operators.h"
#include "tests/agent/auth/tokens.h"
#include "tests/agent/config/files.h"

namespace petiole::test {
namespace {

struct Loaded {
  Config config;
  std::vector<ConfigError> errors;
};

Loaded load(Config config, const Files& files = {}) {
  Loaded loaded{std::move(config), {}};
  load_operators(loaded.config, files.sources(), loaded.errors);
  return loaded;
}

std::string operator_token(const std::string& more = {}) {
  return token("operator", kOp, kOp, R"("signing_keys":[")" + kOpSigner.text + "\"]," + more);
}

Config with(const std::string& named) {
  Config config;
  config.auth.trust.operators = {named};
  config.auth.trust.resolver.kind = ResolverConfig::Kind::kMemory;
  return config;
}

TEST_CASE("operators: a JWT in the configuration, or in a file with lines around it") {
  const std::string jwt = operator_token(R"("system_account":")" + kSys.text + "\",");
  Files files;
  files.files["op.jwt"] = "-----BEGIN NATS OPERATOR JWT-----\n" + jwt + "\n------END------\n";
  for (const std::string& named : {jwt, std::string("op.jwt")}) {
    Config config = with(named);
    config.auth.trust.resolver.preload = {{kSys.text, "jwt"}};
    const Loaded loaded = load(config, files);
    CHECK(loaded.errors.empty());
    CHECK(loaded.config.auth.trust.operators.at(0) == jwt);
    CHECK(loaded.config.auth.trust.keys == std::vector{kOp.text, kOpSigner.text});
    CHECK(loaded.config.system_account == kSys.text);
  }
}

TEST_CASE("operators: with strict signing keys its own key counts no more") {
  const Loaded loaded = load(with(operator_token(R"("strict_signing_key_usage":true,)")));
  CHECK(loaded.config.auth.trust.keys == std::vector{kOpSigner.text});
  CHECK(loaded.config.auth.trust.strict == std::vector{kOp.text});
}

TEST_CASE("operators: what does not go together") {
  const auto fails = [](Config config) { return !load(std::move(config)).errors.empty(); };
  CHECK_FALSE(fails(with(operator_token())));
  CHECK(fails(with("missing.jwt")));
  CHECK(fails(with(account_token())));
  Config config = with(operator_token());
  config.auth.trust.resolver.kind = ResolverConfig::Kind::kNone;
  CHECK(fails(config));
  config = with(operator_token());
  config.auth.trust.resolver.kind = ResolverConfig::Kind::kFull;  // Needs a system account.
  CHECK(fails(config));
  config = with(operator_token());
  config.auth.token = "t";
  CHECK(fails(config));
  config = with(operator_token(R"("system_account":")" + kSys.text + "\","));
  config.system_account = kAcc.text;
  CHECK(fails(config));
  config = with(operator_token());
  config.leaf_listen.auth.users.emplace_back();
  CHECK(fails(config));
  config.leaf_listen.auth.lone_user = true;
  CHECK_FALSE(fails(config));
  config = with(operator_token());
  config.remotes.emplace_back();
  CHECK(fails(config));
  config.remotes[0].account = kAcc.text;
  CHECK_FALSE(fails(config));
  config = Config();
  config.auth.trust.resolver.kind = ResolverConfig::Kind::kFull;  // Without an operator.
  CHECK(fails(config));
  config.auth.trust.resolver.kind = ResolverConfig::Kind::kMemory;  // As if it were not there.
  CHECK_FALSE(fails(config));
  config = with(operator_token());
  config.auth.trust.keys = {kOp.text};
  CHECK(fails(config));
}

TEST_CASE("operators: the system account must be resolved, where that can be known") {
  using Kind = ResolverConfig::Kind;
  const auto fails = [](const Config& config) { return !load(config).errors.empty(); };
  Config config = with(operator_token(R"("system_account":")" + kSys.text + "\","));
  CHECK(fails(config));
  config.auth.trust.resolver.preload = {{kSys.text, "jwt"}};
  CHECK_FALSE(fails(config));
  config.auth.trust.resolver.preload.clear();
  for (const Kind kind : {Kind::kFull, Kind::kCache, Kind::kUrl}) {
    config.auth.trust.resolver.kind = kind;
    CHECK_FALSE(fails(config));
  }
}

TEST_CASE("operators: the default sentinel is a bearer's token, or one of a scoped key") {
  const auto fails = [](std::string sentinel) {
    Config config = with(operator_token());
    config.auth.trust.default_sentinel = std::move(sentinel);
    return !load(config).errors.empty();
  };
  CHECK(fails("x"));
  CHECK(fails(user_token()));
  CHECK_FALSE(fails(user_token(R"("bearer_token":true,)")));
  const std::string scoped = R"("issuer_account":")" + kAcc.text + "\",";
  CHECK_FALSE(fails(token("user", kJoe, kScoped, scoped)));
  Config config;
  config.auth.trust.default_sentinel = "x";
  CHECK_FALSE(load(config).errors.empty());  // Without an operator.
}

// Else a user of leafs that is taken out of the file would go on coming in.
TEST_CASE("operators: the users of leafs do not change while the server runs") {
  Config before = with("jwt"), after = before;
  after.leaf_listen.auth.users = {{.user = "u", .password = "p", .nkey = {}}};
  const auto refused = [](const Config& a, const Config& b) {
    const std::vector<ConfigChange> changes = changes_between(a, b);
    return std::any_of(changes.begin(), changes.end(),
                       [](const ConfigChange& each) { return each.needs_restart != nullptr; });
  };
  CHECK(refused(before, after));
  CHECK(refused(after, before));
  after = before;
  after.auth.timeout = 9s;
  CHECK(refused(before, after));
  after = before;
  after.leaf_listen.tls.map = true;
  CHECK(refused(before, after));
  after = before;
  after.leaf_listen.min_version = "2.9.0";
  CHECK_FALSE(refused(before, after));
  before = after = Config();
  after.leaf_listen.auth.users = {{.user = "u", .password = "p", .nkey = {}}};
  CHECK_FALSE(refused(before, after));
}

}  // namespace
}  // namespace petiole::test
