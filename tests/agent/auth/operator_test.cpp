// Operator mode with clients: who is let in, and what happens when an account's JWT changes.
// Rules: wire/client-and-leaf.md section 2.3.
#include <doctest/doctest.h>

#include "tests/agent/auth/operator_fixture.h"

namespace petiole::test {
namespace {

constexpr std::string_view kRefused = "-ERR 'Authorization Violation'\r\n";

TEST_CASE_FIXTURE(OperatorFixture, "operator: a user comes in, and is who its token says") {
  preload(account_token());
  auto client = arrive();
  CHECK(client->info.find("\"auth_required\":true") != std::string::npos);
  CHECK(client->say(hello(*client, user_token())) == "+OK\r\n");
  CHECK(client->session->report(false).account == kAcc.text);
  CHECK(client->session->report(false).user == kJoe.text);
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: what monitoring tells of a user's token") {
  const std::string issuer = R"("issuer_account":")" + kAcc.text + "\",";
  preload(account_token(R"("signing_keys":[")" + kAccSigner.text + "\"],"));
  const auto report = [this](const std::string& jwt) {
    auto client = arrive();
    CHECK(client->say(hello(*client, jwt)) == "+OK\r\n");
    client->close();
    return server().closed().back();
  };
  const std::string plain = user_token(R"("tags":["a:b","c"],)");
  auto client = arrive();
  client->say(hello(*client, plain));
  const ConnectionReport open = client->session->report(false);
  CHECK(open.jwt == plain);
  CHECK(open.issuer == kAcc.text);
  CHECK(open.tags == std::vector<std::string>{"a:b", "c"});
  CHECK(open.name_tag == "Name");
  const ConnectionReport closed = report(plain);
  CHECK(closed.jwt.empty());
  CHECK(closed.issuer == kAcc.text);
  CHECK(closed.tags == std::vector<std::string>{"a:b", "c"});
  CHECK(closed.name_tag == "Name");
  CHECK(report(user_token(issuer, kAccSigner)).issuer == kAccSigner.text);
  auto bearer = arrive();
  bearer->say(hello(*bearer, user_token(R"("bearer_token":true,)")));
  CHECK(bearer->session->report(false).jwt.empty());
  CHECK(bearer->session->report(false).issuer == kAcc.text);
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: who is refused, always in the same words") {
  preload(account_token(R"("revocations":{")" + kJane.text + R"(":1000},)"));
  CHECK(login(user_token()) == "+OK\r\n");
  CHECK(login("") == kRefused);
  CHECK(login("x.y.z") == kRefused);
  CHECK(login(user_token(), kJane) == kRefused);         // Another's signature.
  CHECK(login(user_token("", kOtherAcc)) == kRefused);   // No such account.
  CHECK(login(user_token("", kAccSigner)) == kRefused);  // The signer is no account.
  CHECK(login(user_token(R"("issuer_account":")" + kAcc.text + "\",", kOtherAcc)) == kRefused);
  CHECK(login(user_token("", kAcc, R"("exp":9999,)")) == kRefused);   // Has expired.
  CHECK(login(user_token("", kAcc, R"("nbf":10001,)")) == kRefused);  // Not yet.
  CHECK(login(user_token(R"("src":["10.0.0.0/8"],)")) == kRefused);
  CHECK(login(user_token(R"("src":["127.0.0.0/8"],)")) == "+OK\r\n");
  CHECK(login(user_token(R"("src":"10.0.0.0/8,127.0.0.1/32",)")) == "+OK\r\n");
  CHECK(login(user_token(R"("allowed_connection_types":["WEBSOCKET"],)")) == kRefused);
  CHECK(login(user_token(R"("allowed_connection_types":["FAX","STANDARD"],)")) == "+OK\r\n");
  CHECK(login(user_token(R"("allowed_connection_types":["FAX"],)")) == kRefused);
  CHECK(login(user_token("", kAcc, "", kJane), kJane) == kRefused);  // Revoked.
  CHECK(login(user_token(R"("times":[{"start":"02:00:00","end":"03:00:00"}],)"
                         R"("times_location":"UTC",)")) == "+OK\r\n");
  CHECK(login(user_token(R"("times":[{"start":"03:00:00","end":"04:00:00"}],)"
                         R"("times_location":"UTC",)")) == kRefused);
  auto silent = arrive();
  CHECK(silent->say("PING\r\n") == kRefused);
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: accounts that no trusted operator signed") {
  preload(account_token("", kAcc, kOtherOp));
  CHECK(login(user_token()) == kRefused);
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: strict signing keys") {
  config.auth.trust.keys = {kOpSigner.text};
  config.auth.trust.strict = {kOp.text};
  preload(account_token());
  CHECK(login(user_token()) == kRefused);
  server_.reset();
  config.auth.trust.resolver.preload.clear();
  preload(account_token("", kAcc, kOpSigner));
  CHECK(login(user_token()) == "+OK\r\n");
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: pinned accounts") {
  preload(account_token());
  config.auth.trust.pinned_accounts = {kOtherAcc.text};
  CHECK(login(user_token()) == kRefused);
}

