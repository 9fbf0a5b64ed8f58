#include "agent/system/events.h"

#include <doctest/doctest.h>

#include "tests/agent/system/fixture.h"

namespace petiole::test {
namespace {

TEST_CASE_FIXTURE(SystemFixture,
                  "events: nobody subscribes, so no timer runs and nothing is made") {
  start();
  auto client = connect();
  client.reset();
  CHECK_FALSE(machine.loop.step());
  CHECK(gathered == 0);
  CHECK(sys().stats().messages_in == 0);
  {
    Asker asker(sys());
    asker.subscribe("something.else");
    CHECK(machine.loop.step(machine.clock.now() + 1s));
    CHECK(sys().stats().messages_in == 0);
    asker.unsubscribe();
  }
  CHECK_FALSE(machine.loop.step());
}

TEST_CASE_FIXTURE(SystemFixture, "events: clients come, go and are refused") {
  config.auth.users.push_back({.user = "app", .password = "right"});
  start();
  Asker asker(sys());
  asker.subscribe("$SYS.ACCOUNT.*.CONNECT");
  asker.subscribe("$SYS.ACCOUNT.*.DISCONNECT");
  asker.subscribe("$SYS.SERVER.*.CLIENT.AUTH.ERR");
  auto client = connect(R"(CONNECT {"verbose":false,"user":"app","pass":"right","name":"n"})"
                        "\r\n");
  REQUIRE(asker.got.size() == 1);
  CHECK(asker.subjects[0] == "$SYS.ACCOUNT.$G.CONNECT");
  CHECK(asker.last().at("type") == "io.nats.server.advisory.v1.client_connect");
  CHECK(asker.last().at("client").at("user") == "app");
  CHECK(asker.last().at("client").at("name") == "n");
  client->say("PUB a 5\r\nhello\r\n");
  client.reset();
  REQUIRE(asker.got.size() == 2);
  CHECK(asker.subjects[1] == "$SYS.ACCOUNT.$G.DISCONNECT");
  CHECK(asker.last().at("sent").at("bytes") == 5);
  CHECK(asker.last().at("reason") == "Client Closed");
  client = connect(R"(CONNECT {"verbose":false,"user":"app","pass":"wrong"})"
                   "\r\n");
  REQUIRE(asker.got.size() == 3);
  CHECK(asker.subjects[2].ends_with(".CLIENT.AUTH.ERR"));
  CHECK(asker.last().at("reason") == "Authentication Failure");
  CHECK(asker.last().at("client").at("user") == "app");
}

TEST_CASE_FIXTURE(SystemFixture,
                  "events: an account's connections, at each change and every 30 s") {
  config.accounts.push_back({.name = "A"});
  config.auth.users.push_back({.user = "a", .password = "a", .account = "A"});
  config.auth.users.push_back({.user = "g", .password = "g"});
  start();
  Asker asker(sys());
  asker.subscribe("$SYS.ACCOUNT.A.SERVER.CONNS");
  asker.subscribe("$SYS.SERVER.ACCOUNT.A.CONNS");
  auto client = connect("CONNECT {\"verbose\":false,\"user\":\"a\",\"pass\":\"a\"}\r\n");
  CHECK(asker.got.size() == 2);
  CHECK(asker.got[0] == asker.got[1]);
  CHECK(asker.last().at("conns") == 1);
  machine.loop.run_for(30s);
  CHECK(asker.got.size() == 4);
  SUBCASE("it goes") { client.reset(); }
  SUBCASE("it goes to another account") {
    client->say("CONNECT {\"verbose\":false,\"user\":\"g\",\"pass\":\"g\"}\r\n");
  }
  CHECK(asker.got.size() == 6);
  CHECK(asker.last().at("conns") == 0);
  machine.loop.run_for(90s);
  CHECK(asker.got.size() == 6);
}

// One that counts how often it is asked.
struct ManyLeafs : Reportable {
  ConnectionReport report(bool) const override {
    ++asked;
    ConnectionReport report;
    report.cid = cid;
    report.kind = PeerKind::kLeaf;
    report.account = "A";
    report.counters.messages_in = 10;
    return report;
  }
  void shut_down(const char*) override {}
  std::uint64_t cid = 0;
  mutable int asked = 0;
};

TEST_CASE_FIXTURE(SystemFixture,
                  "events: thousands of leafs that come at once are not asked each time") {
  config.accounts.push_back({.name = "A"});
  start();
  Asker asker(sys());
  asker.subscribe("$SYS.ACCOUNT.A.SERVER.CONNS");
  machine.loop.run_for(10s);
  ManyLeafs leaf;
  for (leaf.cid = 1; leaf.cid <= 1000; ++leaf.cid) system->events().connected(leaf);
  REQUIRE(asker.got.size() == 1000);
  CHECK(asker.last().at("leafnodes") == 1000);
  CHECK(leaf.asked < 2000);
  const auto received = [&] {
    const json::object told = asker.last();
    return told.at("received").at("leafs").at("msgs").to_number<int>();
  };
  machine.loop.run_for(30s);
  CHECK(received() == 10'000);
  for (leaf.cid = 1; leaf.cid <= 999; ++leaf.cid) {
    ConnectionReport last = leaf.report(false);
    server().leave(leaf.cid, last);
    CHECK(received() == 10'000);
  }
}

TEST_CASE_FIXTURE(SystemFixture, "events: a client that comes before its CONNECT counts once") {
  config.accounts.push_back({.name = "A"});
  config.auth.users.push_back({.user = "a", .password = "a", .account = "A"});
  config.auth.users.push_back({.user = "g", .password = "g"});
  config.auth.no_auth_user = "a";
  start();
  Asker asker(sys());
  asker.subscribe("$SYS.ACCOUNT.A.SERVER.CONNS");
  auto client = connect("PUB x 0\r\n\r\n");
  REQUIRE(asker.got.size() == 1);
  CHECK(asker.last().at("conns") == 1);
  client->say("CONNECT {\"verbose\":false,\"user\":\"g\",\"pass\":\"g\"}\r\n");
  REQUIRE(asker.got.size() == 2);
  CHECK(asker.last().at("conns") == 0);
  client.reset();
  machine.loop.run_for(90s);
  CHECK(asker.got.size() == 2);
}

TEST_CASE_FIXTURE(SystemFixture, "events: STATSZ soon, then less often, down to every 10 s") {
  start();
  Asker asker(sys());
  asker.subscribe("$SYS.SERVER.*.STATSZ");
  std::vector<Duration> gaps;
  for (int i = 0; i < 8; ++i) {
    const Time before = machine.clock.now();
    const std::size_t count = asker.got.size();
    REQUIRE(machine.loop.run_until([&] { return asker.got.size() > count; }, 20s));
    gaps.push_back(machine.clock.now() - before);
  }
  CHECK(gaps == std::vector<Duration>{250ms, 500ms, 1s, 2s, 4s, 8s, 10s, 10s});
  CHECK(asker.last().at("statsz").at("active_servers") == 1);
}

TEST_CASE_FIXTURE(SystemFixture, "events: leaving") {
  start();
  Asker asker(sys());
  asker.subscribe("$SYS.SERVER.*.LAMEDUCK");
  asker.subscribe("$SYS.SERVER.*.SHUTDOWN");
  system->events().lame_duck();
  system->events().shut_down();
  REQUIRE(asker.got.size() == 2);
  CHECK(asker.subjects[0] == "$SYS.SERVER." + server().id() + ".LAMEDUCK");
  CHECK(asker.last().at("name") == "edge");
}

}  // namespace
}  // namespace petiole::test
