// Rules: wire/client-and-leaf.md section 2.3.
#include "agent/auth/jwt.h"

#include <doctest/doctest.h>

#include "agent/auth/scope.h"
#include "agent/auth/validity.h"
#include "agent/subject/account_functions.h"
#include "platform/address.h"
#include "tests/agent/auth/tokens.h"

namespace petiole::test {
namespace {

using Lists = std::vector<std::string>;

TEST_CASE("jwt: a user, all of it") {
  const auto user = decode_user(token(
      "user", kJoe, kAccSigner,
      R"("pub":{"allow":["a"],"deny":["b"]},"sub":{"allow":["c q"]},"resp":{"max":3,"ttl":1000},)"
      R"("subs":7,"data":-1,"payload":9,"src":["10.0.0.0/8"],)"
      R"("times":[{"start":"08:00:00","end":"17:30:05"}],"times_location":"Europe/Berlin",)"
      R"("bearer_token":true,"allowed_connection_types":["WEBSOCKET"],"tags":["a:1"],)"
      R"("issuer_account":")" +
          kAcc.text + "\",",
      R"("exp":5,"nbf":4,)"));
  REQUIRE(user.ok());
  CHECK(user->subject == kJoe.text);
  CHECK(user->account() == kAcc.text);
  CHECK(user->expires == 5);
  CHECK(user->not_before == 4);
  CHECK(user->issued_at == 1000);
  CHECK(user->tags == Lists{"a:1"});
  const UserGrant& grant = user->grant;
  CHECK(grant.permissions.publish.allow == Lists{"a"});
  CHECK(grant.permissions.publish.deny == Lists{"b"});
  CHECK(grant.permissions.subscribe.allow == Lists{"c q"});
  CHECK(grant.permissions.responses->max == 3);
  CHECK(grant.subscriptions == 7);
  CHECK(grant.payload == 9);
  CHECK(grant.times.at(0).end == 17 * 3600 + 30 * 60 + 5);
  CHECK(grant.bearer);
  CHECK_FALSE(grant.empty);
}

TEST_CASE("jwt: an absent limit is none in version 2, and no limit in version 1") {
  CHECK(decode_user(token("user", kJoe, kAcc))->grant.subscriptions == 0);
  CHECK(decode_user(token("user", kJoe, kAcc))->grant.empty);
  const std::string old = R"({"iat":1,"iss":")" + kAcc.text + R"(","sub":")" + kJoe.text +
                          R"(","type":"user","nats":{"pub":{},"sub":{}}})";
  const auto user = decode_user(seal(old, kAcc, true));
  REQUIRE(user.ok());
  CHECK(user->grant.subscriptions == -1);
  CHECK_FALSE(decode_user(seal(old, kAcc, false)).ok());  // Version 1 signs the payload alone.
}

TEST_CASE("jwt: what is refused") {
  const std::string good = user_token();
  REQUIRE(decode_user(good).ok());
  const std::size_t dot = good.rfind('.');
  struct Case {
    const char* what;
    std::string token;
  };
  const Case cases[] = {
      {"nothing", ""},
      {"two parts", good.substr(0, dot)},
      {"four parts", good + ".x"},
      {"no base 64", "!" + good},
      {"another signature", good.substr(0, dot + 1) + kAcc.sign("x")},
      {"a short signature", good.substr(0, dot + 1) + "AAAA"},
      {"signed by another", seal(R"({"iss":")" + kAcc.text + R"(","sub":")" + kJoe.text +
                                     R"(","nats":{"type":"user","version":2}})",
                                 kOtherAcc)},
      {"signed by an operator", token("user", kJoe, kOp)},
      {"signed by the user", token("user", kJoe, kJoe)},
      {"for an account", token("user", kAcc, kAcc)},
      {"another kind", account_token()},
      {"a newer version", seal(R"({"iss":")" + kAcc.text + R"(","sub":")" + kJoe.text +
                                   R"(","nats":{"type":"user","version":3}})",
                               kAcc)},
      {"no version",
       seal(R"({"iss":")" + kAcc.text + R"(","sub":")" + kJoe.text + R"(","nats":{"type":"user"}})",
            kAcc)},
      {"a limit that is a text", token("user", kJoe, kAcc, R"("subs":"7",)")},
      {"a list that is a number", token("user", kJoe, kAcc, R"("pub":{"allow":7},)")},
      {"a publish permission with a queue",
       token("user", kJoe, kAcc, R"("pub":{"deny":["a b"]},)")},
      {"a permission of three words", token("user", kJoe, kAcc, R"("sub":{"allow":["a b c"]},)")},
      {"a permission of nothing", token("user", kJoe, kAcc, R"("pub":{"allow":[""]},)")},
      {"an empty token in a permission", token("user", kJoe, kAcc, R"("sub":{"deny":["a..b"]},)")},
      {"a permission that ends in a dot", token("user", kJoe, kAcc, R"("pub":{"allow":["a."]},)")},
      {"a time that is none", token("user", kJoe, kAcc, R"("times":[{"start":"25:00:00"}],)")},
      {"an issuer account that is none", token("user", kJoe, kAcc, R"("issuer_account":"A",)")},
      {"too large", std::string(kTokenBytesMax + 1, 'a')},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    CHECK_FALSE(decode_user(each.token).ok());
  }
}

