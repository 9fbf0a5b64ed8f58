// A changed configuration while an agent runs, on a simulated network.
#include <doctest/doctest.h>

#include "agent/agent.h"
#include "tests/support/leaf_world.h"

namespace petiole::test {
namespace {

struct Hub {
  Hub(World& world, const std::string& name) : agent(config(name), world.host(name), nullptr) {
    REQUIRE(agent.start().status.ok());
  }
  static Config config(const std::string& name) {
    Config config;
    config.server_name = name;
    config.leaf_listen.enabled = true;
    config.leaf_listen.port = kLeafPort;
    return config;
  }
  Agent agent;
};

struct ReloadWorld : World {
  ReloadWorld() : World(1) { REQUIRE(edge.start().status.ok()); }
  ~ReloadWorld() {
    for (const char* name : {"edge", "one", "two"}) network.vanish(name, false);
  }
  static Config to_hub(const std::string& hub) {
    Config config = dialling(hub);
    config.server_name = "edge";
    return config;
  }
  bool linked_to(const std::string& hub) {
    return edge.links_up() && edge.status_line().find("//" + hub + ":") != std::string::npos;
  }

  Hub one{*this, "one"}, two{*this, "two"};
  Agent edge{to_hub("one"), host("edge"), nullptr};
};

TEST_CASE_FIXTURE(ReloadWorld, "reload: a changed remote takes the place of the one before") {
  REQUIRE(loop.run_until([&] { return linked_to("one"); }, 10s));
  const Agent::Reloaded result = edge.reload(to_hub("two"));
  CHECK(result.errors.empty());
  CHECK(result.lines == std::vector<std::string>{"Reloaded: leafnodes remotes"});
  CHECK(loop.run_until([&] { return linked_to("two"); }, 10s));
  loop.run_for(2min);
  CHECK(linked_to("two"));
}

TEST_CASE_FIXTURE(ReloadWorld, "reload: a remote that does not come up is taken back") {
  REQUIRE(loop.run_until([&] { return linked_to("one"); }, 10s));
  CHECK(edge.reload(to_hub("nowhere")).errors.empty());
  CHECK_FALSE(edge.links_up());
  CHECK(loop.run_until([&] { return linked_to("one"); }, 1min));
}

TEST_CASE_FIXTURE(ReloadWorld, "reload: what is accepted during a probation outlives it") {
  REQUIRE(loop.run_until([&] { return linked_to("one"); }, 10s));
  CHECK(edge.reload(to_hub("nowhere")).errors.empty());
  loop.run_for(5s);
  Config config = to_hub("nowhere");
  config.server_tags = {"new"};
  CHECK(edge.reload(config).lines == std::vector<std::string>{"Reloaded: server_tags"});
  CHECK(loop.run_until([&] { return linked_to("one"); }, 1min));
  Config now = to_hub("one");
  now.server_tags = {"new"};
  CHECK(edge.reload(now).lines.empty());  // It is that already.
}

TEST_CASE_FIXTURE(ReloadWorld,
                  "reload: a second remote that does not come up leads back to the first") {
  REQUIRE(loop.run_until([&] { return linked_to("one"); }, 10s));
  CHECK(edge.reload(to_hub("nowhere")).errors.empty());
  loop.run_for(20s);
  CHECK(edge.reload(to_hub("nobody")).errors.empty());
  loop.run_for(20s);  // It has its own time.
  CHECK(edge.status_line().find("//nobody:") != std::string::npos);
  CHECK(loop.run_until([&] { return linked_to("one"); }, 1min));
}

TEST_CASE_FIXTURE(ReloadWorld, "reload: there is no way back to a remote whose account is gone") {
  Config app = to_hub("one"), late = to_hub("three");
  app.accounts.push_back({.name = "APP"});
  app.remotes[0].account = "APP";
  CHECK(edge.reload(app).errors.empty());
  REQUIRE(loop.run_until([&] { return linked_to("one"); }, 1min));
  late.accounts = app.accounts;
  CHECK(edge.reload(late).errors.empty());
  loop.run_for(5s);
  late.accounts.clear();
  CHECK(edge.reload(late).errors.empty());
  loop.run_for(2min);
  const Hub three(*this, "three");
  CHECK(loop.run_until([&] { return linked_to("three"); }, 5min));
  network.vanish("three", false);
}

TEST_CASE_FIXTURE(ReloadWorld,
                  "reload: a remote that takes nobody's place may come up when it can") {
  REQUIRE(loop.run_until([&] { return linked_to("one"); }, 10s));
  Config both = to_hub("one");
  both.remotes.push_back(to_hub("nowhere").remotes.front());
  CHECK(edge.reload(both).errors.empty());
  loop.run_for(5min);
  CHECK(edge.status_line().find("//nowhere:") != std::string::npos);
}

TEST_CASE_FIXTURE(ReloadWorld, "reload: with the hub down anyway, a remote stays as configured") {
  network.refuse("one", true);
  loop.run_for(5s);
  REQUIRE_FALSE(edge.links_up());
  CHECK(edge.reload(to_hub("two")).errors.empty());
  CHECK(loop.run_until([&] { return linked_to("two"); }, 10s));
}

TEST_CASE_FIXTURE(ReloadWorld, "reload: the first remote stays, though its hub is down at first") {
  Config without = to_hub("one");
  without.remotes.clear();
  CHECK(edge.reload(without).errors.empty());
  loop.run_for(1min);
  network.refuse("two", true);
  CHECK(edge.reload(to_hub("two")).errors.empty());
  loop.run_for(5min);
  network.refuse("two", false);
  CHECK(loop.run_until([&] { return linked_to("two"); }, 2min));
}

TEST_CASE_FIXTURE(ReloadWorld, "reload: an agent that stops takes nothing over, nor back") {
  REQUIRE(loop.run_until([&] { return linked_to("one"); }, 10s));
  SUBCASE("asked while it stops") {
    edge.stop([] {});
    CHECK(edge.reload(to_hub("two")).errors.size() == 1);
  }
  SUBCASE("a remote is on probation") {
    CHECK(edge.reload(to_hub("nowhere")).errors.empty());
    loop.run_for(5s);
    edge.stop([] {});
  }
  const std::uint64_t dials = network.stats().dials;
  loop.run_for(5min);
  CHECK(network.stats().dials == dials);
  CHECK_FALSE(edge.links_up());
}

TEST_CASE_FIXTURE(ReloadWorld, "reload: an unchanged remote keeps its link") {
  REQUIRE(loop.run_until([&] { return linked_to("one"); }, 10s));
  const std::uint64_t dials = network.stats().dials;
  Config config = to_hub("one");
  config.limits.payload_bytes_max = 1000;
  const Agent::Reloaded result = edge.reload(config);
  CHECK(result.lines == std::vector<std::string>{"Reloaded: limits"});
  loop.run_for(10s);
  CHECK(linked_to("one"));
  CHECK(network.stats().dials == dials);
}

TEST_CASE_FIXTURE(ReloadWorld, "reload: what needs a restart changes nothing at all") {
  REQUIRE(loop.run_until([&] { return linked_to("one"); }, 10s));
  Config config = to_hub("two");
  config.port = 5222;
  const Agent::Reloaded result = edge.reload(config);
  REQUIRE(result.errors.size() == 1);
  CHECK(result.errors[0].starts_with("config reload not supported for listen"));
  loop.run_for(10s);
  CHECK(linked_to("one"));
}

TEST_CASE_FIXTURE(ReloadWorld, "reload: the same again is nothing") {
  const Agent::Reloaded result = edge.reload(to_hub("one"));
  CHECK(result.errors.empty());
  CHECK(result.lines.empty());
}

}  // namespace
}  // namespace petiole::test
