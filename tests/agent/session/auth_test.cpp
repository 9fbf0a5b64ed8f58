#include <doctest/doctest.h>

#include "agent/session/client_listener.h"
#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

constexpr std::string_view kRefused = "-ERR 'Authorization Violation'\r\n";

std::string hello(std::string_view fields) {
  return "CONNECT {\"verbose\":true,\"pedantic\":false," + std::string(fields) + "}\r\n";
}

TEST_CASE_FIXTURE(ServerFixture, "auth: user and password") {
  config.accounts.push_back({.name = "A"});
  config.auth.users = {{.user = "joe", .password = "secret", .nkey = {}, .account = "A"}};
  Client joe(machine, server()), wrong(machine, server()), nobody(machine, server());
  CHECK(joe.info.find("\"auth_required\":true") != joe.info.npos);
  CHECK(joe.say(hello("\"user\":\"joe\",\"pass\":\"secret\"")) == "+OK\r\n");
  CHECK(joe.session->report(false).account == "A");
  CHECK(joe.session->report(false).user == "joe");
  CHECK(wrong.say(hello("\"user\":\"joe\",\"pass\":\"Secret\"")) == kRefused);
  CHECK(wrong.wire.closed);
  wrong.close();
  CHECK(server().closed().back().reason == "Authentication Failure");
  CHECK(nobody.say(hello("\"user\":\"jane\",\"pass\":\"secret\"")) == kRefused);
}

TEST_CASE_FIXTURE(ServerFixture, "auth: a user without a password comes in by its name") {
  config.auth.users = {{.user = "joe", .nkey = {}}};
  Client joe(machine, server()), wrong(machine, server()), nobody(machine, server());
  CHECK(joe.say(hello("\"user\":\"joe\"")) == "+OK\r\n");
  CHECK(wrong.say(hello("\"user\":\"joe\",\"pass\":\"x\"")) == kRefused);
  CHECK(nobody.say(hello("\"pass\":\"\"")) == kRefused);
}

TEST_CASE_FIXTURE(ServerFixture, "auth: where certificates are mapped, not without one") {
  config.auth.users = {{.user = "joe", .nkey = {}}};
  config.websocket.tls.map = true;
  Client joe(machine, server());
  CHECK(joe.say(hello("\"user\":\"joe\"")) == kRefused);
}

TEST_CASE_FIXTURE(ServerFixture, "auth: nothing is done before CONNECT") {
  config.auth.token = "t0ken";
  for (const char* said : {"PING\r\n", "SUB > 1\r\n", "FOO\r\n", "PUB a 99999999\r\n"}) {
    Client client(machine, server());
    CHECK(client.say(said) == kRefused);
    CHECK(client.wire.closed);
  }
  Client client(machine, server());
  CHECK(client.say(hello("\"auth_token\":\"t0ken\"")) == "+OK\r\n");
  Client wrong(machine, server());
  CHECK(wrong.say(hello("\"auth_token\":\"token\"")) == kRefused);
}

TEST_CASE_FIXTURE(ServerFixture, "auth: no_auth_user stands in for those that say nothing") {
  config.accounts.push_back({.name = "A"});
  config.auth.users = {{.user = "guest", .password = "g", .nkey = {}, .account = "A"}};
  config.auth.no_auth_user = "guest";
  Client silent(machine, server()), early(machine, server()), wrong(machine, server());
  CHECK(silent.info.find("auth_required") == silent.info.npos);
  CHECK(silent.say(hello("\"name\":\"x\"")) == "+OK\r\n");
  CHECK(silent.session->report(false).account == "A");
  CHECK(early.say("PING\r\n") == "PONG\r\n");
  CHECK(early.session->report(false).account == "A");
  CHECK(wrong.say(hello("\"user\":\"guest\",\"pass\":\"x\"")) == kRefused);
}

