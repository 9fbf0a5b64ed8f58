#include "agent/server.h"

#include <doctest/doctest.h>

#include <vector>

#include "platform/crypto.h"
#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

TEST_CASE_FIXTURE(ServerFixture, "server: its id reads as a server's public key") {
  CHECK(server().id().size() == 56);
  CHECK(server().id().front() == 'N');
  CHECK(base32_decode(server().id())->size() == 35);
  CHECK(server().name() == server().id());
  Server other(config, machine.host);
  CHECK(other.id() != server().id());
}

TEST_CASE_FIXTURE(ServerFixture, "server: closed connections are kept up to a limit") {
  config.limits.closed_connections_max = 2;
  config.accounts.push_back({.name = "A"});
  for (int i = 0; i < 4; ++i) connect()->close();
  CHECK(server().closed().size() == 2);
  std::vector<std::uint64_t> cids;
  server().closed().for_each([&](const ConnectionReport& each) { cids.push_back(each.cid); });
  CHECK(cids == std::vector<std::uint64_t>{3, 4});
  CHECK(server().account("A") != nullptr);
  CHECK(server().account("$G") == &server().global());
  CHECK(server().account("B") == nullptr);
}

TEST_CASE_FIXTURE(ServerFixture, "server: a client that is dropped unclosed leaves its account") {
  const auto client = connect();
  client->say("SUB a 1\r\n");
  client->session.reset();
  CHECK(server().global().subscription_count() == 0);
  CHECK(server().global().client_count() == 0);
  CHECK(server().client_count() == 0);
}

TEST_CASE_FIXTURE(ServerFixture,
                  "server: who is closed has no place, though it takes no last words") {
  auto client = connect(), other = connect();
  CHECK(server().client_count() == 2);
  client->session->shut_down("Maximum Connections Exceeded");
  CHECK(server().client_count() == 1);
  client->close();
  CHECK(server().client_count() == 1);
  CHECK(server().global().client_count() == 1);
}

TEST_CASE_FIXTURE(ServerFixture, "server: a removed account lives until its last client is gone") {
  const std::string name = "an account that is named at length";
  config.auth.users = {{.user = "a", .password = "p", .account = name}};
  config.accounts = {{.name = name}};
  auto client = connect(R"(CONNECT {"verbose":false,"user":"a","pass":"p"})"
                        "\r\n");
  Config without = config;
  without.accounts.clear();
  without.auth.users.clear();
  for (int i = 0; i < 3; ++i) {  // Its peer does not take its last words.
    server().replace(without);
    CHECK(client->wire.closed);
    CHECK(client->session->report(false).account == name);
    server().replace(config);
  }
  client->close();
  CHECK(server().closed().back().account == name);
}

}  // namespace
}  // namespace petiole::test
