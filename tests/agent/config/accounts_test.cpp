#include <doctest/doctest.h>

#include "agent/config/check.h"
#include "agent/config/load.h"
#include "agent/subject/account_functions.h"
#include "tests/agent/config/files.h"

namespace petiole {
namespace {

using Kind = ExportConfig::Kind;

LoadedConfig load(const std::string& text) {
  test::Files files;
  files.files["f"] = text;
  const std::string arguments[] = {"-c", "f"};
  return load_start(arguments, files.sources()).loaded;
}

constexpr const char* kWhole = R"(
system_account: SYS
mappings: { "a.*": "b.$1", c: [ {destination: d, weight: 30%}, {dest: e, weight: 20, cluster: x} ] }
accounts: {
  SYS: { users: [ {user: admin, password: p} ] }
  E: {
    users: [ {user: e, password: p} ]
    exports: [
      { stream: "s.>" }
      { stream: "t.*", accounts: [I] }
      { service: "v", response: chunked, threshold: "5s", allow_trace: true }
      { service: "w", latency: { sampling: "50%", subject: "lat" } }
      { service: "x", latency: "lat" }
      { service: "y", latency: { sampling: headers, subject: "lat" } }
      { service: "z.*", account_token_position: 2 }
    ]
    limits: { max_conn: 5, max_subs: 6, max_pay: 7KB, max_leafs: -1 }
    maps: { m: n }
    msg_trace: { dest: "traces", sampling: "25%" }
  }
  I: {
    imports: [
      { stream: { account: E, subject: "s.a" }, to: "s.b", allow_trace: true }
      { stream: { account: E, subject: "t.*" }, prefix: "e" }
      { service: { account: E, subject: "v" }, to: "own.v", share: true }
      { service: { account: E, subject: "z.I" } }
    ]
  }
}
authorization { users: [ {user: g, password: p} ] }
leafnodes { remotes: [ {url: h, account: E}, {url: h, account: I} ] }
store_and_forward { dir: "d", rules: [ {subjects: "a", account: E}, {subjects: "a", account: I} ] }
)";

TEST_CASE("accounts: functions that stand for one become its hash") {
  const LoadedConfig loaded = load(R"(
mappings: { "in.{{account-hash()}}.*": "out.{{account-hash()}}.$1" }
accounts: {
  E: { exports: [ { stream: "s.{{account-hash()}}.>" }, { service: "v.{{account-hash()}}" } ] }
  I: { imports: [
    { stream: { account: E, subject: "s.{{account-hash-import()}}.a" }, to: "t.{{account-hash()}}" }
    { stream: { account: E, subject: "s.{{account-hash-import()}}.b" }, prefix: "{{account-hash()}}" }
    { service: { account: E, subject: "v.{{account-hash-import()}}" } }
  ] }
})");
  for (const ConfigError& each : loaded.errors) FAIL_CHECK(to_text(each));
  const auto& accounts = loaded.config.accounts;
  REQUIRE(accounts.size() == 3);
  const std::string g = account_hash("$G"), e = account_hash("E"), i = account_hash("I");
  CHECK(accounts[0].mappings.at(0).source == "in." + g + ".*");
  CHECK(accounts[0].mappings.at(0).destinations.at(0).subject == "out." + g + ".$1");
  CHECK(accounts[1].exports.at(0).subject == "s." + e + ".>");
  CHECK(accounts[1].exports.at(1).subject == "v." + e);
  CHECK(accounts[2].imports.at(0).subject == "s." + e + ".a");
  CHECK(accounts[2].imports.at(0).to == "t." + i);
  CHECK(accounts[2].imports.at(1).prefix == i);
  CHECK(accounts[2].imports.at(2).subject == "v." + e);
}

TEST_CASE("accounts: what a file says of them") {
  const LoadedConfig loaded = load(kWhole);
  for (const ConfigError& each : loaded.errors) FAIL_CHECK(to_text(each));
  const Config& c = loaded.config;
  CHECK(c.system_account == "SYS");
  REQUIRE(c.accounts.size() == 4);
  const AccountConfig &global = c.accounts[0], &exporter = c.accounts[2], &importer = c.accounts[3];
  CHECK(global.name == "$G");
  REQUIRE(global.mappings.size() == 2);
  CHECK(global.mappings[0].destinations[0].subject == "b.$1");
  CHECK(global.mappings[0].destinations[0].weight == 100);
  CHECK(global.mappings[1].destinations[0].weight == 30);
  CHECK(global.mappings[1].destinations[1].cluster == "x");
  CHECK(c.accounts[1].name == "SYS");
  REQUIRE(exporter.exports.size() == 7);
  CHECK(exporter.exports[1].is_private);
  CHECK(exporter.exports[2].kind == Kind::kService);
  CHECK(exporter.exports[2].response == ResponseType::kChunked);
  CHECK(exporter.exports[2].response_threshold == 5s);
  CHECK(exporter.exports[3].latency_sampling == 50);
  CHECK(exporter.exports[4].latency_sampling == 100);
  CHECK(exporter.exports[4].latency_subject == "lat");
  CHECK(exporter.exports[5].latency_sampling == -1);
  CHECK(exporter.exports[6].token_position == 2);
  CHECK(exporter.limits.connections == 5);
  CHECK(exporter.limits.subscriptions == 6);
  CHECK(exporter.limits.payload_bytes == 7 * 1024);
  CHECK(exporter.limits.leafs == -1);
  CHECK(exporter.mappings.size() == 1);
  REQUIRE(importer.imports.size() == 4);
  CHECK(importer.imports[0].to == "s.b");
  CHECK(importer.imports[1].prefix == "e");
  CHECK(importer.imports[2].share);
  REQUIRE(c.auth.users.size() == 3);  // Those of authorization first.
  CHECK(c.auth.users[0].account == "$G");
  CHECK(c.auth.users[1].account == "SYS");
  CHECK(c.auth.users[2].account == "E");
  CHECK(rule_account(c.mirror.rules[1], c) == "I");
}

TEST_CASE("accounts: where traces of messages go") {
  const AccountConfig exporter = load(kWhole).config.accounts[2];
  CHECK(exporter.trace_dest == "traces");
  CHECK(exporter.trace_sampling == 25);
  CHECK(load(kWhole).config.accounts[3].imports[0].allow_trace);
  const AccountConfig plain = load("accounts { A { trace_dest: t } }").config.accounts[0];
  CHECK(plain.trace_dest == "t");
  CHECK(plain.trace_sampling == 100);
  CHECK(load("accounts { A { msg_trace: {sampling: 7} } }").config.accounts[0].trace_dest.empty());
}

TEST_CASE("accounts: a list of names will do") {
  const LoadedConfig loaded = load("accounts: [A, B]; no_system_account: true");
  CHECK(loaded.ok());
  CHECK(loaded.config.accounts.size() == 2);
  CHECK(loaded.config.system_account.empty());
}

struct Case {
  const char* text;
  const char* wanted;  // A part of the first error.
};

constexpr Case kErrors[] = {
    {"accounts {$G {}}", "f:1:11: \"$G\" is a Reserved Account"},
    {"accounts [A, A]", "f:1:14: Duplicate Account Entry: A"},
    {"accounts {A {user: x}}",
     "unknown field \"user\"; is it \"users\"? allowed here: users, exports, imports"},
    {"accounts {A {nkey: x}}", "Not a valid public nkey for an account: \"x\""},
    {"accounts {A {jetstream: enabled}}", "\"jetstream\" is not supported by this build"},
    {"accounts {A {limits {max_conns: 1}}}", "allowed here: max_connections, max_subscriptions"},
    {"accounts {A {users: [{user: a, password: b}]}, B {users: [{user: a, password: c}]}}",
     "Duplicate user \"a\" detected"},
    {"accounts {A {exports: [{}]}}", "f:1:24: give either \"stream\" or \"service\""},
    {"accounts {A {exports: [{stream: a, response: stream}]}}",
     "Detected response directive on a non-service"},
    {"accounts {A {exports: [{service: a, response: x}]}}",
     "must be one of singleton, single, stream, chunked, chunk"},
    {"accounts {A {exports: [{service: a, latency {sampling: 101, subject: l}}]}}",
     "\"sampling\" must be from 1% to 100%"},
    {"accounts {A {exports: [{service: a, latency {sampling: 10}}]}}",
     "Latency subject required, but missing"},
    {"accounts {A {exports: [{service: a, latency: a}]}}", "f:1:24: Error adding service latency"},
    {"accounts {A {exports: [{service: a, response: stream, latency: l}]}}",
     "only a singleton response can be measured"},
    {"no_system_account: true; accounts {A {exports: [{service: a, latency: l}]}}",
     "system account not setup"},
    {"accounts {A {exports: [{stream: a, accounts: [B]}]}}",
     "f:1:24: \"B\" account not defined for stream export"},
    {"accounts {A {exports: [{stream: a.b, account_token_position: 2}]}}",
     "account_token_position must be that of a \"*\""},
    {"accounts {A {imports: [{stream: a}]}}", "must be a block"},
    {"accounts {A {imports: [{stream {subject: a}}]}}", "Expect an account name and a subject"},
    {"accounts {A {imports: [{stream {account: B, subject: a}, share: true}]}}",
     "Detected share directive on a non-service"},
    {"accounts {A {imports: [{service {account: B, subject: a}, prefix: x}]}}",
     "Detected prefix directive on a non-stream"},
    {"accounts {A {imports: [{stream {account: B, subject: a}}]}}",
     "f:1:24: \"B\" account not defined for stream import"},
    {"accounts {A {imports: [{stream {account: B, subject: a}}]}, B {}}",
     "f:1:24: Error adding stream import \"a\": account \"B\" does not export it"},
    {"accounts {A {imports: [{stream {account: B, subject: a}, prefix: 'x.*'}]}, B {exports: "
     "[{stream: a}]}}",
     "without wildcards"},
    {"accounts {A {imports: [{stream {account: B, subject: a}, prefix: x, to: y}]}, B {exports: "
     "[{stream: a}]}}",
     "Stream import can not have a 'prefix' and a 'to' property"},
    {"accounts {A {imports: [{service {account: B, subject: a}}, {service {account: B, subject: "
     "a}}]}, B {exports: [{service: a}]}}",
     "Duplicate import of \"a\""},
    {"accounts {A {exports: [{service: a}], imports: [{service {account: B, subject: a}}]}, "
     "B {exports: [{service: a}], imports: [{service {account: A, subject: a}}]}}",
     "import forms a cycle"},
    {"accounts {A {msg_trace: {dest: 'a b'}}}", "f:1:32: Trace destination \"a b\" is not valid"},
    {"accounts {A {trace_dest: 'a.*'}}", "f:1:26: Trace destination \"a.*\" is not valid"},
    {"accounts {A {msg_trace: {dest: a, sampling: 0}}}", "\"sampling\" must be from 1% to 100%"},
    {"accounts {A {msg_trace: {dest: a, sampling: '101%'}}}",
     "\"sampling\" must be from 1% to 100%"},
    {"accounts {A {msg_trace: {dst: a}}}", "unknown field"},
    {"system_account: X", "unknown account \"X\"; allowed here: $G"},
    {"mappings {a.*: b.$2}",
     "f:1:11: Error adding mapping for \"a.*\": invalid mapping destination: wildcard index out of "
     "range in $2: [2]"},
    {"mappings {a: [{destination: b, weight: 60%}, {destination: c, weight: 60%}]}",
     "total weight needs to be <= 100"},
    {"mappings {a: [{destination: b, weight: 10%}, {destination: b, weight: 10%}]}",
     "duplicate entry for \"b\""},
    {"mappings {a: [{destination: b}]}", "Missing weight for mapping destination \"b\""},
    {"mappings {a: [{destination: b, weight: 101%}]}", "\"weight\" must be from 0% to 100%"},
    {"mappings {a..b: c}", "Subject \"a..b\" is not a valid subject"},
    {"accounts [A, B]; leafnodes {remotes: [{url: h, account: A}, {url: h, account: B}]}; "
     "store_and_forward {rules: [{subject: t}]}",
     "f: store_and_forward.rules[0]: the remotes are of several accounts: \"account\" must say to "
     "which of them this rule belongs; allowed here: A, B"},
    {"accounts [A, B]; leafnodes {remotes: [{url: h, account: A}]}; "
     "store_and_forward {rules: [{subject: t, account: B}]}",
     "no remote is of account \"B\""},
    {"leafnodes {remotes: [{url: h}]}; store_and_forward {rules: [{subject: t, account: B}]}",
     "unknown account \"B\""},
};

// nats-server accounts_cycles_test.go: only what is asked for goes on through an import of all.
TEST_CASE("accounts: an import of all that leads back with another subject is no cycle") {
  const std::string begin =
      "accounts {A {exports: [{service: *}], imports: [{service {account: B, subject: help}}]}\n"
      "C {exports: [{service: *}], imports: [{service {account: A, subject: *}}]}\n"
      "B {exports: [{service: help}], imports: [{service {account: C, subject: ";
  test::Files files;
  const std::string arguments[] = {"-c", "f"};
  for (const char* subject : {"help", "nohelp"}) {
    files.files["f"] = begin + subject + "}}]}}";
    const bool cycle = !load_start(arguments, files.sources()).loaded.ok();
    CHECK(cycle == (std::string_view(subject) == "help"));
  }
}

TEST_CASE("accounts: what is wrong is told with its place") {
  for (const Case& each : kErrors) {
    CAPTURE(std::string(each.text));
    const LoadedConfig loaded = load(each.text);
    REQUIRE(!loaded.errors.empty());
    CHECK(to_text(loaded.errors[0]).find(each.wanted) != std::string::npos);
    CAPTURE(to_text(loaded.errors[0]));
    CHECK(to_text(loaded.errors[0]).starts_with("f:"));
  }
}

}  // namespace
}  // namespace petiole
