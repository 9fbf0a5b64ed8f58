#include <doctest/doctest.h>

#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

TEST_CASE("keepalive: a silent peer is pinged twice, then given up") {
  Time now{};
  Keepalive keepalive(Limits{.ping_interval = 10s, .pings_out_max = 2}, 2s, now);
  CHECK(keepalive.tick(now += 1s) == Keepalive::Action::kNone);
  CHECK(keepalive.tick(now += 1s) == Keepalive::Action::kPing);
  CHECK(keepalive.tick(now += 10s) == Keepalive::Action::kPing);
  CHECK(keepalive.tick(now += 10s) == Keepalive::Action::kGiveUp);
}

TEST_CASE("keepalive: a peer that is heard is not pinged, but once an hour") {
  Time now{};
  Keepalive keepalive(Limits{.ping_interval = 60s, .pings_out_max = 2}, 2s, now);
  CHECK(keepalive.tick(now += 2s) == Keepalive::Action::kPing);
  keepalive.pong(now += 5ms);
  CHECK(keepalive.round_trip() == 5ms);
  int pings = 0;
  for (int i = 0; i < 61; ++i) {
    keepalive.heard(now += 60s);
    pings += keepalive.tick(now += 1s) == Keepalive::Action::kPing ? 1 : 0;
  }
  CHECK(pings == 1);
}

TEST_CASE_FIXTURE(ServerFixture,
                  "timer: the first ping comes after 2.0 to 2.4 s, then by interval") {
  auto client = connect();
  CHECK(client->wait(1990ms) == "");
  CHECK(client->wait(420ms) == "PING\r\n");
  CHECK(client->say("PONG\r\n") == "");
  CHECK(client->session->report(false).rtt > Duration{});
  CHECK(client->wait(230s) == "");  // The PONG came within the interval: one is skipped.
  CHECK(client->wait(15s) == "PING\r\n");
}

// nats-server client.go, processPingTimer: the timer that runs is not moved.
TEST_CASE_FIXTURE(ServerFixture, "timer: a reload's ping interval holds from the next ping on") {
  config.limits.ping_interval = 60s;
  auto client = connect();
  CHECK(client->wait(3s) == "PING\r\n");
  client->say("PONG\r\n");
  config.limits.ping_interval = 5s;
  config.limits.pings_out_max = 1;
  server().replace(config);
  CHECK(client->wait(55s) == "");
  CHECK(client->wait(7s) == "PING\r\n");
  CHECK(client->wait(5s) == "-ERR 'Stale Connection'\r\n");
}

TEST_CASE_FIXTURE(ServerFixture, "timer: a clock that is set changes no round trip and no uptime") {
  Client client(machine, server());
  machine.clock.set_wall_offset(std::chrono::hours(24 * 365 * 57));
  machine.loop.run_for(5ms);
  client.say(kQuiet);
  machine.clock.set_wall_offset(std::chrono::hours(24));
  machine.loop.run_for(10s);
  const ConnectionReport report = client.session->report(false);
  CHECK(report.rtt == 5ms);
  CHECK(report.uptime == 10s + 5ms);
  client.close();
  CHECK(server().closed().back().uptime == 10s + 5ms);
}

TEST_CASE_FIXTURE(ServerFixture, "timer: a stale client is told and closed") {
  config.limits.ping_interval = 10s;
  auto client = connect();
  CHECK(client->wait(3s) == "PING\r\n");
  CHECK(client->wait(10s) == "PING\r\n");
  CHECK(client->wait(10s) == "-ERR 'Stale Connection'\r\n");
  CHECK(client->wire.closed);
  CHECK(server().stats().stale_connections == 1);
}

TEST_CASE_FIXTURE(ServerFixture, "timer: a peer that takes no bytes is cut at the write deadline") {
  auto client = connect();
  client->wire.blocked = machine.clock.now();
  CHECK(client->session->deadline() <= machine.clock.now() + 10s);
  client->wait(11s);
  CHECK(client->wire.closed);
  client->close();
  CHECK(server().closed().back().reason == "Slow Consumer (Write Deadline)");
}

}  // namespace
}  // namespace petiole::test