TEST_CASE_FIXTURE(ServerFixture, "auth: a hash is compared away from the loop, the client waits") {
  // bcrypt of "secret", cost 4.
  config.auth.token = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
  Client client(machine, server());
  CHECK(client.say(hello("\"auth_token\":\"wrong\"") + "PING\r\n") == "");
  CHECK(client.wire.paused);
  CHECK(client.wait(1s) == kRefused);
  CHECK(client.wire.closed);
  Client right(machine, server());
  CHECK(right.say(hello("\"auth_token\":\"secret\"") + "PING\r\n") == "");
  CHECK(right.wait(1s) == "+OK\r\nPONG\r\n");
  Client gone(machine, server());
  gone.say(hello("\"auth_token\":\"secret\""));
  gone.close();
  machine.loop.run_for(1s);  // The answer finds nobody.
}

TEST_CASE_FIXTURE(ServerFixture, "auth: an unknown name takes as long as a wrong password") {
  config.auth.users = {{.user = "u",
                        .password = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
                        .nkey = {}}};
  for (const char* fields : {"\"user\":\"u\",\"pass\":\"x\"", "\"user\":\"nobody\",\"pass\":\"x\"",
                             "\"user\":\"nobody\",\"pass\":\"secret\""}) {
    CAPTURE(fields);
    Client client(machine, server());
    CHECK(client.say(hello(fields)) == "");
    CHECK(client.wait(49ms) == "");
    CHECK(client.wait(2ms) == kRefused);
  }
}

// bcrypt of "secret", cost 4.
constexpr const char* kHash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

struct ReloadFixture : ServerFixture {
  ReloadFixture() {
    for (const char* name : {"A", "B"}) config.accounts.push_back({.name = name});
    config.auth.users = {user("u"), user("v")};
  }
  static UserConfig user(const char* name) {
    return {.user = name, .password = kHash, .nkey = {}, .account = "A"};
  }
};

// What a reload does while the hash of the client's password is computed.
struct MeanwhileCase {
  const char* what;
  void (*change)(Config&);
  const char* answer;
};

constexpr const char* kIn = "+OK\r\nPONG\r\n";

const MeanwhileCase kMeanwhile[] = {
    {"another user goes", [](Config& config) { config.auth.users.pop_back(); }, kIn},
    {"the user goes", [](Config& config) { config.auth.users.erase(config.auth.users.begin()); },
     kRefused.data()},
    {"the user has another password",
     [](Config& config) { config.auth.users[0].password = "other"; }, kRefused.data()},
    {"the user belongs elsewhere", [](Config& config) { config.auth.users[0].account = "B"; },
     kRefused.data()},
    {"the account goes",
     [](Config& config) {
       config.accounts.erase(config.accounts.begin());
       config.auth.users.clear();
     },
     kRefused.data()},
};

TEST_CASE("auth: a login that was begun before a reload is judged by what it says") {
  for (const MeanwhileCase& each : kMeanwhile) {
    CAPTURE(each.what);
    ReloadFixture fixture;
    Client client(fixture.machine, fixture.server());
    CHECK(client.say(hello("\"user\":\"u\",\"pass\":\"secret\"") + "PING\r\n") == "");
    each.change(fixture.config);
    fixture.server().replace(fixture.config);
    CHECK(client.wait(1s) == each.answer);
  }
}

TEST_CASE_FIXTURE(ReloadFixture, "auth: of two reloads in a row no login is forgotten") {
  Client client(machine, server());
  CHECK(client.say(hello("\"user\":\"u\",\"pass\":\"secret\"") + "PING\r\n") == "");
  for (const char* name : {"w", "x", "y"}) {
    config.auth.users.back() = user(name);
    server().replace(config);
  }
  CHECK(client.wait(1s) == kIn);
  config.auth.users[0].permissions.emplace().publish.deny = {"p"};
  server().replace(config);
  CHECK(client.say("PUB p 0\r\n\r\n").starts_with("-ERR 'Permissions Violation"));
}

TEST_CASE_FIXTURE(ReloadFixture, "auth: who was greeted before a reload has to say who he is") {
  config.auth = {};
  Client client(machine, server());
  CHECK(client.info.find("nonce") == std::string::npos);
  SUBCASE("in time") {
    config.auth.users = {user("u")};
    server().replace(config);
    CHECK(client.wait(1s) == "");
    CHECK(client.wait(1s) == "-ERR 'Authentication Timeout'\r\n");
  }
  SUBCASE("by a signature, for which it was given no text") {
    config.auth.users = {{.user = {}, .password = {}, .nkey = "U"}};
    server().replace(config);
    CHECK(client.wire.take() == kRefused);
    CHECK(client.wire.closed);
  }
  SUBCASE("unless nobody has to") {
    config.auth.users = {user("u")};
    config.auth.no_auth_user = "u";
    server().replace(config);
    CHECK(client.say("PING\r\n") == "PONG\r\n");
  }
}

