#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "agent/config/load.h"
#include "tests/agent/config/files.h"

namespace petiole {

TEST_CASE("the sample configuration says what the README says") {
  std::ifstream file(PETIOLE_TEST_DATA "/petiole.conf");
  std::stringstream text;
  text << file.rdbuf();
  test::Files files;
  files.files["petiole.conf"] = text.str();
  files.files["/etc/petiole/line-7.creds"] = files.files["/etc/petiole/ca.pem"] = "text";
  const std::string arguments[] = {"-c", "petiole.conf"};
  const LoadedStart start = load_start(arguments, files.sources());
  for (const ConfigError& error : start.loaded.errors) FAIL_CHECK(to_text(error));
  for (const ConfigError& warning : start.loaded.warnings) FAIL_CHECK(to_text(warning));
  const Config& config = start.loaded.config;
  CHECK(config.server_name == "line-7");
  REQUIRE(config.auth.users.size() == 2);
  CHECK(config.auth.users[0].password == "change-me");
  CHECK(config.monitor.enabled);
  CHECK(config.monitor.host == "127.0.0.1");
  REQUIRE(config.remotes.size() == 1);
  CHECK(config.remotes[0].urls.size() == 2);
  CHECK(config.remotes[0].urls[0].scheme == RemoteUrl::Scheme::kTls);
  CHECK(config.remotes[0].tls->ca_file == "/etc/petiole/ca.pem");
  CHECK(config.link.heartbeat == 5s);
  REQUIRE(config.mirror.rules.size() == 3);
  CHECK(config.mirror.rules[0].max_age == 168h);
  CHECK(config.mirror.rules[1].durability == Durability::kOutage);
  CHECK(config.mirror.rules[1].keep_last);
  CHECK(config.mirror.rules[2].discard == Discard::kNew);
  CHECK(config.mirror.rules[2].priority == 0);
  CHECK(config.mirror.replay.max_rate == 2u << 20);
  CHECK(config.mirror.replay.live_share == 50);
}

}  // namespace petiole