TEST_CASE_FIXTURE(OperatorFixture,
                  "operator: bearers need no signature, unless the account says so") {
  preload(account_token());
  CHECK(login(user_token(R"("bearer_token":true,)"), kJane) == "+OK\r\n");
  server_.reset();
  config.auth.trust.resolver.preload.clear();
  config.auth.trust.resolver.preload.emplace_back(
      kAcc.text, token("account", kAcc, kOp,
                       R"("limits":{"conn":-1,"subs":-1,"payload":-1,"disallow_bearer":true},)"));
  CHECK(login(user_token(R"("bearer_token":true,)")) == kRefused);
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: signing keys, and their scopes") {
  const std::string issuer = R"("issuer_account":")" + kAcc.text + "\",";
  preload(account_token(R"("signing_keys":[")" + kAccSigner.text +
                        R"(",{"kind":"user_scope","key":")" + kScoped.text +
                        R"(","template":{"pub":{"allow":["{{name()}}.>"]},"subs":1}}],)"));
  CHECK(login(user_token(issuer, kAccSigner)) == "+OK\r\n");
  CHECK(login(user_token(issuer, kScoped)) == kRefused);  // Has limits of its own.
  auto client = arrive();
  CHECK(client->say(hello(*client, token("user", kJoe, kScoped, issuer))) == "+OK\r\n");
  CHECK(client->say("PUB Name.a 0\r\n\r\nPUB b 0\r\n\r\nSUB a 1\r\nSUB b 2\r\n") ==
        "+OK\r\n-ERR 'Permissions Violation for Publish to \"b\"'\r\n+OK\r\n"
        "-ERR 'maximum subscriptions exceeded'\r\n");
}

