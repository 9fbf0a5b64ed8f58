// What a leaf sends into accounts that share: a JetStream consumer's delivery names the subject of
// its stream behind its reply, which clients are shown, and by which nothing is routed.
#include <doctest/doctest.h>

#include "tests/agent/routing/peers.h"
#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

using Kind = ExportConfig::Kind;

constexpr const char* kReply = "$JS.ACK.S.C.1.2.3.4.0@other.x";

struct SharingFixture : ServerFixture {
  SharingFixture() {
    config.accounts = {{.name = "E"}, {.name = "I"}};
    for (const AccountConfig& each : config.accounts) {
      config.auth.users.push_back({.user = each.name, .password = "p", .account = each.name});
    }
  }
  void share(Kind kind, const std::string& subject, const std::string& to = {}) {
    config.accounts[0].exports.push_back({.kind = kind, .subject = subject});
    config.accounts[1].imports.push_back(
        {.kind = kind, .account = "E", .subject = subject, .to = to});
  }
  std::unique_ptr<Client> login(const std::string& name, std::string_view say) {
    auto client = connect(R"(CONNECT {"verbose":false,"pedantic":false,"headers":true,"user":")" +
                          name + R"(","pass":"p"})" + "\r\n");
    client->say(say);
    return client;
  }
  void from_leaf(const char* account, std::string_view subject) {
    server().account(account)->publish({.from = &leaf, .leaf = true},
                                       {subject, kReply, {}, "hi", nullptr});
  }

  Peer leaf{PeerKind::kLeaf};
};

TEST_CASE_FIXTURE(SharingFixture, "accounts: a leaf asks a service by the subject it sent") {
  share(Kind::kService, "s.>");
  share(Kind::kService, "t.*", "u.*");
  auto exporter = login("E", "SUB s.> 1\r\nSUB t.* 2\r\nSUB other.> 3\r\n");
  from_leaf("I", "s.a");
  CHECK(exporter->wire.take() == "MSG other.x 1 $JS.ACK.S.C.1.2.3.4.0 2\r\nhi\r\n");
  from_leaf("I", "u.a");
  CHECK(exporter->wire.take() == "MSG other.x 2 $JS.ACK.S.C.1.2.3.4.0 2\r\nhi\r\n");
}

TEST_CASE_FIXTURE(SharingFixture, "accounts: a leaf's consumer answers a request of another one") {
  share(Kind::kService, "s.>");
  auto exporter = login("E", "SUB s.> 1\r\n"), importer = login("I", "SUB inbox 4\r\n");
  importer->say("PUB s.next inbox 0\r\n\r\n");
  const std::string asked = exporter->wire.take();
  const std::size_t at = asked.find("_R_.");
  REQUIRE(at != asked.npos);
  from_leaf("E", asked.substr(at, asked.find(' ', at) - at));
  CHECK(importer->wire.take() == "MSG other.x 4 $JS.ACK.S.C.1.2.3.4.0 2\r\nhi\r\n");
}

TEST_CASE_FIXTURE(SharingFixture, "accounts: a leaf's consumer delivers into an imported stream") {
  share(Kind::kStream, "d.>", "in.>");
  auto importer = login("I", "SUB in.> 4\r\nSUB other.> 5\r\n");
  from_leaf("E", "d.x");
  CHECK(importer->wire.take() == "MSG other.x 4 $JS.ACK.S.C.1.2.3.4.0 2\r\nhi\r\n");
}

TEST_CASE_FIXTURE(SharingFixture, "accounts: an answer goes where its account maps the subject") {
  share(Kind::kService, "s.>");
  config.accounts[1].mappings = {{"inbox.*", {{"in.$1"}}}};
  auto exporter = login("E", "SUB s.> 1\r\n"), importer = login("I", "SUB > 4\r\n");
  importer->say("PUB s.a inbox.x 0\r\n\r\n");
  const std::string asked = exporter->wire.take();
  const std::size_t at = asked.find("_R_.");
  REQUIRE(at != asked.npos);
  importer->wire.take();
  exporter->say("PUB " + asked.substr(at, asked.find(' ', at) - at) + " 2\r\nhi\r\n");
  CHECK(importer->wire.take() == "MSG in.x 4 2\r\nhi\r\n");
}

}  // namespace
}  // namespace petiole::test