PeerCertificate certificate_of(const std::string& name) {
  PeerCertificate certificate;
  certificate.dns_names = {name};
  return certificate;
}

TEST_CASE_FIXTURE(ReloadFixture, "auth: from a reload on certificates tell who a client is") {
  config.auth.users = {user("u"), user("v")};
  server();
  config.tls.map = true;
  server().replace(config);
  Client client(machine, server());
  client.wire.info.tls_version = "1.3";
  client.wire.info.certificate = std::make_shared<PeerCertificate>(certificate_of("v"));
  CHECK(client.say(hello("\"user\":\"u\",\"pass\":\"secret\"")) == "+OK\r\n");
  CHECK(client.session->report(false).user == "v");
}

TEST_CASE_FIXTURE(ServerFixture, "auth: a storm of logins is bounded, and told to come again") {
  config.auth.users = {{.user = "u",
                        .password = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
                        .nkey = {}}};
  std::vector<std::unique_ptr<Client>> storm;
  for (std::size_t i = 0; i <= PasswordQueue::kWaitingMax; ++i) {
    storm.push_back(std::make_unique<Client>(machine, server()));
    storm.back()->say(hello("\"user\":\"u\",\"pass\":\"" + std::to_string(i) + "\""));
  }
  CHECK(storm.back()->wire.closed);
  Client& last = *storm.back();
  last.close();
  CHECK(server().closed().back().reason == "Maximum Connections Exceeded");
  storm.clear();
  Client client(machine, server());
  client.say(hello("\"user\":\"u\",\"pass\":\"secret\""));
  CHECK(client.wait(1s) == "+OK\r\n");
}

TEST_CASE_FIXTURE(ServerFixture, "auth: connection types") {
  config.auth.users = {
      {.user = "web", .password = "p", .nkey = {}, .connection_types = kWebSocketConnection},
      {.user = "std",
       .password = "p",
       .nkey = {},
       .connection_types = kStandardConnection | kLeafConnection}};
  Client web(machine, server()), standard(machine, server());
  CHECK(web.say(hello("\"user\":\"web\",\"pass\":\"p\"")) == kRefused);
  CHECK(standard.say(hello("\"user\":\"std\",\"pass\":\"p\"")) == "+OK\r\n");
}

TEST_CASE_FIXTURE(ServerFixture, "auth: time is limited") {
  config.auth.token = "t";
  Client client(machine, server());
  CHECK(client.wait(1s) == "");
  CHECK(client.wait(1s) == "-ERR 'Authentication Timeout'\r\n");
  CHECK(client.wire.closed);
}

TEST_CASE_FIXTURE(ServerFixture, "auth: a client too many is told so") {
  config.limits.connections_max = 1;
  const Network::Accept accept = accept_clients(server());
  FakeWire wire(machine.chunks), second_wire(machine.chunks);
  auto first = accept(wire.info);
  first->opened(wire, machine.clock.now());
  CHECK(wire.take().starts_with("INFO"));
  auto second = accept(wire.info);
  second->opened(second_wire, machine.clock.now());
  const std::string said = second_wire.take();
  CHECK(said.starts_with("INFO {"));
  CHECK(said.ends_with(" \r\n-ERR 'maximum connections exceeded'\r\n"));
  CHECK(second_wire.closed);
  second->closed({}, machine.clock.now());
  second.reset();
  first->closed({}, machine.clock.now());
  first.reset();
  FakeWire third_wire(machine.chunks);
  auto third = accept(wire.info);
  third->opened(third_wire, machine.clock.now());
  CHECK(third_wire.take().find("-ERR") == std::string::npos);
  CHECK_FALSE(third_wire.closed);
  third->closed({}, machine.clock.now());
}

}  // namespace
}  // namespace petiole::test