// A limit that a token does not name is none at all: jwt v2, wire 2.3.
TEST_CASE_FIXTURE(OperatorFixture, "operator: who may hold no subscription does not come in") {
  preload(account_token());
  CHECK(login(token("user", kJoe, kAcc, R"("payload":-1,)")) ==
        "-ERR 'maximum subscriptions exceeded'\r\n");
  CHECK(login(token("user", kJoe, kAcc, R"("payload":-1,"subs":-1,)")) == "+OK\r\n");
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: permissions and limits of the user and the account") {
  config.auth.trust.resolver.preload.emplace_back(
      kAcc.text, token("account", kAcc, kOp,
                       R"("limits":{"conn":2,"leaf":-1,"subs":5,"payload":4},)"
                       R"("default_permissions":{"pub":{"deny":["no"]}},)"));
  auto client = arrive();
  CHECK(client->say(hello(*client, user_token())) == "+OK\r\n");
  CHECK(client->say("PUB no 0\r\n\r\n") ==
        "-ERR 'Permissions Violation for Publish to \"no\"'\r\n");
  CHECK(client->say("PUB a 5\r\n") == "-ERR 'Maximum Payload Violation'\r\n");
  client->close();
  auto own = arrive();
  CHECK(own->say(hello(*own, user_token(R"("pub":{"deny":["x"]},)"))) == "+OK\r\n");
  CHECK(own->say("PUB no 0\r\n\r\n") == "+OK\r\n");
  auto second = arrive();
  CHECK(second->say(hello(*second, user_token())) == "+OK\r\n");
  CHECK(login(user_token()) == "-ERR 'maximum account active connections exceeded'\r\n");
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: a user's and an account's time runs out") {
  preload(account_token("", kAcc, kOp, R"("exp":10200,)"));
  auto user = arrive(), account = arrive();
  CHECK(user->say(hello(*user, user_token("", kAcc, R"("exp":10100,)"))) == "+OK\r\n");
  CHECK(account->say(hello(*account, user_token())) == "+OK\r\n");
  std::string said;
  for (int i = 0; i < 30 && !user->wire.closed; ++i) {
    said = user->wait(5s);
    user->say("PONG\r\n");
  }
  CHECK(said.ends_with("-ERR 'User Authentication Expired'\r\n"));
  user->close();
  CHECK(server().closed().back().reason == "Authentication Expired");
  for (int i = 0; i < 30 && !account->wire.closed; ++i) {
    said = account->wait(5s);
    account->say("PONG\r\n");
  }
  CHECK(said.ends_with("-ERR 'Account Authentication Expired'\r\n"));
  CHECK(login(user_token()) == kRefused);
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: a clock that is set is seen within a minute") {
  preload(account_token("", kAcc, kOp, R"("exp":20000,)"));
  auto user = arrive(), account = arrive();
  CHECK(user->say(hello(*user, user_token("", kAcc, R"("exp":15000,)"))) == "+OK\r\n");
  CHECK(account->say(hello(*account, user_token())) == "+OK\r\n");
  const auto set_clock = [this](std::int64_t wall) {
    const auto now = machine.clock.now().time_since_epoch();
    machine.clock.set_wall_offset(std::chrono::seconds(wall) - now);
  };
  for (const std::int64_t wall : {0, 14900}) {
    set_clock(wall);
    CHECK(user->wait(1min).find("-ERR") == std::string::npos);
    user->say("PONG\r\n");
  }
  set_clock(15000);
  CHECK(user->wait(1min).ends_with("-ERR 'User Authentication Expired'\r\n"));
  CHECK(account->wait(1s).find("-ERR") == std::string::npos);
  account->say("PONG\r\n");
  set_clock(20000);
  CHECK(account->wait(1min).ends_with("-ERR 'Account Authentication Expired'\r\n"));
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: accounts are read from files, away from the loop") {
  keep_files();
  put(account_token());
  auto client = arrive(), unknown = arrive();
  CHECK(client->say(hello(*client, user_token()) + "PING\r\n") == "");
  CHECK(client->wire.paused);
  CHECK(client->wait(1s).starts_with("+OK\r\nPONG\r\n"));
  CHECK(unknown->say(hello(*unknown, user_token("", kOtherAcc))) == "");
  CHECK(unknown->wait(1s) == kRefused);
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: an account's JWT changes under its users") {
  keep_files();
  put(account_token(R"("signing_keys":[")" + kAccSigner.text + "\"],"));
  serve_claims();
  auto joe = arrive(), jane = arrive(), key = arrive();
  joe->say(hello(*joe, user_token()));
  jane->say(hello(*jane, user_token("", kAcc, "", kJane), kJane));
  key->say(hello(*key, user_token(R"("issuer_account":")" + kAcc.text + "\",", kAccSigner)));
  for (Client* each : {joe.get(), jane.get(), key.get()}) CHECK(each->wait(100ms) == "+OK\r\n");
  Account& system = *server().account(kSys.text);
  system.publish({}, {"$SYS.REQ.CLAIMS.UPDATE",
                      "",
                      {},
                      account_token(R"("revocations":{")" + kJane.text +
                                    R"(":1000},"default_permissions":{"pub":{"deny":["no"]}},)"),
                      nullptr});
  CHECK(joe->wait(500ms) == "");
  CHECK(jane->wire.take() == "-ERR 'User Authentication Revoked'\r\n");
  CHECK(jane->wire.closed);
  CHECK(key->wire.take() == kRefused);
  CHECK(joe->say("PUB no 0\r\n\r\n") == "-ERR 'Permissions Violation for Publish to \"no\"'\r\n");
  jane->close();
  CHECK(server().closed().back().reason == "Credentials Revoked");
  CHECK(disk.files.contains("jwt/" + kAcc.text + ".jwt"));
}

