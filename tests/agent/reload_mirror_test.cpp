// What a reload makes of the remote that a mirror sends over.
#include <doctest/doctest.h>

#include <algorithm>

#include "agent/agent.h"
#include "tests/support/leaf_world.h"
#include "tests/support/model_store.h"

namespace petiole::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("reload: a mirror sends over a remote that comes later, and over the one after that") {
  World world(1);
  Config hub_config, with_hub = dialling("hub"), without;
  hub_config.server_name = "hub";
  hub_config.leaf_listen.enabled = true;
  hub_config.leaf_listen.port = kLeafPort;
  for (Config* config : {&with_hub, &without}) {
    config->server_name = "edge";
    config->mirror.enabled = true;
    config->mirror.rules = {RuleConfig{.subjects = {"t.>"}}};
  }
  Agent hub(hub_config, world.host("hub"), nullptr);
  REQUIRE(hub.start().status.ok());
  Ear ear(*hub.account("$G"), "t.>");
  ModelDisk disk;
  ModelStore store(disk, world.loop, [] { return Duration(1ms); });
  Agent edge(without, world.host("edge"), &store);
  REQUIRE(edge.start().status.ok());
  for (std::size_t round = 1; round <= 3; ++round) {
    edge.account("$G")->publish({}, {"t.a", {}, {}, std::to_string(round), {}});
    world.loop.run_for(30s);
    CHECK(ear.heard.size() == round - 1);
    CHECK(edge.reload(with_hub).errors.empty());
    world.loop.run_for(30s);
    CHECK(ear.heard.size() == round);
    CHECK(edge.reload(without).errors.empty());
  }
  for (const char* name : {"edge", "hub"}) world.network.vanish(name, false);
}

// The mirror sends there, so nothing goes there by itself, and nothing comes from there to be sent.
TEST_CASE("start: a remote with hub: true carries what the rules take, once") {
  World world(1);
  Config hub_config, config = dialling("hub");
  hub_config.server_name = "hub";
  hub_config.leaf_listen.enabled = true;
  hub_config.leaf_listen.port = kLeafPort;
  config.server_name = "edge";
  config.remotes[0].hub = true;
  config.mirror.enabled = true;
  config.mirror.rules = {RuleConfig{.subjects = {"t.>"}}};
  Agent hub(hub_config, world.host("hub"), nullptr);
  REQUIRE(hub.start().status.ok());
  Ear ear(*hub.account("$G"), "t.>");
  ModelDisk disk;
  ModelStore store(disk, world.loop, [] { return Duration(1ms); });
  Agent edge(config, world.host("edge"), &store);
  REQUIRE(edge.start().status.ok());
  world.loop.run_for(30s);
  edge.account("$G")->publish({}, {"t.a", {}, {}, "up", {}});
  world.loop.run_for(30s);
  REQUIRE(ear.heard.size() == 1);
  CHECK(ear.heard[0].starts_with("t.a up +"));  // With the mirror's id.
  hub.account("$G")->publish({}, {"t.a", {}, {}, "there", {}});
  world.loop.run_for(30s);
  REQUIRE(ear.heard.size() == 2);
  CHECK(ear.heard[1] == "t.a there");
  for (const char* name : {"edge", "hub"}) world.network.vanish(name, false);
}

