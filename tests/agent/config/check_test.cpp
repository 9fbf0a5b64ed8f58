#include "agent/config/check.h"

#include <doctest/doctest.h>

#include "agent/config/features.h"
#include "agent/config/load.h"
#include "tests/agent/config/files.h"

namespace petiole {
namespace {

// The first error or warning of a file.
std::string told(const std::string& text) {
  test::Files files;
  files.files["f"] = text;
  const std::string arguments[] = {"-c", "f"};
  const LoadedConfig loaded = load_start(arguments, files.sources()).loaded;
  if (!loaded.errors.empty()) return to_text(loaded.errors[0]);
  return loaded.warnings.empty() ? "" : "warning " + to_text(loaded.warnings[0]);
}

struct Case {
  const char* text;
  const char* wanted;
};

constexpr Case kCases[] = {
    {"max_payload: 2MB; max_pending: 1MB",
     "f: max_payload: max_payload (2097152) must not be larger than max_pending (1048576)"},
    {"authorization {token: t, user: u, password: p}", "give either a token or users, not both"},
    {"authorization {user: u}", "warning f: authorization: user \"u\" has no \"password\""},
    {"accounts {A {users: [{user: p, password: ''}]}}",
     "warning f: authorization: user \"p\" has no"},
    {"leafnodes {authorization {user: u}}", "warning f: leafnodes.authorization: user \"u\""},
    {"", "warning f: the configuration has no values or is empty"},
    {"max_payload: -1", "warning f:1:1: \"max_payload\" without a limit: 64MB"},
    {"authorization {password: p}", "a password needs a \"user\""},
    {"authorization {users: [{user: u, password: p, account: A}]}",
     "unknown account \"A\"; allowed here: $G"},
    {"no_auth_user: x", "f: no_auth_user: \"x\" is not among the users"},
    {"client_advertise: 'a:b'", "is no address to advertise; allowed here: host or host:port"},
    {"leafnodes {advertise: '::1'}", "leafnodes.advertise: \"::1\" is no address to advertise"},
    {"lame_duck_duration: 30s; lame_duck_grace_period: 40s", "must be shorter than"},
    {"leafnodes {reconnect: 10s, reconnect_max: 5s}", "reconnect_max must not be shorter"},
    {"leafnodes {remotes: [{url: h, account: A}]}",
     "f: leafnodes.remotes[0]: unknown account \"A\""},
    {"leafnodes {remotes: [{url: h, credentials: c, nkey: SU}]}", "not both"},
    {"leafnodes {remotes: [{url: h, tls {cert_file: c}}]}", "both \"cert_file\" and \"key_file\""},
    {"\nwebsocket {port: 8080}", "f:2:1: websocket needs \"tls\", or \"no_tls: true\""},
    {"authorization {users: [{user: u, password: p}]}\n"
     "websocket {port: 8080, no_tls: true, no_auth_user: x}",
     "f:2:1: no_auth_user \"x\" is not among the users"},
    {"authorization {users: [{user: u, password: p}]}\n"
     "websocket {port: 8080, no_tls: true, authorization {token: t}}",
     "f:2:1: authorization of websocket does not go together with \"users\""},
    {"websocket {port: 8080, no_tls: true, jwt_cookie: c}",
     "f:1:1: \"jwt_cookie\" needs operators"},
    {"https: 8443", "f: https_port: monitoring over HTTPS needs \"tls\""},
    {"allow_non_tls: true", "warning f: allow_non_tls: has no effect without \"tls\""},
    {"leafnodes {remotes: [{url: h, deny_imports: 'a..b'}]}",
     "\"a..b\": a subject has no empty token"},
    {"leafnodes {remotes: [{url: h, deny_imports: 'x.{{account-hash(a,b)}}'}]}",
     "f: leafnodes.remotes[0].deny_imports: \"x.{{account-hash(a,b)}}\": invalid mapping "
     "destination: too many arguments"},
    {"leafnodes {remotes: [{url: h, deny_exports: ['{{account-hash-leaf-remote()}}', "
     "'{{account-hash-import()}}']}]}",
     "deny_exports: \"{{account-hash-import()}}\": invalid mapping destination: function is not"},
    {"leafnodes {remotes: [{url: h, tls {insecure: true}}]}",
     "warning f: leafnodes.remotes[0].tls"},
    {"leafnodes {remotes: [{url: h, ws_compression: true}]}", "warning"},
    {"leafnodes {compression: zip}",
     "\"compression\" must be off, accept, s2_auto, s2_fast, s2_better or s2_best, not \"zip\""},
    {"leafnodes {compression {rtt_thresholds: [2s, 1s]}}",
     "must be one to four durations, each longer than the one before"},
    {"leafnodes {compression {level: 9}}", "mode"},
    {"store_and_forward {rules: [{subjects: [a.>,\n 'b..c']}]}",
     "f:2:2: \"b..c\": a subject has no empty token"},
    {"\nstore_and_forward {rules: [{subject: '>.a'}]}", "f:2:38: \">.a\": '>' must be the last"},
    {"store_and_forward {}", "warning f: store_and_forward: there are no \"rules\""},
    {"store_and_forward {rules: {subject: a}}", "warning f: store_and_forward: there is no remote"},
    {"store_and_forward {dir: '', rules: {subject: a}}", "\"dir\" must name a directory"},
    {"store_and_forward {rules: {subject: 'a.>.b'}}", "'>' must be the last token"},
    {"leafnodes {remotes: [{url: h}, {url: i}, {url: h}]}",
     "leafnodes.remotes[2]: duplicate remote: another of account \"$G\" has the same URLs"},
    {"store_and_forward {rules: {subject: 'a b'}}", "a subject has no blanks"},
    {"store_and_forward {rules: {subject: '$SYS.>'}}", "is an internal subject"},
    {"store_and_forward {rules: [{subject: a}, {subject: a}]}", "rules[1]: \"a\" is in two places"},
    {"leafnodes {remotes: [{url: h}]}; store_and_forward {rules: [{subject: '>'}, {subject: "
     "'a.*'}]}",
     "rules[1]: \"a.*\" is never stored by this rule: \">\" of a rule before it takes all of it"},
    {"leafnodes {remotes: [{url: h}]}; store_and_forward {rules: {subject: 'a.>,b.>'}}",
     "\"a.>,b.>\" is one name"},
    {"leafnodes {remotes: [{url: h}]}; store_and_forward {rules: {subject: 'a*.b'}}",
     "\"a*.b\" is one name"},
    {"store_and_forward {max_bytes: 8MB, rules: {subject: a, max_bytes: 9MB}}",
     "must not be larger"},
};

}  // namespace

TEST_CASE("config: options that contradict each other") {
  CHECK(told("port: 1") == "");
  CHECK(told("websocket {no_auth_user: x}") == "");  // It does not listen.
  const std::string key = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
  CHECK(told("authorization {users: [{nkey: " + key +
             "}]}\nwebsocket {port: 8080, no_tls: true, no_auth_user: " + key + "}") == "");
  for (const Case& c : kCases) {
    CAPTURE(c.text);
    const std::string text = told(c.text);
    CAPTURE(text);
    CHECK(text.find(c.wanted) != std::string::npos);
  }
}

// nats-server takes these as seconds, says so, and its -t fails.
TEST_CASE(
    "config: a number where nats-server wants a quoted time is taken, but no check passes it") {
  for (const char* text :
       {"ping_interval: 30", "write_deadline: 2", "ping_interval: 2m", "leafnodes {reconnect: 3}",
        "leafnodes {remotes: [{url: h, first_info_timeout: 3}]}",
        "leafnodes {remotes: [{url: h, dial_timeout: 3}]}",
        "websocket {port: 1, no_tls: true, ping_interval: 3}",
        "authorization {token: t, timeout: 1m}", "leafnodes {authorization {timeout: '61s'}}"}) {
    CAPTURE(text);
    CHECK(told(text).find("warning f:1:") == 0);
    CHECK(told(text).find("invalid use of field \"") != std::string::npos);
    test::Files files;
    files.files["f"] = text;
    const std::string arguments[] = {"-t", "-c", "f"};
    CHECK_FALSE(load_start(arguments, files.sources()).loaded.ok());
  }
  for (const char* text : {"ping_interval: '30s'", "ping_interval: 30s", "write_deadline: 0",
                           "authorization {token: t, timeout: 60}",
                           "websocket {port: 1, no_tls: true, handshake_timeout: 5}"}) {
    CAPTURE(text);
    CHECK(told(text) == "");
  }
}

TEST_CASE("config: words may be in capitals, as in nats-server") {
  CHECK(told("accounts {A {exports: [{service: s, response_type: Stream}]}}") == "");
  CHECK(told("accounts {A {exports: [{service: s, response_type: SINGLETON}]}}") == "");
  CHECK(told("resolver {type: FULL, dir: d}").find("\"type\"") == std::string::npos);
}

TEST_CASE("config: keys and certificates that cannot be used are told with their place") {
  struct Wrong {
    const char *error, *place;
  };
  const Wrong cases[] = {
      {"tls: cert_file \"c\": No such file or directory", "f:2:14: cert_file \"c\": No such file"},
      {"tls: key_file \"k\": does not belong", "f:3:13: key_file \"k\": does not belong"},
      {"tls: unknown cipher suite \"X\"", "f:1:1: unknown cipher suite \"X\""},
  };
  for (const Wrong& c : cases) {
    test::Files files;
    files.files["f"] = "tls {\n  cert_file: c\n  key_file: k\n}\n";
    ConfigSources sources = files.sources();
    sources.check_tls = [&](const TlsOptions& options) {
      CHECK(options.server);
      return std::string(c.error);
    };
    const std::string arguments[] = {"-c", "f"};
    const LoadedConfig loaded = load_start(arguments, sources).loaded;
    REQUIRE(loaded.errors.size() == 1);
    const std::string text = to_text(loaded.errors[0]);
    CAPTURE(text);
    CHECK(text.starts_with(c.place));
  }
}

// "leafnodes {tls {ca_file}}" beside remotes is common, and means nothing.
TEST_CASE("config: a door that is not open needs no certificate") {
  const auto faults = [](const std::string& text) {
    test::Files files;
    files.files["f"] = text;
    ConfigSources sources = files.sources();
    sources.check_tls = [](const TlsOptions&) { return std::string("tls: a server needs one"); };
    const std::string arguments[] = {"-c", "f"};
    return load_start(arguments, sources).loaded.errors.size();
  };
  CHECK(faults("leafnodes {tls {ca_file: c}, remotes: [{url: h}]}") == 0);
  CHECK(faults("websocket {tls {}}") == 0);
  CHECK(faults("leafnodes {port: 1, tls {ca_file: c}}") == 1);
  CHECK(faults("leafnodes {tls {cert_file: c, key_file: k}}") == 1);
  CHECK(faults("websocket {port: 1, tls {}}") == 1);
  CHECK(faults("tls {}") == 1);
}

// As in nats-server, where -1 is any free port.
TEST_CASE("config: a port of 0 is no door" * doctest::skip(!kHasMonitor || !kHasWebSocket)) {
  const auto load = [](const std::string& text) {
    test::Files files;
    files.files["f"] = text;
    const std::string arguments[] = {"-c", "f"};
    const LoadedConfig loaded = load_start(arguments, files.sources()).loaded;
    CHECK(loaded.ok());
    return loaded.config;
  };
  CHECK_FALSE(load("http: 0").monitor.enabled);
  CHECK_FALSE(load("http: 'h:0'").monitor.enabled);
  CHECK(load("http: 'h:-1'").monitor.enabled);
  CHECK_FALSE(load("https: 0").monitor.enabled);
  CHECK(load("listen: 'h:0'").port == 4222);
  CHECK(load("port: 0").port == 4222);
  CHECK(load("listen: 'h:-1'").port == 0);
  CHECK(load("port: -1").port == 0);
  CHECK_FALSE(load("leafnodes {listen: 'h:0'}").leaf_listen.enabled);
  CHECK_FALSE(load("websocket {listen: 'h:0'}").websocket.enabled);
  for (const char* both : {"http: 8000, https_port: 0", "https: 0, http: 8000"}) {
    CAPTURE(both);
    const MonitorConfig monitor = load(both).monitor;
    CHECK(monitor.enabled);
    CHECK_FALSE(monitor.secure);
    CHECK(monitor.port == 8000);
  }
}

TEST_CASE("config: certificates of a remote that cannot be used") {
  test::Files files;
  files.files["f"] = "leafnodes {remotes: [{url: h, tls {ca_file: c}}]}";
  files.files["c"] = "garbage";
  ConfigSources sources = files.sources();
  sources.check_tls = [](const TlsOptions& options) {
    CHECK_FALSE(options.server);
    return std::string("tls: ca_file \"c\": holds no PEM block");
  };
  const std::string arguments[] = {"-c", "f"};
  const LoadedConfig loaded = load_start(arguments, sources).loaded;
  REQUIRE(loaded.errors.size() == 1);
  CHECK(to_text(loaded.errors[0]) ==
        "f: leafnodes.remotes[0].tls: ca_file \"c\": holds no PEM block");
}

TEST_CASE("subjects to subscribe to") {
  for (const char* good : {"a", "a.b", "*", ">", "a.*.>", "a*", "$KV.x"}) {
    CAPTURE(good);
    CHECK(check_subject(good).empty());
  }
  for (const char* bad : {"", ".", "a.", ".a", "a..b", ">.a", "a b"}) {
    CAPTURE(bad);
    CHECK_FALSE(check_subject(bad).empty());
  }
}

}  // namespace petiole