TEST_CASE_FIXTURE(OperatorFixture,
                  "operator: who was asked may answer behind a change of the JWT") {
  keep_files();
  put(account_token());
  serve_claims();
  auto joe = arrive();
  joe->say(hello(*joe, user_token(R"("resp":{"max":1,"ttl":0},)")));
  CHECK(joe->wait(100ms) == "+OK\r\n");
  CHECK(joe->say("SUB ask 1\r\n") == "+OK\r\n");
  server().account(kAcc.text)->publish({}, {"ask", "reply", {}, "", nullptr});
  CHECK(joe->wire.take() == "MSG ask 1 reply 0\r\n\r\n");
  const std::string changed = account_token(R"("revocations":{")" + kJane.text + R"(":1000},)");
  server().account(kSys.text)->publish({}, {"$SYS.REQ.CLAIMS.UPDATE", "", {}, changed, nullptr});
  CHECK(joe->wait(500ms) == "");
  CHECK(joe->say("PUB reply 0\r\n\r\n") == "+OK\r\n");
  CHECK(joe->say("PUB reply 0\r\n\r\n") ==
        "-ERR 'Permissions Violation for Publish to \"reply\"'\r\n");
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: when an account may have fewer, the newest go") {
  keep_files();
  put(account_token());
  serve_claims();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(arrive());
    Client& client = *clients.back();
    const std::string said = client.say(hello(client, user_token()));
    CHECK(said + client.wait(100ms) == "+OK\r\n");
  }
  const std::string fewer =
      token("account", kAcc, kOp, R"("limits":{"subs":-1,"payload":-1,"leaf":-1,"conn":2},)");
  server().account(kSys.text)->publish({}, {"$SYS.REQ.CLAIMS.UPDATE", "", {}, fewer, nullptr});
  machine.loop.run_for(500ms);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(clients[i]->wire.take() ==
          (i < 2 ? "" : "-ERR 'maximum account active connections exceeded'\r\n"));
    CHECK(clients[i]->wire.closed == (i >= 2));
  }
  clients.clear();
  CHECK(server().account(kAcc.text)->client_count() == 0);
}

TEST_CASE_FIXTURE(OperatorFixture,
                  "operator: a change of one account does not touch another's users") {
  keep_files();
  put(account_token());
  put(account_token("", kOtherAcc), kOtherAcc);
  serve_claims();
  auto joe = arrive(), jane = arrive();
  joe->say(hello(*joe, user_token()));
  jane->say(hello(*jane, user_token("", kOtherAcc, "", kJane), kJane));
  for (Client* each : {joe.get(), jane.get()}) CHECK(each->wait(100ms) == "+OK\r\n");
  const Identity *joe_was = joe->session->identity(), *jane_was = jane->session->identity();
  const std::string changed = account_token(R"("default_permissions":{"pub":{"deny":["no"]}},)");
  server().account(kSys.text)->publish({}, {"$SYS.REQ.CLAIMS.UPDATE", "", {}, changed, nullptr});
  machine.loop.run_for(500ms);
  CHECK(joe->session->identity() != joe_was);
  CHECK(jane->session->identity() == jane_was);
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: accounts in which nobody comes in are read, too") {
  const std::string exports = R"("exports":[{"name":"s","subject":"s.>","type":"stream"}],)";
  keep_files();
  put(account_token(exports));
  SUBCASE("they export what another one imports") {
    put(account_token(R"("imports":[{"name":"s","subject":"s.>","type":"stream","account":")" +
                          kAcc.text + "\"}],",
                      kOtherAcc),
        kOtherAcc);
    auto jane = arrive();
    jane->say(hello(*jane, user_token("", kOtherAcc, "", kJane), kJane));
    CHECK(jane->wait(1s) == "+OK\r\n");
    jane->say("SUB s.1 1\r\n");
    REQUIRE(server().account(kAcc.text));
    server().account(kAcc.text)->publish({}, {"s.1", {}, {}, "x", nullptr});
    CHECK(jane->wire.take() == "MSG s.1 1 1\r\nx\r\n");
  }
  SUBCASE("they are linked to a hub") {
    config.remotes.emplace_back().account = kAcc.text;
    server();
    machine.loop.run_for(1s);
    CHECK(server().exchange().config(kAcc.text)->exports.size() == 1);
  }
  SUBCASE("they are linked to a hub behind a reload") {
    server();
    Config linked = config;
    linked.remotes.emplace_back().account = kAcc.text;
    server().replace(linked);
    machine.loop.run_for(1s);
    CHECK(server().exchange().config(kAcc.text)->exports.size() == 1);
  }
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: a changed configuration leaves what JWTs say alone") {
  config.auth.trust.resolver.preload.emplace_back(
      kAcc.text, token("account", kAcc, kOp,
                       R"("limits":{"conn":1,"leaf":-1,"subs":5,"payload":4,"exports":-1},)"
                       R"("mappings":{"a":[{"subject":"b","weight":100}]},)"
                       R"("exports":[{"name":"s","subject":"s","type":"service"}],)"));
  auto joe = arrive();
  CHECK(joe->say(hello(*joe, user_token()) + "SUB b 1\r\n") == "+OK\r\n+OK\r\n");
  Config changed = config;
  changed.server_tags = {"new"};
  changed.limits.subscriptions_max = 3;
  server().replace(changed);
  CHECK(joe->say("PUB a 0\r\n\r\n") == "+OK\r\nMSG b 1 0\r\n\r\n");
  CHECK(server().exchange().config(kAcc.text)->exports.size() == 1);
  CHECK(server().account(kAcc.text)->limits().subscriptions_max == 3);
  CHECK(login(user_token()) == "-ERR 'maximum account active connections exceeded'\r\n");
  CHECK(joe->say("PUB a 5\r\n") == "-ERR 'Maximum Payload Violation'\r\n");
}

