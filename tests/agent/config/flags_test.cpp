#include "agent/config/flags.h"

#include <doctest/doctest.h>

#include "agent/config/flag_table.h"
#include "agent/config/load.h"
#include "tests/agent/config/files.h"

namespace petiole {
namespace {

using Words = std::vector<std::string>;

const test::Files kFiles{{{"f",
                           "port: 5000\nserver_name: file\nleafnodes {remotes: [{url: a}]}\n"
                           "store_and_forward {dir: d, rules: {subject: x}}"},
                          {"two", "leafnodes {remotes: [{url: a}, {url: b}]}"},
                          {"bad", "port: x"},
                          {"old", "pid_file: p\nport: x"},
                          {"k", "credentials"}},
                         {}};

LoadedStart start(const Words& words) { return load_start(words, kFiles.sources()); }

std::string first_error(const Words& words) {
  const LoadedConfig loaded = start(words).loaded;
  return loaded.errors.empty() ? "" : to_text(loaded.errors[0]);
}

struct Case {
  Words words;
  bool (*check)(const Config&);
};

#define SAYS(expression) [](const Config& c) { return static_cast<bool>(expression); }

const Case kCases[] = {
    {{}, SAYS(c.port == 4222 && c.host == "0.0.0.0")},
    {{"-p", "1"}, SAYS(c.port == 1)},
    {{"-p=1"}, SAYS(c.port == 1)},
    {{"--p", "1"}, SAYS(c.port == 1)},
    {{"-port", "1"}, SAYS(c.port == 1)},
    {{"--port=1"}, SAYS(c.port == 1)},
    {{"--port", "-1"}, SAYS(c.port == 0)},
    {{"-p", "0"}, SAYS(c.port == 4222)},
    {{"-p", "1", "-p", "0"}, SAYS(c.port == 4222)},
    {{"-a", "h"}, SAYS(c.host == "h")},
    {{"--addr", "h"}, SAYS(c.host == "h")},
    {{"--net", "h"}, SAYS(c.host == "h")},
    {{"-n", "x"}, SAYS(c.server_name == "x")},
    {{"--name", "x"}, SAYS(c.server_name == "x")},
    {{"--server_name", "x"}, SAYS(c.server_name == "x")},
    {{"-P", "f"}, SAYS(c.pid_file == "f")},
    {{"--pid", "f"}, SAYS(c.pid_file == "f")},
    {{"-m", "8222"}, SAYS(c.monitor.enabled&& c.monitor.port == 8222)},
    {{"--http_port", "8222"}, SAYS(c.monitor.enabled)},
    {{"-m", "0"}, SAYS(!c.monitor.enabled)},
    {{"--client_advertise", "a:1"}, SAYS(c.client_advertise == "a:1")},
    {{"--ports_file_dir", "d"}, SAYS(c.ports_file_dir == "d")},
    {{"-l", "f"}, SAYS(c.log.file == "f")},
    {{"--log", "f"}, SAYS(c.log.file == "f")},
    {{"-T=false"}, SAYS(!c.log.time)},
    {{"--logtime=0"}, SAYS(!c.log.time)},
    {{"--logtime_utc"}, SAYS(c.log.time_utc)},
    {{"-s"}, SAYS(c.log.syslog)},
    {{"-D"}, SAYS(c.log.debug && !c.log.trace)},
    {{"-D", "-p", "1"}, SAYS(c.log.debug&& c.port == 1)},
    {{"--debug=false"}, SAYS(!c.log.debug)},
    {{"-V"}, SAYS(c.log.trace && !c.log.debug)},
    {{"-VV"}, SAYS(c.log.trace&& c.log.trace_verbose)},
    {{"-DV"}, SAYS(c.log.debug&& c.log.trace)},
    {{"-DVV"}, SAYS(c.log.debug&& c.log.trace_verbose)},
    {{"--max_traced_msg_len", "64"}, SAYS(c.log.traced_bytes_max == 64)},
    {{"--log_size_limit", "1MB"}, SAYS(c.log.size_limit == 1u << 20)},
    {{"--user", "u", "--pass", "p"}, SAYS(c.auth.users.at(0).password == "p")},
    {{"--auth", "t"}, SAYS(c.auth.token == "t")},
    {{"--tls", "--tlscert", "c", "--tlskey", "k"},
     SAYS(c.tls.enabled&& c.tls.options.cert_file == "c" && c.tls.options.key_file == "k" &&
          !c.tls.options.verify)},
    {{"--tlsverify", "--tlscert", "c", "--tlskey", "k", "--tlscacert", "a"},
     SAYS(c.tls.enabled&& c.tls.options.verify&& c.tls.options.ca_file == "a")},
    {{"--tlsverify=Optional", "--tlscert", "c", "--tlskey", "k"},
     SAYS(c.tls.enabled && !c.tls.options.verify && c.tls.options.verify_optional)},
    {{"--tlsverify=optional", "--tlsverify=false", "--tlscert", "c", "--tlskey", "k"},
     SAYS(!c.tls.options.verify && !c.tls.options.verify_optional)},
    {{"--tls=false", "--tlscert", "c", "--tlskey", "k"}, SAYS(!c.tls.enabled)},
    {{"-ms", "8443", "--tlscert", "c", "--tlskey", "k"},
     SAYS(c.monitor.enabled&& c.monitor.secure&& c.monitor.port == 8443)},
    {{"--hub", "tls://h"}, SAYS(c.remotes.at(0).urls.at(0).scheme == RemoteUrl::Scheme::kTls)},
    {{"--hub", "a,b"}, SAYS(c.remotes.size() == 1 && c.remotes[0].urls.size() == 2)},
    {{"--hub", "a", "--hub=b"}, SAYS(c.remotes.size() == 1 && c.remotes[0].urls.size() == 2)},
    {{"--hub", "h", "--creds", "f"}, SAYS(c.remotes.at(0).credentials == "f")},
    {{"--hub", "h", "--store", "d", "--forward", "x.>", "--forward", "y"},
     SAYS(c.mirror.enabled&& c.mirror.dir == "d" && c.mirror.rules.at(0).subjects.size() == 2 &&
          c.mirror.rules[0].durability == Durability::kDisk)},
    {{"-c", "f"}, SAYS(c.file == "f" && c.port == 5000 && c.server_name == "file")},
    {{"-p", "1", "-c", "f"}, SAYS(c.port == 1 && c.server_name == "file")},
    {{"--config", "f", "--hub", "b"},
     SAYS(c.remotes.size() == 1 && c.remotes[0].urls[0].host == "b")},
    {{"-c", "f", "--creds", "k"}, SAYS(c.remotes.at(0).credentials == "k")},
    {{"-c", "f", "--store", "e", "--forward", "y"},
     SAYS(c.mirror.dir == "e" && c.mirror.rules.size() == 2)},
};

}  // namespace

TEST_CASE("flags: every one, in Go's forms, over the file") {
  for (const Case& c : kCases) {
    const LoadedStart result = start(c.words);
    for (const ConfigError& error : result.loaded.errors) FAIL_CHECK(to_text(error));
    CAPTURE(c.words.size());
    if (!c.words.empty()) CAPTURE(c.words[0]);
    CHECK(c.check(result.loaded.config));
  }
}

TEST_CASE("flags: what is wrong with them") {
  CHECK(first_error({"--nope"}) == "--nope: unknown flag; see --help");
  CHECK(first_error({"-p"}) == "-p: this flag needs a value");
  CHECK(first_error({"-p", "x"}) == "--port: must be a port from -1 to 65535, not \"x\"");
  CHECK(first_error({"-D=maybe"}) == "-D: must be true or false, not \"maybe\"");
  CHECK(first_error({"serve"}).find("unknown command \"serve\"") == 0);
  CHECK(first_error({"--", "serve"}).find("unknown command \"serve\"") == 0);
  CHECK(first_error({"--forward", "x"}) == "--forward: needs --store DIR, where messages are kept");
  CHECK(first_error({"--hub", "h", "--store", "d"}).find("--store: keeps nothing without") == 0);
  CHECK(first_error({"--store", "d", "--forward", "a..b"}).find("no empty token") !=
        std::string::npos);
  CHECK(first_error({"--hub", "ftp://x"}).find("unknown scheme") != std::string::npos);
  CHECK(first_error({"--hub", "ws://x,tls://y"}).find("URLs must be all") != std::string::npos);
  CHECK(first_error({"--creds", "f"}) == "--creds: needs --hub, or a file with one remote");
  CHECK(first_error({"-c", "two", "--creds", "f"}).find("one remote") != std::string::npos);
  CHECK(first_error({"--tls"}) == "--tls: needs --tlscert FILE");
  CHECK(first_error({"--tlsverify", "--tlscert", "c"}) == "--tls: needs --tlskey FILE");
  CHECK(first_error({"--tlsverify=maybe"}) ==
        "--tlsverify: must be true, false or optional, not \"maybe\"");
  CHECK(first_error({"--test_reload", "f"}) == "--test_reload: can only be used together with -t");
  CHECK(first_error({"-ms", "1"}).find("monitoring over HTTPS needs \"tls\"") != std::string::npos);
  CHECK(first_error({"-ms", "x"}) == "--https_port: must be a port from -1 to 65535, not \"x\"");
  CHECK(first_error({"-c", "none"}) == "none: cannot read the file: no such file");
  CHECK(first_error({"-c", "bad"}).find("bad:1:7: \"port\"") == 0);
  for (const char* flag :
       {"-js", "--jetstream", "--routes", "--cluster", "--profile", "--no_advertise"}) {
    CAPTURE(flag);
    CHECK(first_error({flag, "x"}).find("not supported by this build: ") != std::string::npos);
  }
}

TEST_CASE("flags: the value of one that is refused is not called a command") {
  for (const char* flag : {"--routes", "--cluster", "--profile", "--nope"}) {
    CAPTURE(flag);
    CHECK(start({flag, "nats://h:1", "-p", "4333"}).loaded.errors.size() == 1);
    CHECK(start({flag, "nats://h:1", "serve"}).loaded.errors.size() == 2);
    CHECK(start({std::string(flag) + "=v", "serve"}).loaded.errors.size() == 2);
  }
}

// As nats-server without JetStream: launchers of test suites always pass it.
TEST_CASE("flags: a store directory alone changes nothing, and a warning says so") {
  const LoadedStart result = start({"--store_dir", "d", "-p", "4333"});
  REQUIRE(result.loaded.ok());
  CHECK(result.loaded.config.port == 4333);
  REQUIRE(result.loaded.warnings.size() == 1);
  CHECK(to_text(result.loaded.warnings[0]) ==
        "--store_dir: without effect: it is for JetStream, which is off without -js");
  CHECK(first_error({"-js", "-sd", "d"}).find("not supported by this build: ") !=
        std::string::npos);
}

TEST_CASE("flags: whether a file can be reloaded to another") {
  const test::Files files{{{"f", "port: 1"},
                           {"debug", "port: 1; debug: true"},
                           {"port", "port: 2; server_name: x"},
                           {"pending", "max_payload: 2MB; max_pending: 1MB"},
                           {"empty", ""}},
                          {}};
  const auto test = [&](const Words& words) { return load_start(words, files.sources()); };
  LoadedStart start = test({"-t", "-c", "f", "--test_reload", "debug"});
  CHECK(start.restarts.empty());
  CHECK(start.text.ends_with(")\npetiole: configuration file debug can be reloaded"));
  start = test({"-t", "-c", "f", "--test_reload", "port"});
  REQUIRE(start.restarts.size() == 2);
  CHECK(start.restarts[0].starts_with("config reload not supported for listen: "));
  // A flag holds for both.
  CHECK(test({"-t", "-p", "3", "-n", "y", "-c", "f", "--test_reload", "port"}).restarts.empty());
  for (const char* bad : {"pending", "empty", "none"}) {
    start = test({"-t", "-c", "f", "--test_reload", bad});
    CHECK(!start.loaded.ok());
    CHECK(to_text(start.loaded.errors.at(0)).starts_with(bad));
  }
}

TEST_CASE("flags: actions") {
  CHECK(start({"-v"}).text == "nats-server: v2.12.0");
  CHECK(start({"version"}).text == "nats-server: v2.12.0");
  CHECK(start({"--version"}).text == "petiole 0.1.0");
  CHECK(start({"--help"}).action == StartAction::kHelp);
  CHECK(start({"-h"}).text == usage_text());
  const LoadedStart check = start({"-t", "-c", "f"});
  CHECK(check.action == StartAction::kCheck);
  CHECK(check.loaded.ok());
  CHECK(check.text.starts_with("petiole: configuration file f is valid (sha256:"));
  CHECK(first_error({"-t"}) == "-t: needs a configuration file: -c FILE");
  const LoadedStart signal = start({"-sl", "reload=/run/x.pid"});
  CHECK(signal.action == StartAction::kSignal);
  CHECK(signal.signal == "reload");
  CHECK(signal.signal_target == "/run/x.pid");
  // As nats-server, which does not read it: a file that is wrong by now keeps no server up.
  const LoadedStart spoilt = start({"-c", "old", "-sl", "quit"});
  CHECK(spoilt.loaded.ok());
  CHECK(spoilt.loaded.config.pid_file == "p");
  CHECK(start({"-c", "none", "-sl", "quit"}).loaded.ok());
  CHECK(first_error({"--signal", "kill"}).find("allowed here: ldm, stop") != std::string::npos);
}

TEST_CASE("flags: the usage text shows every flag that does something") {
  const std::string usage = usage_text();
  for (const Flag& flag : flag_table()) {
    const std::string name(flag.names.substr(0, flag.names.find('|')));
    CAPTURE(name);
    const bool shown = usage.find("  -" + name) != std::string::npos ||
                       usage.find("  --" + name) != std::string::npos;
    CHECK(shown == (flag.kind != Flag::Kind::kRefused && flag.kind != Flag::Kind::kNoEffect));
  }
}

}  // namespace petiole