TEST_CASE("start: beside a hub a remote with hub: true is a leaf behind us") {
  World world(1);
  Config hub_config, config = dialling("below");
  hub_config.leaf_listen.enabled = true;
  hub_config.leaf_listen.port = kLeafPort;
  config.server_name = "edge";
  config.remotes[0].hub = true;
  config.remotes.push_back(dialling("hub").remotes[0]);
  config.mirror.enabled = true;
  config.mirror.rules = {RuleConfig{.subjects = {"t.>"}}};
  Agent hub((hub_config.server_name = "hub", hub_config), world.host("hub"), nullptr);
  Agent below((hub_config.server_name = "below", hub_config), world.host("below"), nullptr);
  REQUIRE(hub.start().status.ok());
  REQUIRE(below.start().status.ok());
  Ear ear(*hub.account("$G"), "t.>"), ear_below(*below.account("$G"), "t.>");
  ModelDisk disk;
  ModelStore store(disk, world.loop, [] { return Duration(1ms); });
  Agent edge(config, world.host("edge"), &store);
  REQUIRE(edge.start().status.ok());
  world.loop.run_for(30s);
  below.account("$G")->publish({}, {"t.a", {}, {}, "from below", {}});
  edge.account("$G")->publish({}, {"t.a", {}, {}, "here", {}});
  world.loop.run_for(30s);
  CHECK(ear.heard.size() == 2);
  CHECK(ear_below.heard.size() == 2);
  CHECK(std::all_of(ear.heard.begin(), ear.heard.end(), [](const std::string& each) {
    return each.find("Nats-Msg-Id") != each.npos;  // By way of the mirror.
  }));
  for (const char* name : {"edge", "below", "hub"}) world.network.vanish(name, false);
}

TEST_CASE("reload: a hub that comes takes the mirror from a remote with hub: true") {
  World world(1);
  Config hub_config, config = dialling("below");
  hub_config.leaf_listen.enabled = true;
  hub_config.leaf_listen.port = kLeafPort;
  config.server_name = "edge";
  config.remotes[0].hub = true;
  config.mirror.enabled = true;
  config.mirror.rules = {RuleConfig{.subjects = {"t.>"}}};
  Agent hub((hub_config.server_name = "hub", hub_config), world.host("hub"), nullptr);
  Agent below((hub_config.server_name = "below", hub_config), world.host("below"), nullptr);
  REQUIRE(hub.start().status.ok());
  REQUIRE(below.start().status.ok());
  ModelDisk disk;
  ModelStore store(disk, world.loop, [] { return Duration(1ms); });
  Agent edge(config, world.host("edge"), &store);
  REQUIRE(edge.start().status.ok());
  world.loop.run_for(30s);
  config.remotes.push_back(dialling("hub").remotes[0]);
  CHECK(edge.reload(config).errors.empty());
  world.loop.run_for(30s);
  below.account("$G")->publish({}, {"t.a", {}, {}, "from below", {}});
  world.loop.run_for(30s);
  Ear ear(*hub.account("$G"), "t.>"), ear_below(*below.account("$G"), "t.>");
  world.loop.run_for(30s);
  edge.account("$G")->publish({}, {"t.a", {}, {}, "here", {}});
  world.loop.run_for(30s);
  CHECK(ear.heard.size() == 2);
  CHECK(ear_below.heard.size() == 1);
  for (const char* name : {"edge", "below", "hub"}) world.network.vanish(name, false);
}

TEST_CASE("reload: an account that comes back is captured as before") {
  World world(1);
  Config config, without;
  config.accounts.resize(1);
  config.accounts[0].name = "APP";
  for (Config* each : {&config, &without}) {
    each->server_name = "edge";
    each->mirror.enabled = true;
    each->mirror.rules = {RuleConfig{.account = "APP", .subjects = {"t.>"}}};
  }
  ModelDisk disk;
  ModelStore store(disk, world.loop, [] { return Duration(1ms); });
  Agent edge(config, world.host("edge"), &store);
  REQUIRE(edge.start().status.ok());
  for (int i = 0; i < 3; ++i) {
    CHECK(edge.account("APP")->publish({}, {"t.a", {}, {}, "x", {}}).captured);
    CHECK(edge.reload(without).errors.empty());
    CHECK(edge.account("APP") == nullptr);
    CHECK(edge.reload(config).errors.empty());
    REQUIRE(edge.account("APP") != nullptr);
  }
  world.network.vanish("edge", false);
}