TEST_CASE_FIXTURE(OperatorFixture, "operator: what is preloaded goes into the directory, once") {
  keep_files();
  const std::string given = account_token();
  preload(given);
  CHECK(login(user_token()) == "+OK\r\n");
  machine.loop.run_for(1s);
  CHECK(disk.files == std::map<std::string, std::string>{{"jwt/" + kAcc.text + ".jwt", given}});
  disk.files.clear();  // As a delete does it: from now on nobody knows the account.
  server().gate().book()->forget(kAcc.text);
  CHECK(login(user_token()) == kRefused);
}

std::string issued_at(int when, const std::string& more) {
  return seal("{\"iat\":" + std::to_string(when) + ",\"iss\":\"" + kOp.text + "\",\"sub\":\"" +
                  kAcc.text + "\",\"nats\":{" + kNoLimits + more +
                  R"("type":"account","version":2}})",
              kOp);
}

TEST_CASE_FIXTURE(OperatorFixture,
                  "operator: of what is preloaded and what was pushed the newer counts") {
  keep_files();
  const std::string revoked = R"("revocations":{")" + kJoe.text + R"(":1000},)";
  SUBCASE("pushed later") {
    preload(issued_at(500, ""));
    put(issued_at(501, revoked));
    (void)server();
    machine.loop.run_for(1s);
    CHECK(login(user_token()).find("-ERR") != std::string::npos);
    CHECK(disk.files.begin()->second == issued_at(501, revoked));
  }
  SUBCASE("pushed before") {
    preload(issued_at(501, ""));
    put(issued_at(500, revoked));
    (void)server();
    machine.loop.run_for(1s);
    CHECK(login(user_token()) == "+OK\r\n");
    CHECK(disk.files.begin()->second == issued_at(501, ""));
  }
}

// Asks in the system account and keeps the answers.
struct Asker : Subscriber {
  explicit Asker(OperatorFixture& fixture_)
      : fixture(fixture_), system(*fixture_.server().account(kSys.text)) {
    subscription = make_subscription(*this, "reply", "", "1");
    system.add(*subscription);
  }
  ~Asker() override { system.retire(subscription); }
  PeerKind kind() const override { return PeerKind::kSystem; }
  bool deliver(Subscription&, const Message& message) override {
    answers.emplace_back(message.payload);
    return true;
  }
  std::string ask(const std::string& subject, const std::string& body = {}) {
    answers.clear();
    system.publish({}, {subject, "reply", {}, body, nullptr});
    fixture.machine.loop.run_for(1s);
    return answers.empty() ? "nothing" : answers[0];
  }
  OperatorFixture& fixture;
  Account& system;
  Subscription* subscription;
  std::vector<std::string> answers;
};