TEST_CASE("jwt: an account whose default permissions are none") {
  const auto with = [](const std::string& pub) {
    return decode_account(token("account", kAcc, kOp,
                                R"("default_permissions":{"pub":{"deny":[")" + pub + R"("]}},)"));
  };
  CHECK(with("a.>").ok());
  CHECK_FALSE(with("a b").ok());
  CHECK_FALSE(with("a..b").ok());
}

TEST_CASE("jwt: functions that stand for an account, in what it shares and maps") {
  const auto with = [](const std::string& mapped) {
    return decode_account(
        token("account", kAcc, kOp,
              R"("limits":{"exports":-1,"imports":-1},"exports":[)"
              R"({"subject":"s.{{account-hash()}}","type":"stream"},)"
              R"({"subject":"t.{{account-hash-import()}}","type":"service"}],)"
              R"("imports":[{"subject":"x.{{account-hash-import()}}","type":"stream","account":")" +
                  kOtherAcc.text + R"(","local_subject":"y.{{account-hash()}}"},)" +
                  R"({"subject":"{{account-hash-leaf-remote()}}","type":"stream","account":")" +
                  kOtherAcc.text + R"("}],"mappings":{"a.{{account-hash()}}":[{"subject":")" +
                  mapped + R"("}]},)"));
  };
  const std::string own = account_hash(kAcc.text);
  const auto account = with("b.{{account-hash()}}");
  REQUIRE(account.ok());
  REQUIRE(account->config.exports.size() == 1);  // The other is left out, as there.
  CHECK(account->config.exports[0].subject == "s." + own);
  REQUIRE(account->config.imports.size() == 1);
  CHECK(account->config.imports[0].subject == "x." + account_hash(kOtherAcc.text));
  CHECK(account->config.imports[0].to == "y." + own);
  CHECK(account->config.mappings.at(0).source == "a." + own);
  CHECK(account->config.mappings.at(0).destinations.at(0).subject == "b." + own);
  CHECK_FALSE(with("{{account-hash-import()}}").ok());
}

TEST_CASE("jwt: an account, all of it") {
  const auto account = decode_account(token(
      "account", kAcc, kOpSigner,
      R"("limits":{"subs":5,"payload":6,"conn":7,"leaf":8,"exports":-1,"imports":-1,)"
      R"("disallow_bearer":true},)"
      R"("exports":[{"subject":"s.>","type":"stream","token_req":true},)"
      R"({"subject":"q","type":"service","response_type":"Stream","response_threshold":5,)"
      R"("account_token_position":2,"service_latency":{"sampling":"headers","results":"l"}}],)"
      R"("imports":[{"subject":"x","type":"stream","account":")" +
          kOtherAcc.text + R"(","to":"pre"},{"subject":"local","type":"service","account":")" +
          kOtherAcc.text + R"(","to":"remote"},{"subject":"remote","type":"service","account":")" +
          kOtherAcc.text + R"(","local_subject":"mine","share":true}],)" + R"("signing_keys":[")" +
          kAccSigner.text + R"(",{"kind":"user_scope","key":")" + kScoped.text +
          R"(","template":{"pub":{"allow":["{{name()}}"]},"subs":3}}],)" +
          R"("revocations":{"*":5},"mappings":{"a":[{"subject":"b","weight":50}]},)"
          R"("default_permissions":{"sub":{"deny":["d"]}},)"
          R"("authorization":{"auth_users":["U"],"allowed_accounts":["*"]},)"));
  REQUIRE(account.ok());
  const AccountConfig& config = account->config;
  CHECK(config.limits.subscriptions == 5);
  CHECK(config.limits.payload_bytes == 6);
  CHECK(config.limits.connections == 7);
  CHECK(config.limits.leafs == 8);
  CHECK(account->disallow_bearer);
  CHECK(config.exports.at(0).is_private);
  CHECK(config.exports.at(1).response == ResponseType::kStream);
  CHECK(config.exports.at(1).latency_sampling == -1);
  CHECK(config.exports.at(1).token_position == 2);
  CHECK(config.imports.at(0).prefix == "pre");
  CHECK(config.imports.at(1).subject == "remote");
  CHECK(config.imports.at(1).to == "local");
  CHECK(config.imports.at(2).to == "mine");
  CHECK_FALSE(account->signing_keys.at(kAccSigner.text));
  CHECK(account->signing_keys.at(kScoped.text)->subscriptions == 3);
  CHECK(account->signing_keys.at(kScoped.text)->payload == -1);
  CHECK(account->revocations.at("*") == 5);
  CHECK(config.mappings.at(0).destinations.at(0).weight == 50);
  CHECK(config.default_permissions->subscribe.deny == Lists{"d"});
  CHECK(account->callout_accounts == Lists{"*"});
}

