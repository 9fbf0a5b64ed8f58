#include "agent/system/system.h"

#include <doctest/doctest.h>

#include "tests/agent/system/fixture.h"

namespace petiole::test {
namespace {

TEST_CASE_FIXTURE(SystemFixture, "system: a request is answered at the end of the turn") {
  start();
  Asker asker(sys());
  asker.subscribe("reply");
  CHECK(asker.ask("$SYS.REQ.SERVER.PING.VARZ"));
  CHECK(asker.got.empty());
  machine.loop.run_idle();
  REQUIRE(asker.got.size() == 1);
  CHECK(asker.last().at("server").at("name") == "edge");
  CHECK(asker.last().at("data").at("server_id").as_string() == server().id().c_str());
}

TEST_CASE_FIXTURE(SystemFixture, "system: what nobody answers is not taken") {
  start();
  Asker asker(sys());
  CHECK_FALSE(asker.ask("$SYS.REQ.SERVER.PING.NOPE"));
  CHECK_FALSE(asker.ask(own("NOPE")));
  CHECK_FALSE(asker.ask("$SYS.REQ.ACCOUNT.A.NOPE"));
  Asker other(server().global());
  CHECK_FALSE(other.ask("$SYS.REQ.SERVER.PING"));
  CHECK(other.ask("$SYS.REQ.SERVER.PING.CONNZ"));
}

TEST_CASE_FIXTURE(SystemFixture, "system: without a reply only STATSZ means something") {
  start();
  Asker asker(sys());
  asker.subscribe("$SYS.SERVER.>");
  CHECK(asker.ask("$SYS.REQ.SERVER.PING.VARZ", {}, {}));
  CHECK(asker.ask("$SYS.REQ.SERVER.PING", {}, {}));
  machine.loop.run_idle();
  REQUIRE(asker.got.size() == 1);
  CHECK(asker.subjects[0] == "$SYS.SERVER." + server().id() + ".STATSZ");
}

TEST_CASE_FIXTURE(SystemFixture, "system: a flood of requests is bounded, and told so") {
  start();
  Asker asker(sys());
  asker.subscribe("reply");
  int taken = 0;
  for (int i = 0; i < 1000; ++i) taken += asker.ask("$SYS.REQ.SERVER.PING.IDZ");
  CHECK(taken == 256);
  machine.loop.run_idle();
  CHECK(asker.got.size() == 256);
  CHECK(asker.ask("$SYS.REQ.SERVER.PING.IDZ"));
}

TEST_CASE_FIXTURE(SystemFixture, "system: answers take a tenth of the time at most") {
  answer_takes = 20ms;
  start();
  Asker asker(sys());
  asker.subscribe("reply");
  for (int i = 0; i < 10; ++i) asker.ask("$SYS.REQ.SERVER.PING.CONNZ");
  const Time begin = machine.clock.now();
  machine.loop.run_idle();
  CHECK(asker.got.size() == 1);
  machine.loop.run_until([&] { return asker.got.size() == 10; }, 10s);
  CHECK(asker.got.size() == 10);
  CHECK(machine.clock.now() - begin >= 9 * 200ms);
  // One that comes meanwhile waits too.
  asker.ask("$SYS.REQ.SERVER.PING.IDZ");
  machine.loop.run_idle();
  CHECK(asker.got.size() == 10);
  machine.loop.run_for(200ms);
  CHECK(asker.got.size() == 11);
}

TEST_CASE_FIXTURE(SystemFixture, "system: no account keeps another, or the operator, from asking") {
  for (const char* name : {"A", "B"}) config.accounts.push_back({.name = name});
  answer_takes = 20ms;
  start();
  Asker crowd(*server().account("A")), other(*server().account("B")), asker(sys());
  for (Asker* each : {&crowd, &other, &asker}) each->subscribe("reply");
  int taken = 0;
  for (int i = 0; i < 1000; ++i) taken += crowd.ask("$SYS.REQ.ACCOUNT.PING.CONNZ");
  CHECK(taken == 32);
  CHECK(other.ask("$SYS.REQ.ACCOUNT.PING.CONNZ"));
  CHECK(asker.ask("$SYS.REQ.SERVER.PING.IDZ"));
  CHECK(asker.ask(own("VARZ")));
  REQUIRE(machine.loop.run_until([&] { return asker.got.size() == 2; }, 60s));
  CHECK(asker.last().at("data").at("server_name") == "edge");
  CHECK(crowd.got.empty());
  machine.loop.run_until([&] { return other.got.size() == 1; }, 60s);
  CHECK(crowd.got.size() == 1);
  machine.loop.run_until([&] { return crowd.got.size() == 32; }, 60s);
  CHECK(crowd.got.size() == 32);
}

TEST_CASE_FIXTURE(SystemFixture, "system: many accounts together keep none from asking") {
  for (int i = 0; i < 9; ++i) config.accounts.push_back({.name = std::string(1, char('A' + i))});
  answer_takes = 20ms;
  start();
  std::vector<std::unique_ptr<Asker>> askers;
  int taken = 0;
  for (const AccountConfig& each : config.accounts) {
    askers.push_back(std::make_unique<Asker>(*server().account(each.name)));
    askers.back()->subscribe("reply");
    for (int i = 0; i < 100; ++i) taken += askers.back()->ask("$SYS.REQ.ACCOUNT.PING.CONNZ");
  }
  CHECK(taken == 8 * 32 + 1);
  Asker& last = *askers.back();
  machine.loop.run_until([&] { return last.got.size() == 1; }, 60s);
  CHECK(last.got.size() == 1);
  CHECK(askers.front()->got.size() == 1);
}

TEST_CASE_FIXTURE(SystemFixture, "system: a reply subject with a wildcard gets nothing") {
  start();
  Asker asker(sys());
  asker.subscribe("reply.>");
  CHECK(asker.ask("$SYS.REQ.SERVER.PING.IDZ", {}, "reply.*"));
  machine.loop.run_idle();
  CHECK(asker.got.empty());
}

TEST_CASE_FIXTURE(SystemFixture, "system: answers to answers end") {
  start();
  Asker asker(sys());
  CHECK(asker.ask("$SYS.REQ.SERVER.PING.IDZ", {}, "$SYS.REQ.SERVER.PING"));
  machine.loop.run_idle();
  CHECK(gathered == 1);
}

TEST_CASE_FIXTURE(SystemFixture, "system: an ordinary account sees itself alone") {
  config.accounts.push_back({.name = "A"});
  start();
  const auto client = connect();
  client->say("SUB i 1\r\nPUB $SYS.REQ.USER.INFO i 0\r\n\r\n");
  machine.loop.run_idle();
  const std::string told = client->wire.take();
  CHECK(told.find(R"("data":{"user":"","account":"$G","account_name":"$G"})") != std::string::npos);
  Asker asker(*server().account("A"));
  asker.subscribe("reply");
  for (const char* body : {"", R"({"acc":"$G"})"}) {
    asker.ask("$SYS.REQ.ACCOUNT.PING.CONNZ", body);
    machine.loop.run_idle();
    CHECK(asker.last().at("data").at("total") == 0);
  }
}

TEST_CASE_FIXTURE(SystemFixture, "system: an account is told of its own slow consumers alone") {
  config.limits.pending_bytes_max = 1000;
  config.accounts.push_back({.name = "A"});
  config.auth.users = {{.user = "a", .password = "a", .nkey = {}, .account = "A"},
                       {.user = "g", .password = "g", .nkey = {}}};
  start();
  const auto slow =
      connect("CONNECT {\"verbose\":false,\"user\":\"a\",\"pass\":\"a\"}\r\nSUB x 1\r\n");
  server().account("A")->publish({}, {"x", {}, {}, std::string(2000, 'x'), nullptr});
  CHECK(slow->wire.closed);
  const auto told = [this](const char* account) {
    Asker asker(*server().account(account));
    asker.subscribe("reply");
    asker.ask("$SYS.REQ.ACCOUNT.PING.STATZ", R"({"include_unused":true})");
    machine.loop.run_idle();
    return asker.last().at("data").at("account_statz").at(0).at("slow_consumers").to_number<int>();
  };
  CHECK(told("A") == 1);
  CHECK(told("$G") == 0);
}

TEST_CASE_FIXTURE(SystemFixture, "system: clients are kicked and told to leave") {
  start();
  const auto client = connect();
  client->say("PING\r\n");
  Asker asker(sys());
  asker.subscribe("reply");
  asker.ask(own("LDM"), R"({"cid":1})");
  machine.loop.run_idle();
  CHECK(asker.last().size() == 1);
  asker.ask(own("KICK"), R"({"cid":1})");
  machine.loop.run_idle();
  CHECK(client->wire.closed);
  asker.ask(own("KICK"), R"({"cid":77})");
  machine.loop.run_idle();
  CHECK(asker.last().at("error").at("description") == "no such client or leafnode id");
  const std::size_t answers = asker.got.size();
  asker.ask(own("KICK"), "what?");
  asker.ask(own("KICK"));
  machine.loop.run_idle();
  CHECK(asker.got.size() == answers);
}

TEST_CASE_FIXTURE(SystemFixture, "system: a reload says what is wrong") {
  start();
  Asker asker(sys());
  asker.subscribe("reply");
  asker.ask(own("RELOAD"));
  machine.loop.run_idle();
  CHECK(asker.last().size() == 1);
  reload_error = "line 3";
  asker.ask(own("RELOAD"));
  machine.loop.run_idle();
  CHECK(asker.last().at("error").at("description") == "line 3");
}

TEST_CASE_FIXTURE(SystemFixture, "system: it may go while requests wait") {
  start();
  Asker asker(sys());
  asker.ask("$SYS.REQ.SERVER.PING.IDZ");
  system.reset();
  machine.loop.run_idle();
  CHECK(gathered == 0);
  CHECK(sys().subscription_count() == 0);
  CHECK(server().global().subscription_count() == 0);
}

}  // namespace
}  // namespace petiole::test