TEST_CASE("start: what an account without a way to a hub has left is told, and stays") {
  World world(1);
  Config config, renamed;
  SUBCASE("of the only one") {
    config = dialling("hub");
    config.accounts.resize(1);
    config.remotes[0].account = "APP";
  }
  bool stays = false;
  SUBCASE("of one whose remote another has now") {
    config = dialling("hub");
    config.accounts.resize(1);
    config.remotes[0].account = "APP";
    stays = true;
  }
  SUBCASE("of one among several") { config.accounts.resize(1); }
  config.accounts[0].name = "APP";
  config.server_name = "edge";
  config.mirror.enabled = true;
  config.mirror.rules = {RuleConfig{.account = "APP", .subjects = {"t.>", "u.*"}}};
  renamed = config;
  renamed.accounts[0].name = renamed.mirror.rules[0].account = "NEW";
  if (stays) renamed.accounts.push_back(config.accounts[0]);
  for (RemoteConfig& remote : renamed.remotes) remote.account = "NEW";
  ModelDisk disk;
  const auto told = [&] {
    return std::count_if(world.log.lines().begin(), world.log.lines().end(), [](const auto& line) {
      return line.find("\"APP\" has no remote: up to 3 messages (") != std::string::npos &&
             line.find(" bytes) of t.> u.* stay in the store") != std::string::npos;
    });
  };
  int sent = 0;
  for (const Config& each : {config, config, renamed, config}) {
    ModelStore store(disk, world.loop, [] { return Duration(1ms); });
    Agent edge(each, world.host("edge"), &store);
    REQUIRE(edge.start().status.ok());
    Account* app = edge.account("APP");
    for (; app != nullptr && sent < 3; ++sent) {
      CHECK(app->publish({}, {"t.a", {}, {}, "x", {}}).captured);
    }
    world.loop.run_for(5s);
    world.network.vanish("edge", false);
  }
  CHECK(told() == 1);
  std::size_t records = 0;
  for (const auto& [name, log] : disk.logs) records += log.records.size();
  CHECK(records == 3);
}

TEST_CASE("reload: rules do not move to another account") {
  World world(1);
  Config config = dialling("hub");
  config.server_name = "edge";
  config.accounts.resize(1);
  config.accounts[0].name = "APP";
  config.mirror.enabled = true;
  config.mirror.rules = {RuleConfig{.subjects = {"t.>"}}};
  ModelDisk disk;
  ModelStore store(disk, world.loop, [] { return Duration(1ms); });
  Agent edge(config, world.host("edge"), &store);
  REQUIRE(edge.start().status.ok());
  config.remotes[0].account = "APP";
  const Agent::Reloaded result = edge.reload(config);
  REQUIRE(result.errors.size() == 1);
  CHECK(result.errors[0].find("account of the rules") != std::string::npos);
  world.network.vanish("edge", false);
}

TEST_CASE("reload: other rules take a restart, and are refused whole and by name") {
  World world(1);
  Config config;
  config.server_name = "edge";
  config.mirror.enabled = true;
  config.mirror.rules = {RuleConfig{.subjects = {"t.>"}}};
  ModelDisk disk;
  ModelStore store(disk, world.loop, [] { return Duration(1ms); });
  Agent edge(config, world.host("edge"), &store);
  REQUIRE(edge.start().status.ok());
  Config other = config;
  other.server_tags = {"new"};
  SUBCASE("one comes") { other.mirror.rules.push_back({.subjects = {"u.>"}}); }
  SUBCASE("one goes") { other.mirror.rules[0].subjects = {"u.>"}; }
  SUBCASE("durability") { other.mirror.rules[0].durability = Durability::kOutage; }
  SUBCASE("limit") { other.mirror.rules[0].max_messages = 1; }
  const Agent::Reloaded result = edge.reload(other);
  REQUIRE(result.errors.size() == 1);
  CHECK(result.errors[0].find("store_and_forward") != std::string::npos);
  CHECK(edge.account("$G")->publish({}, {"t.a", {}, {}, "x", {}}).captured);
  CHECK_FALSE(edge.account("$G")->publish({}, {"u.a", {}, {}, "x", {}}).captured);
  CHECK(edge.reload(config).lines.empty());  // Nor was anything else taken.
  world.network.vanish("edge", false);
}

}  // namespace
}  // namespace petiole::test
