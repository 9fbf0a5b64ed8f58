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

// An answer goes to a subject that the other side chose, and what a JetStream behind a leaf
// delivers to one that a user chose: neither may be a request under another name.
TEST_CASE_FIXTURE(SharingFixture, "accounts: no import makes JetStream act for who did not ask") {
  share(Kind::kService, "$JS.API.>", "api.>");
  share(Kind::kService, "$JS.ACK.>", "ack.>");
  share(Kind::kService, "$JS.hub.API.>");
  share(Kind::kService, "s.>");
  config.accounts[1].mappings = {{"old.*", {{"$JS.hub.API.$1"}}}};
  auto exporter = login("E", "SUB > 1\r\n"), importer = login("I", "");
  struct Case {
    const char *subject, *reply;
    bool client, leaf, answer;  // Whether it comes there by one.
  };
  const Case cases[] = {
      {"api.INFO", "", true, false, false},
      {"api.INFO", "r", true, true, false},
      {"api.INFO", "$JS.x", false, false, false},
      {"api.INFO", "_GR_.abcdef.ghijkl.$JS.x", false, false, false},
      {"ack.x", "", true, false, false},
      {"$JS.hub.API.INFO", "", true, true, true},
      {"s.x", "", true, true, true},
      {"s.x", "$JS.x", false, true, true},
  };
  for (const Case& each : cases) {
    CAPTURE(std::string(each.subject));
    CAPTURE(std::string(each.reply));
    Account& account = *server().account("I");
    const Message message{each.subject, each.reply, {}, "hi", nullptr};
    account.publish({.from = &leaf, .leaf = true}, message);
    CHECK(exporter->wire.take().empty() != each.leaf);
    Peer client{PeerKind::kClient};
    account.publish({.from = &client, .answers = true}, message);
    CHECK(exporter->wire.take().empty() != each.answer);
    if (std::string_view(each.reply).starts_with("_GR_") || each.reply[0] == '$') continue;
    importer->say("PUB " + std::string(each.subject) + ' ' + each.reply + " 2\r\nhi\r\n");
    CHECK(exporter->wire.take().empty() != each.client);
  }
  server().account("I")->publish({.from = &leaf, .leaf = true, .sent = "old.INFO"},
                                 {"$JS.hub.API.INFO", {}, {}, "hi", nullptr});
  CHECK(exporter->wire.take().empty());
}

TEST_CASE_FIXTURE(SharingFixture, "accounts: an answer to an import is no request by another one") {
  share(Kind::kService, "s.>");
  share(Kind::kService, "$JS.API.>", "api.>");
  auto exporter = login("E", "SUB > 1\r\n"), importer = login("I", "");
  importer->say("PUB s.a api.INFO 0\r\n\r\n");
  const std::string asked = exporter->wire.take();
  const std::size_t at = asked.find("_R_.");
  REQUIRE(at != asked.npos);
  exporter->say("UNSUB 1\r\nSUB $JS.> 2\r\nPUB " + asked.substr(at, asked.find(' ', at) - at) +
                " 2\r\nhi\r\n");
  CHECK(exporter->wire.take().empty());
}

}  // namespace
}  // namespace petiole::test