TEST_CASE_FIXTURE(OperatorFixture, "claims: sent, read, listed, packed") {
  keep_files();
  serve_claims();
  Asker asker(*this);
  const std::string jwt = account_token(), subject = "$SYS.REQ.ACCOUNT." + kAcc.text + ".CLAIMS.";
  CHECK(asker.ask(subject + "LOOKUP") == "");
  CHECK(asker.ask("$SYS.REQ.CLAIMS.UPDATE", jwt)
            .ends_with("\"data\":{\"account\":\"" + kAcc.text +
                       "\",\"code\":200,\"message\":\"jwt updated\"}}"));
  CHECK(asker.ask(subject + "LOOKUP") == jwt);
  CHECK(asker.ask(subject + "UPDATE", jwt).find("\"code\":200") != std::string::npos);
  CHECK(asker.ask("$SYS.ACCOUNT." + kAcc.text + ".CLAIMS.UPDATE", jwt).find("\"code\":200") !=
        std::string::npos);
  CHECK(asker.ask("$SYS.REQ.CLAIMS.LIST").ends_with("\"data\":[\"" + kAcc.text + "\"]}"));
  CHECK(asker.ask("$SYS.REQ.CLAIMS.PACK") == kAcc.text + "|" + jwt);
  CHECK(asker.answers.size() == 2);
  CHECK(asker.answers.back() == "");
  const auto hash = sha256(jwt);
  CHECK(asker.ask("$SYS.REQ.CLAIMS.PACK", std::string(hash.begin(), hash.end())) == "");
  CHECK(login(user_token(), kJoe) == "+OK\r\n");
}

TEST_CASE_FIXTURE(OperatorFixture, "claims: what is not taken") {
  keep_files();
  config.auth.trust.resolver.accounts_max = 1;
  serve_claims();
  Asker asker(*this);
  const auto is_refused = [&](const std::string& subject, const std::string& body) {
    return asker.ask(subject, body).find("\"error\":{") != std::string::npos && disk.files.empty();
  };
  CHECK(is_refused("$SYS.REQ.CLAIMS.UPDATE", "x"));
  CHECK(is_refused("$SYS.REQ.CLAIMS.UPDATE", user_token()));
  CHECK(is_refused("$SYS.REQ.CLAIMS.UPDATE", account_token("", kAcc, kOtherOp)));
  CHECK(is_refused("$SYS.REQ.CLAIMS.UPDATE", account_token("", kAcc, kAcc)));
  CHECK(is_refused("$SYS.REQ.ACCOUNT." + kOtherAcc.text + ".CLAIMS.UPDATE", account_token()));
  CHECK(asker.ask("$SYS.REQ.ACCOUNT...%2f.CLAIMS.LOOKUP") == "nothing");
  asker.ask("$SYS.REQ.CLAIMS.UPDATE", account_token());
  CHECK(disk.files.size() == 1);
  CHECK(asker.ask("$SYS.REQ.CLAIMS.UPDATE", account_token("", kOtherAcc)).find("limit") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(OperatorFixture, "claims: deleted by the operator alone, when that is allowed") {
  keep_files();
  put(account_token());
  const std::string order = R"("accounts":[")" + kAcc.text + "\"],";
  SUBCASE("not allowed") {
    serve_claims();
    Asker asker(*this);
    CHECK(asker.ask("$SYS.REQ.CLAIMS.DELETE", token("generic", kOp, kOp, order))
              .find("delete must be enabled") != std::string::npos);
  }
  SUBCASE("allowed") {
    config.auth.trust.resolver.allow_delete = true;
    serve_claims();
    Asker asker(*this);
    auto joe = arrive();
    joe->say(hello(*joe, user_token()));
    CHECK(joe->wait(1s) == "+OK\r\n");
    const auto refused = [&](const std::string& body) {
      return asker.ask("$SYS.REQ.CLAIMS.DELETE", body).find("\"error\"") != std::string::npos;
    };
    CHECK(refused(token("generic", kOp, kOpSigner, order)));
    CHECK(refused(token("generic", kOtherOp, kOtherOp, order)));
    CHECK(refused(token("generic", kOp, kOp, R"("accounts":["../x"],)")));
    CHECK(refused(token("generic", kOp, kOp, R"("accounts":[")" + kSys.text + "\"],")));
    CHECK(asker.ask("$SYS.REQ.CLAIMS.DELETE", token("generic", kOp, kOp, order))
              .find("deleted 1 accounts") != std::string::npos);
    CHECK(joe->wire.take() == "-ERR 'Account Authentication Expired'\r\n");
    CHECK(disk.files.size() == 1);  // Put aside, not destroyed.
    CHECK(disk.files.begin()->first.ends_with(".jwt.delete"));
  }
}

}  // namespace
}  // namespace petiole::test