TEST_CASE("jwt: where an account's traces of messages go") {
  struct Case {
    const char *trace, *dest;
    int sampling;
  };
  constexpr Case kCases[] = {
      {R"({"dest":"t","sampling":25})", "t", 25},   {R"({"dest":"t"})", "t", 100},
      {R"({"dest":"t","sampling":101})", "t", 100}, {R"({"dest":"t","sampling":-1})", "t", 100},
      {R"({"dest":"a.*","sampling":25})", "", 25},  {R"({"dest":"a b"})", "", 100},
  };
  for (const Case& each : kCases) {
    CAPTURE(std::string(each.trace));
    const auto account = decode_account(
        token("account", kAcc, kOp,
              R"("limits":{"exports":-1},"exports":[{"subject":"q","type":"service",)"
              R"("allow_trace":true}],"trace":)" +
                  std::string(each.trace) + ","));
    REQUIRE(account.ok());
    CHECK(account->config.trace_dest == each.dest);
    CHECK(account->config.trace_sampling == each.sampling);
    CHECK(account->config.exports.at(0).allow_trace);
  }
}

TEST_CASE("jwt: an account that shares more than the operator allows") {
  const std::string two =
      R"("exports":[{"subject":"a","type":"stream"},{"subject":"b","type":"stream"}],)";
  const auto with = [&](const std::string& limits, const std::string& more) {
    return decode_account(token("account", kAcc, kOp, "\"limits\":{" + limits + "}," + more)).ok();
  };
  CHECK(with(R"("exports":2)", two));
  CHECK_FALSE(with(R"("exports":1)", two));
  CHECK_FALSE(with("", two));
  CHECK_FALSE(with(R"("exports":1)", R"("exports":[{"subject":"a.*","type":"stream"}],)"));
  CHECK(
      with(R"("exports":1,"wildcards":true)", R"("exports":[{"subject":"a.*","type":"stream"}],)"));
}

// jwt v2: its Validate finds these blocking, and nats-server then takes none of the token.
TEST_CASE("jwt: exports within each other, and mappings of more than all") {
  const auto takes = [](const std::string& more) {
    return decode_account(account_token(more)).ok();
  };
  const auto exports = [&](const char* a, const char* b, const char* type) {
    return takes(std::string(R"("exports":[{"type":"stream","subject":")") + a +
                 R"("},{"subject":")" + b + R"(","type":")" + type + "\"}],");
  };
  CHECK_FALSE(exports("a.*", "a.b", "stream"));
  CHECK_FALSE(exports("a.b", "a.>", "stream"));
  CHECK_FALSE(exports("a", "a", "stream"));
  CHECK(exports("a.*", "a.b", "service"));
  CHECK(exports("a.*.c", "a.b.*", "stream"));  // They overlap; neither is in the other.
  const auto mapping = [&](const char* list) {
    return takes(std::string(R"("mappings":{"a":[)") + list + "]},");
  };
  CHECK_FALSE(mapping(R"({"subject":"b","weight":60},{"subject":"c","weight":60})"));
  CHECK_FALSE(mapping(R"({"subject":"b"},{"subject":"c","weight":1})"));
  CHECK_FALSE(mapping(R"({"subject":"b","cluster":"x"},{"subject":"c","weight":1,"cluster":"x"})"));
  CHECK(mapping(R"({"subject":"b","weight":60},{"subject":"c","weight":40})"));
  CHECK(mapping(R"({"subject":"b","cluster":"x"},{"subject":"c","weight":1})"));
}

TEST_CASE("jwt: an operator, and a request to delete") {
  const auto op =
      decode_operator(token("operator", kOp, kOp,
                            R"("signing_keys":[")" + kOpSigner.text + R"("],"system_account":")" +
                                kSys.text + R"(","strict_signing_key_usage":true,)"));
  REQUIRE(op.ok());
  CHECK(op->signing_keys == Lists{kOpSigner.text});
  CHECK(op->system_account == kSys.text);
  CHECK(op->strict_signing_keys);
  CHECK_FALSE(decode_operator(token("operator", kOp, kAcc)).ok());
  const auto gone = decode_delete(token("generic", kOp, kOp, R"("accounts":["A"],)"));
  REQUIRE(gone.ok());
  CHECK(gone->accounts == Lists{"A"});
  CHECK_FALSE(decode_delete(token("generic", kOp, kOp, R"("accounts":7,)"))->accounts);
}

