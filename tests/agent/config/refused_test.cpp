#include <doctest/doctest.h>

#include "agent/config/load.h"
#include "tests/agent/config/files.h"

namespace petiole {
namespace {

struct Case {
  const char* text;
  const char* wanted;  // A part of the first error.
};

// A wrong type, unit or word says what is allowed; a missing feature says why.
constexpr Case kErrors[] = {
    {"prot: 1",
     "f:1:1: unknown field \"prot\"; is it \"port\"? allowed here: listen, host, port, "
     "server_name,"},
    {"hartbeet: 1", "f:1:1: unknown field \"hartbeet\"; allowed here: "},
    {"leafnodes {remotes: [{ulr: h}]}", "\"ulr\"; is it \"url\"? allowed here: url, account"},
    {"leafnodes {hartbeet: 1}", "f:1:12: unknown field \"hartbeet\"; is it \"heartbeat\"? allowed"},
    {"a {}\n", "f:1:1: unknown field \"a\"; allowed here: "},
    {"port: x", "f:1:7: \"port\" must be a number from -1 to 65535, not \"x\""},
    {"port: 70000", "f:1:7: \"port\" must be a number from -1 to 65535, not 70000"},
    {"port: [1]", "not a list"},
    {"host {a: 1}", "f:1:6: \"host\" must be a text, not a block"},
    {"debug: 1", "\"debug\" must be true or false, not 1"},
    {"max_payload: 5x", "\"max_payload\" must be a size in bytes such as 65536, 64KB"},
    {"max_payload: 1GB", "\"max_payload\" must be at most 64MB, not 1GB"},
    {"ping_interval: 5y", "\"ping_interval\" must be a time such as \"500ms\", \"30s\""},
    {"lame_duck_duration: 5s", "\"lame_duck_duration\" must be at least 30s"},
    {"listen: 'h:x'", "\"listen\" must be a port or \"host:port\""},
    {"server_name: 'a b'", "f:1:14: \"server_name\" must not contain blanks"},
    {"server_tags: {a: 1}", "must be a text or a list of texts, not a block"},
    {"server_metadata: 1", "must be a block"},
    {"authorization: 1", "\"authorization\" must be a block: {…}, not 1"},
    {"authorization {usr: 1}",
     "f:1:16: unknown field \"usr\"; is it \"user\"? allowed here: user, password, token, users, "
     "account, timeout"},
    {"authorization {users: [{password: p}]}", "f:1:24: this user has no \"user\" and no \"nkey\""},
    {"authorization {users: [{user: p, pass: q}, {user: p, pass: q}]}", "is there twice"},
    {"authorization {user: a, password: b, users: [{user: p, pass: q}]}",
     "give either \"user\" and \"password\" or \"users\""},
    {"authorization {users: [{nkey: U}]}", "\"nkey\" must be the public key of a user: U…"},
    {"authorization {users: [{user: a, nkey: "
     "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4}]}",
     "f:1:24: a user with an \"nkey\" has no \"user\""},
    {"authorization {users: [{user: a, pass: b, permissions {publish: 'a q'}}]}",
     "\"a q\" is not a valid subject"},
    {"authorization {users: [{user: a, pass: b, permissions {publish: {alow: a}}}]}",
     "unknown field \"alow\"; is it \"allow\"? allowed here: allow, deny"},
    {"authorization {users: [{user: a, pass: b, permissions {subscribe: [a..b]}}]}",
     "\"a..b\" is not a valid subject or \"subject queue\""},
    {"authorization {users: [{user: a, pass: b, permissions {allow_responses: 5}}]}",
     "must be a block"},
    {"authorization {users: [{user: a, pass: b, clients: [FAX]}]}", "must be a list of STANDARD"},
    {"authorization {auth_callout {}}", "this auth_callout has no \"issuer\""},
    {"authorization {auth_callout {issuer: x}}", "\"issuer\" must be the public key of an account"},
    {"authorization {auth_callout {issuer: "
     "AAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB776S}}",
     "has no \"auth_users\": its service could not come in"},
    {"authorization {auth_callout {xkey: x}}", "\"xkey\" must be a public xkey: X…"},
    {"authorization {auth_callout {isuer: x}}",
     "allowed here: issuer, account, auth_users, xkey, allowed_accounts"},
    {"clock {trust: me}", "must be one of floor, wall, ignore_expiry_until_set, not \"me\""},
    {"clock {floor: 1}", "allowed here: trust"},
    {"resolver: URL(ftp://x)", "must be URL(http://host:port/path/), or https://"},
    {"resolver: URL", "must be URL(http://host:port/path/), or https://"},
    {"resolver_tls {insecure: true}", "only whom to trust is configured"},
    {"leafnodes {remotes: [{}]}", "f:1:22: this remote has no \"url\""},
    {"leafnodes {remotes: 1}", "must be a list of blocks"},
    {"leafnodes {remotes: [{url: 'http://h'}]}", "unknown scheme \"http\""},
    {"leafnodes {remotes: [{urls: ['ws://h', 'tls://h']}]}", "all ws:// and wss:// or all of the"},
    {"leafnodes {remotes: [{url: h, nkey: X}]}", "must be the seed of a user: SU"},
    {"leafnodes {remotes: [{url: h, tls {min_version: 1.1}}]}", "must be one of 1.2, 1.3, not 1.1"},
    {"leafnodes {remotes: [{url: h, tls {pinned_certs: [a]}}]}", "not supported by this build"},
    {"leafnodes {remotes: [{url: h, proxy {username: u}}]}", "this proxy has no \"url\""},
    {"leafnodes {remotes: [{url: h, proxy {url: 'http://p:1', username: u}}]}", "needs both"},
    {"leafnodes {remotes: [{url: h, prxy: 1}]}",
     "is it \"proxy\"? allowed here: url, account, credentials"},
    {"leafnodes {tls: 1}", "must be a block"},
    {"leafnodes {min_version: '2.7.0'}", "must be a version from 2.8.0 on, not \"2.7.0\""},
    {"leafnodes {min_version: x}", "f:1:25: \"min_version\" must be a version"},
    {"accounts {A {exports: [{stream: 'x.{{account-hash-import()}}'}]}}",
     "f:1:24: Error adding stream export \"x.{{account-hash-import()}}\": invalid mapping "
     "destination: function is not available in this context in {{account-hash-import()}}"},
    {"accounts {A {exports: [{service: 'x.{{account-hash(a,b)}}'}]}}", "too many arguments"},
    {"accounts {B {imports: [{stream: {account: A, subject: "
     "'x.{{account-hash-leaf-remote()}}'}}]}}",
     "Error adding stream import \"x.{{account-hash-leaf-remote()}}\": invalid mapping"},
    {"accounts {A {mappings: {foo: '{{account-hash-import()}}'}}}",
     "Error adding mapping for \"foo\": invalid mapping destination: function is not available"},
    {"leafnodes {heartbeat: 1ms}", "\"heartbeat\" must be at least 100ms"},
    {"store_and_forward {rule: []}", "allowed here: dir, max_bytes, rules, replay"},
    {"store_and_forward {max_bytes: 1MB}", "must be at least 8MB, not 1MB"},
    {"store_and_forward {rules: [{}]}", "f:1:28: this rule has no \"subjects\""},
    {"store_and_forward {rules: [{subject: a, durability: ram}]}",
     "\"durability\" must be one of disk, outage, not \"ram\""},
    {"store_and_forward {rules: [{subject: a, keep: 1}]}", "must be one of all, last, not 1"},
    {"store_and_forward {rules: [{subject: a, max_age: 7w}]}", "\"7d\" or a number of seconds"},
    {"store_and_forward {rules: [{subject: a, priority: -1}]}", "a number from 0 to 255"},
    {"store_and_forward {replay {live_share: 200%}}", "a share from 0% to 100%"},
    {"jetstream: enabled", "\"jetstream\" is not supported by this build: JetStream on the leaf"},
    {"cluster {port: 1}", "routes come with a later version"},
    {"gateway {port: 1}", "gateways come with a later version"},
    {"websocket {port: x}", "f:1:18: \"port\" must be a number"},
    {"websocket {no_tsl: true}", "allowed here: listen, host, port, tls, no_tls, compression,"},
    {"websocket {allowed_origins: ['a.example']}",
     "\"a.example\" is no origin; allowed here: http"},
    {"websocket {headers {Upgrade: x}}", "the header \"Upgrade\" is not allowed here"},
    {"websocket {headers {Sec-WebSocket-Key: x}}", "is not allowed here"},
    {"websocket {headers {X: \"a\\r\\nb\"}}", "is not allowed here"},
    {"cluster {name: a}", "routes come with a later version"},
    {"jetstream {}", "JetStream on the leaf comes with a later version"},
    {"mqtt {port: 1883}", "MQTT is not part of petiole"},
    {"tls {cipher_suites: []}", "f:1:21: \"cipher_suites\" must name at least one"},
    {"tls {min_version: 1.1}", "must be one of 1.2, 1.3, not 1.1"},
    {"tls {handshake_first: soon}",
     "must be true, false, auto or a time such as 100ms, not \"soon\""},
    {"tls {cert_file: a, key_file: b, verify: maybe}",
     "f:1:41: \"verify\" must be true, false or optional, not \"maybe\""},
    {"leafnodes {remotes: [{url: h, tls {verify: maybe}}]}", "must be true, false or optional"},
    {"tls {cert_file: a, key_file: b, verify: 1}", "must be true, false or optional"},
    {"tls {cert_file: a, key_file: b, verify_and_map: true, verify: optional}",
     "f:1:1: \"verify: optional\" and \"verify_and_map\""},
    {"tls {certs: [{cert_file: a}]}", "f:1:14: a certificate needs both"},
    {"tls {cert_file: a, certs: [{cert_file: a, key_file: b}]}",
     "f:1:1: give either \"cert_file\""},
    {"tls {pinned_certs: [abc]}", "holds \"abc\", which is no SHA-256"},
    {"tls {cert_store: x}", "certificate stores of Windows"},
    {"http: 1\nhttps: 2", "f:2:1: give either \"http\" or \"https\", not both"},
    {"https: 1\nhttp: 2", "f:2:1: give either \"http\" or \"https\", not both"},
    {"resolver: x", "\"resolver\" must be MEMORY, URL(http://…) or { type: full, dir: … }"},
    {"resolver {type: full}", "this resolver has no \"dir\""},
    {"resolver {dir: d, type: half}", "must be one of full, cache"},
    {"resolver {dir: d, type: full, ttl: 1h}",
     "f:1:31: a resolver of type full does not take \"ttl\""},
    {"resolver {dir: d, type: cache, interval: 2m}", "of type cache does not take \"interval\""},
    {"resolver {dir: d, type: cache, allow_delete: true}", "does not take \"allow_delete\""},
    {"resolver_preload {A: x}", "\"A\" is not the public key of an account: A…"},
    {"resolver_pinned_accounts: [A]", "\"A\" is not the public key of an account: A…"},
};

// All other options of one nats-server: refused or without effect, never "unknown".
constexpr const char* kKnown[] = {
    "disable_sublist_cache: true",
    "no_sublist_cache: true",
    "store_dir: x",
    "storedir: x",
    "prof_block_rate: 1",
    "prof_port: 1",
    "ocsp: true",
    "resolver_tls {verify: true}",
    "write_timeout: close",
    "feature_flags {}",
    "default_js_domain {}",
    "ocsp_cache: true",
    "no_fast_producer_stall: true",
    "proxies {}",
    "tls {curve_preferences: [x]}",
    "tls {insecure: true}",
    "tls {ocsp_peer: true}",
    "tls {allow_insecure_cipher_suites: true}",
    "tls {verify_cert_and_check_known_urls: true}",
    "websocket {advertise: 'h:1'}",
    "leafnodes {write_deadline: 1s}",
    "leafnodes {write_timeout: close}",
    "leafnodes {remotes: [{url: h, ws_no_masking: true}]}",
    "leafnodes {remotes: [{url: h, websocket_no_masking: true}]}",
    "leafnodes {remotes: [{url: h, jetstream_cluster_migrate: true}]}",
    "leafnodes {remotes: [{url: h, js_cluster_migrate: true}]}",
    "leafnodes {remotes: [{url: h, tls {verify: true}}]}",
    "leafnodes {remotes: [{url: h, tls {verify_and_map: true}}]}",
    "leafnodes {remotes: [{url: h, tls {curve_preferences: [x]}}]}",
    "leafnodes {remotes: [{url: h, tls {certs: []}}]}",
    "leafnodes {remotes: [{url: h, tls {cert_store: x}}]}",
    "leafnodes {remotes: [{url: h, tls {ocsp_peer: true}}]}",
    "leafnodes {remotes: [{url: h, tls {allow_insecure_cipher_suites: true}}]}",
    "leafnodes {remotes: [{url: h, tls {connection_rate_limit: 1}}]}",
};

}  // namespace

TEST_CASE("config: errors name the place, the fault and what is allowed") {
  for (const Case& c : kErrors) {
    CAPTURE(c.text);
    const LoadedConfig loaded = read_config(c.text, "f", test::Files{}.sources());
    REQUIRE_FALSE(loaded.ok());
    const std::string text = to_text(loaded.errors[0]);
    CAPTURE(text);
    CHECK(text.starts_with("f:"));
    CHECK(text.find(c.wanted) != std::string::npos);
  }
}

TEST_CASE("config: every other option of nats-server is known by name") {
  for (const char* text : kKnown) {
    CAPTURE(text);
    const LoadedConfig loaded = read_config(text, "f", test::Files{}.sources());
    REQUIRE(loaded.errors.size() + loaded.warnings.size() == 1);
    const std::string said = to_text(loaded.errors.empty() ? loaded.warnings[0] : loaded.errors[0]);
    CAPTURE(said);
    CHECK((said.find("is not supported by this build: ") != std::string::npos ||
           said.find("has no effect: ") != std::string::npos));
  }
}

TEST_CASE("config: what is turned off needs no support") {
  for (const char* text :
       {"jetstream: false", "jetstream: disabled", "no_header_support: false",
        "proxy_protocol: false", "allow_non_tls: false", "tls: false", "websocket: false"}) {
    CAPTURE(text);
    const LoadedConfig loaded = read_config(text, "f", test::Files{}.sources());
    CHECK(loaded.errors.empty());
    CHECK(loaded.warnings.empty());
  }
}

TEST_CASE("config: all errors are told, not only the first") {
  const LoadedConfig loaded =
      read_config("port: x\nhost: []\nfoo: 1", "f", test::Files{}.sources());
  REQUIRE(loaded.errors.size() == 3);
  CHECK(loaded.errors[2].place == "f:3:1");
}

TEST_CASE("config: a variable's definition is no unknown field") {
  CHECK(read_config("P: 5000\nport: $P", "f", test::Files{}.sources()).config.port == 5000);
  CHECK_FALSE(read_config("P: 5000", "f", test::Files{}.sources()).ok());
}

}  // namespace petiole