TEST_CASE("jwt: a token between lines") {
  CHECK(find_token("-----BEGIN NATS OPERATOR JWT-----\nabc.d\n------END------\n") == "abc.d");
  CHECK(find_token(" abc \r\n") == "abc");
  CHECK(find_token("") == "");
}

TEST_CASE("scope: templates") {
  UserClaims user;
  user.name = "Joe";
  user.subject = "UJOE";
  user.issuer_account = "AACC";
  user.tags = {"dept:sales", "dept:stock", "x:y"};
  AccountClaims account;
  account.name = "Corp";
  account.tags = {"region:eu"};
  struct Case {
    const char* text;
    Lists allow, deny;
  };
  const Case cases[] = {
      {"a.{{name()}}", {"a.Joe"}, {}},
      {"{{ Subject() }}.>", {"UJOE.>"}, {}},
      {"{{account-name()}}.{{account-subject()}}", {"Corp.AACC"}, {}},
      {"{{tag(dept)}}.a", {"sales.a", "stock.a"}, {}},
      {"{{tag(dept)}}.{{account-tag(region)}}.{{tag(dept)}}",
       {"sales.eu.sales", "stock.eu.stock"},
       {}},
      {"{{tag(none)}}.a", {}, {">"}},
      {"plain q", {"plain q"}, {}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.text);
    UserGrant scope;
    scope.permissions.publish.allow = {{each.text}};
    const auto grant = apply_scope(scope, user, account);
    REQUIRE(grant.ok());
    CHECK(*grant->permissions.publish.allow == each.allow);
    CHECK(grant->permissions.publish.deny == each.deny);
  }
  for (const char* bad : {"{{nothing()}}", "{{name(", "{{tag(none)}}"}) {
    UserGrant scope;
    scope.permissions.subscribe.deny = {bad};
    CHECK_FALSE(apply_scope(scope, user, account).ok());
  }
  UserGrant huge;
  user.tags.clear();
  for (int i = 0; i < 100; ++i) {
    user.tags.push_back("t:" + std::to_string(i));
    user.tags.push_back("u:" + std::to_string(i));
  }
  huge.permissions.publish.allow = {{"{{tag(t)}}.{{tag(u)}}"}};
  CHECK_FALSE(apply_scope(huge, user, account).ok());
}

TEST_CASE("validity: times of the day") {
  UserGrant grant;
  const auto clock = [](int hour, int minute) {
    return WallTime(std::chrono::hours(24 * 20000 + hour) + std::chrono::minutes(minute));
  };
  grant.times_location = "UTC";
  CHECK(allowed_until(grant, clock(3, 0)) == WallTime::max());
  grant.times = {{.start = 8 * 3600, .end = 17 * 3600}};
  CHECK(allowed_until(grant, clock(8, 1)) == clock(17, 0));
  CHECK_FALSE(allowed_until(grant, clock(7, 59)));
  CHECK_FALSE(allowed_until(grant, clock(17, 0)));
  grant.times = {{.start = 22 * 3600, .end = 6 * 3600}};
  CHECK(allowed_until(grant, clock(23, 0)) == clock(30, 0));
  CHECK(allowed_until(grant, clock(5, 0)) == clock(6, 0));
  CHECK_FALSE(allowed_until(grant, clock(12, 0)));
  grant.times_location = "Nowhere/Atlantis";
  CHECK_FALSE(allowed_until(grant, clock(5, 0)));
  grant.times_location = "../../etc/passwd";
  CHECK_FALSE(allowed_until(grant, clock(5, 0)));
}

TEST_CASE("validity: networks") {
  struct Case {
    const char *network, *address;
    std::optional<bool> wanted;
  };
  const Case cases[] = {
      {"10.0.0.0/8", "10.1.2.3", true},
      {"10.0.0.0/8", "11.1.2.3", false},
      {"10.0.0.0/8", "::ffff:10.1.2.3", true},
      {"0.0.0.0/0", "1.2.3.4", true},
      {"0.0.0.0/0", "::1", false},
      {"192.168.1.128/25", "192.168.1.127", false},
      {"192.168.1.128/25", "192.168.1.129", true},
      {"1.2.3.4/32", "1.2.3.4", true},
      {"fd00::/8", "fd12::1", true},
      {"fd00::/8", "fe80::1%eth0", false},
      {"10.0.0.0", "10.0.0.0", std::nullopt},
      {"10.0.0.0/33", "10.0.0.0", std::nullopt},
      {"x/8", "10.0.0.0", std::nullopt},
      {"10.0.0.0/8", "name", false},
  };
  for (const Case& each : cases) {
    CAPTURE(each.network);
    CAPTURE(each.address);
    CHECK(network_contains(each.network, each.address) == each.wanted);
  }
}

}  // namespace
}  // namespace petiole::test
