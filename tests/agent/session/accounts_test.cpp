// Accounts through their clients: what is shared arrives, and nothing else.
#include <doctest/doctest.h>

#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

using Kind = ExportConfig::Kind;

// One user an account, of its name.
struct AccountsFixture : ServerFixture {
  AccountConfig& account(const std::string& name) {
    for (AccountConfig& each : config.accounts) {
      if (each.name == name) return each;
    }
    config.accounts.push_back({.name = name});
    config.auth.users.push_back({.user = name, .password = "p", .account = name});
    return config.accounts.back();
  }
  void share(Kind kind, const std::string& exporter, const std::string& subject,
             const std::string& importer, const std::string& to = {}) {
    account(exporter).exports.push_back({.kind = kind, .subject = subject});
    account(importer).imports.push_back(
        {.kind = kind, .account = exporter, .subject = subject, .to = to});
  }
  std::unique_ptr<Client> login(const std::string& name) {
    auto client = std::make_unique<Client>(machine, server());
    client->say(R"(CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,)"
                R"("user":")" +
                name + R"(","pass":"p"})" + "\r\n");
    return client;
  }
};

struct StreamCase {
  const char *name, *from, *to;      // The import.
  const char *wish, *publish, *got;  // A subscription of the importer; empty: nothing arrives.
};

constexpr StreamCase kStreams[] = {
    {"the same subject", "s.a", "", "s.a", "s.a", "s.a"},
    {"a wildcard, asked for literally", "s.*", "", "s.a", "s.a", "s.a"},
    {"a wildcard, asked for as such", "s.*", "", "s.*", "s.a", "s.a"},
    {"a wider wish", "s.*", "", ">", "s.a", "s.a"},
    {"a wider wish, not that far", "s.*", "", ">", "t.a", ""},
    {"an overlap", "s.*.b", "", "s.a.*", "s.a.b", "s.a.b"},
    {"an overlap, missed", "s.*.b", "", "s.a.*", "s.c.b", ""},
    {"a literal elsewhere", "s.a", "x.y", "x.y", "s.a", "x.y"},
    {"a wildcard elsewhere", "s.*", "x.*", "x.*", "s.a", "x.a"},
    {"a wildcard elsewhere, asked for literally", "s.*", "x.$1", "x.b", "s.b", "x.b"},
    {"its own subject is not seen", "s.*", "x.*", "s.*", "s.a", ""},
    {"wildcards by position", "s.*.*", "x.$2.$1", "x.*.a", "s.a.b", "x.b.a"},
    {"wildcards by position, missed", "s.*.*", "x.$2.$1", "x.*.a", "s.b.a", ""},
    {"a tail", "s.>", "x.y.>", "x.>", "s.a.b", "x.y.a.b"},
    {"a tail, asked for in part", "s.>", "x.>", "x.a.*", "s.a.b", "x.a.b"},
    {"not what is not imported", "s.a", "", "s.b", "s.b", ""},
};

TEST_CASE("accounts: stream imports") {
  for (const StreamCase& each : kStreams) {
    CAPTURE(std::string(each.name));
    AccountsFixture fixture;
    fixture.share(Kind::kStream, "E", each.from, "I", each.to);
    auto importer = fixture.login("I"), exporter = fixture.login("E");
    importer->say("SUB " + std::string(each.wish) + " 7\r\n");
    exporter->say("PUB " + std::string(each.publish) + " 2\r\nhi\r\n");
    const std::string wanted =
        *each.got == '\0' ? "" : "MSG " + std::string(each.got) + " 7 2\r\nhi\r\n";
    CHECK(importer->wire.take() == wanted);
    importer->say("UNSUB 7\r\n");
    exporter->say("PUB " + std::string(each.publish) + " 2\r\nhi\r\n");
    CHECK(importer->wire.take().empty());
    CHECK(fixture.server().account("E")->subscription_count() == 0);
  }
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: nothing crosses without an import") {
  account("A");
  account("B").exports.push_back({.kind = Kind::kStream, .subject = ">"});
  account("B").exports.push_back({.kind = Kind::kService, .subject = ">"});
  auto a = login("A"), b = login("B");
  a->say("SUB > 1\r\n");
  b->say("SUB > 1\r\nPUB x 1\r\n1\r\n");
  CHECK(a->wire.take().empty());
  b->wire.take();
  a->say("PUB x 1\r\n2\r\n");
  CHECK(b->wire.take().empty());
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: a prefix stands before the exporter's subject") {
  account("E").exports.push_back({.subject = "s.>"});
  account("I").imports.push_back({.account = "E", .subject = "s.>", .prefix = "from.e"});
  auto importer = login("I"), exporter = login("E");
  importer->say("SUB from.> 1\r\n");
  exporter->say("PUB s.a 0\r\n\r\n");
  CHECK(importer->wire.take() == "MSG from.e.s.a 1 0\r\n\r\n");
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: auto-unsubscribe counts what comes by an import") {
  share(Kind::kStream, "E", "s", "I");
  auto importer = login("I"), exporter = login("E");
  importer->say("SUB s 1\r\nUNSUB 1 2\r\n");
  exporter->say("PUB s 1\r\n1\r\nPUB s 1\r\n2\r\nPUB s 1\r\n3\r\n");
  CHECK(importer->wire.take() == "MSG s 1 1\r\n1\r\nMSG s 1 1\r\n2\r\n");
  CHECK(server().account("E")->subscription_count() == 0);
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: a queue group is one over both accounts") {
  share(Kind::kStream, "E", "s", "I");
  auto importer = login("I"), other = login("I"), exporter = login("E");
  importer->say("SUB s q 1\r\n");
  other->say("SUB s q 1\r\n");
  for (int i = 0; i < 20; ++i) exporter->say("PUB s 1\r\nx\r\n");
  const std::size_t first = importer->wire.take().size(), second = other->wire.take().size();
  CHECK(first + second == 20 * std::string("MSG s 1 1\r\nx\r\n").size());
  CHECK(first != 0);
  CHECK(second != 0);
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: a subscriber that leaves takes its shadow along") {
  share(Kind::kStream, "E", "s.*", "I");
  auto importer = login("I"), exporter = login("E");
  importer->say("SUB s.* 1\r\nSUB s.a 2\r\nSUB > 3\r\n");
  CHECK(server().account("E")->subscription_count() == 3);
  importer->close();
  CHECK(server().account("E")->subscription_count() == 0);
  exporter->say("PUB s.a 0\r\n\r\n");
}

// The reply subject that a request arrived with.
std::string reply_of(const std::string& line) {
  const std::size_t at = line.find("_R_.");
  return at == line.npos ? "" : line.substr(at, line.find(' ', at) - at);
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: a service is asked and answers") {
  share(Kind::kService, "E", "svc.*.*", "I", "ask.$2.$1");
  auto importer = login("I"), exporter = login("E");
  exporter->say("SUB svc.> 1\r\n");
  importer->say("SUB _INBOX.> 2\r\nPUB ask.b.a _INBOX.x 1\r\nq\r\n");
  const std::string request = exporter->wire.take();
  CAPTURE(request);
  CHECK(request.starts_with("HMSG svc.a.b 1 _R_."));
  CHECK(request.find("\r\nNats-Request-Info: {\"acc\":\"I\"}\r\n\r\nq\r\n") != request.npos);
  const std::string reply = reply_of(request);
  CHECK(reply.size() == 17);
  exporter->say("PUB " + reply + " 1\r\na\r\n");
  CHECK(importer->wire.take() == "MSG _INBOX.x 2 1\r\na\r\n");
  exporter->say("PUB " + reply + " 1\r\nb\r\n");  // Once only.
  CHECK(importer->wire.take().empty());
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: nobody answers who was not asked") {
  share(Kind::kService, "E", "svc", "I");
  auto importer = login("I"), exporter = login("E"), forger = login("I");
  exporter->say("SUB svc 1\r\n");
  importer->say("SUB _INBOX.> 2\r\nPUB svc _INBOX.x 0\r\n\r\n");
  const std::string reply = reply_of(exporter->wire.take());
  forger->say("PUB " + reply + " 1\r\nf\r\n");  // In its own account it is a subject like others.
  CHECK(importer->wire.take().empty());
  exporter->say("PUB " + reply.substr(0, 16) + "? 1\r\nf\r\nPUB _R_.abcdef.ghijkl 1\r\nf\r\n");
  CHECK(importer->wire.take().empty());
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: an importer cannot listen to a service's requests") {
  share(Kind::kService, "E", "svc", "I");
  auto importer = login("I"), eavesdropper = login("I"), exporter = login("E");
  exporter->say("SUB svc 1\r\n");
  eavesdropper->say("SUB _R_.> 1\r\n");
  importer->say("PUB svc _INBOX.x 0\r\n\r\n");
  const std::string reply = reply_of(exporter->wire.take());
  exporter->say("PUB " + reply + " 1\r\na\r\n");
  CHECK(eavesdropper->wire.take().empty());
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: 503 when the exporter has nobody") {
  share(Kind::kService, "E", "svc", "I");
  auto importer = login("I"), exporter = login("E");
  importer->say("SUB _INBOX.> 2\r\n");
  CHECK(importer->say("PUB svc _INBOX.x 0\r\n\r\n") ==
        "HMSG _INBOX.x 2 35 35\r\nNATS/1.0 503\r\nNats-Subject: svc\r\n\r\n\r\n");
  CHECK(!server().account("I")->has_interest("svc"));
  exporter->say("SUB svc 1\r\n");
  CHECK(server().account("I")->has_interest("svc"));
  CHECK(importer->say("PUB svc _INBOX.x 0\r\n\r\n").empty());
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: a stream of answers ends with an empty one") {
  share(Kind::kService, "E", "svc", "I");
  account("E").exports[0].response = ResponseType::kStream;
  auto importer = login("I"), exporter = login("E");
  exporter->say("SUB svc 1\r\n");
  importer->say("SUB _INBOX.> 2\r\nPUB svc _INBOX.x 0\r\n\r\n");
  const std::string reply = reply_of(exporter->wire.take());
  for (const char* body : {"1\r\na", "1\r\nb", "0\r\n", "1\r\nc"}) {
    exporter->say("PUB " + reply + " " + body + "\r\n");
  }
  CHECK(importer->wire.take() ==
        "MSG _INBOX.x 2 1\r\na\r\nMSG _INBOX.x 2 1\r\nb\r\nMSG _INBOX.x 2 0\r\n\r\n");
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: an answer comes too late") {
  share(Kind::kService, "E", "svc", "I");
  account("E").exports[0].response_threshold = 5s;
  auto importer = login("I"), exporter = login("E");
  exporter->say("SUB svc 1\r\n");
  importer->say("SUB _INBOX.> 2\r\nPUB svc _INBOX.x 0\r\n\r\n");
  const std::string reply = reply_of(exporter->wire.take());
  machine.loop.run_for(6s);
  exporter->say("PUB " + reply + " 1\r\na\r\n");
  CHECK(importer->wire.take().empty());
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: an answer may ask back") {
  share(Kind::kService, "E", "svc", "I");
  auto importer = login("I"), exporter = login("E");
  exporter->say("SUB svc 1\r\nSUB _INBOX.e 2\r\n");
  importer->say("SUB _INBOX.> 2\r\nPUB svc _INBOX.i 0\r\n\r\n");
  const std::string reply = reply_of(exporter->wire.take());
  exporter->say("PUB " + reply + " _INBOX.e 1\r\na\r\n");
  const std::string answer = importer->wire.take();
  CHECK(answer.starts_with("MSG _INBOX.i 2 _R_."));
  importer->say("PUB " + reply_of(answer) + " 1\r\nb\r\n");
  CHECK(exporter->wire.take() == "MSG _INBOX.e 2 1\r\nb\r\n");
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: who asks is told by the server alone") {
  share(Kind::kService, "E", "svc", "I");
  account("I").imports[0].share = true;
  auto importer = login("I"), exporter = login("E");
  exporter->say("SUB svc 1\r\n");
  const std::string header = "NATS/1.0\r\nNats-Request-Info: {\"acc\":\"E\"}\r\nA: b\r\n\r\n";
  const std::string size = std::to_string(header.size());
  importer->say("HPUB svc _INBOX.x " + size + " " + size + "\r\n" + header + "\r\n");
  const std::string request = exporter->wire.take();
  CAPTURE(request);
  CHECK(request.find("\"acc\":\"E\"") == request.npos);
  CHECK(request.find("\"acc\":\"I\",\"user\":\"I\"") != request.npos);
  CHECK(request.find("\"kind\":\"Client\",\"client_type\":\"nats\"}") != request.npos);
  CHECK(request.find("A: b\r\n") != request.npos);
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: an import of an import") {
  share(Kind::kService, "E", "svc", "M", "mid");
  share(Kind::kService, "M", "mid", "I", "near");
  auto importer = login("I"), exporter = login("E");
  exporter->say("SUB svc 1\r\n");
  importer->say("SUB _INBOX.> 2\r\nPUB near _INBOX.x 0\r\n\r\n");
  const std::string request = exporter->wire.take();
  CHECK(request.find("{\"acc\":\"I\",\"svc\":\"M\"}") != request.npos);
  exporter->say("PUB " + reply_of(request) + " 1\r\na\r\n");
  CHECK(importer->wire.take() == "MSG _INBOX.x 2 1\r\na\r\n");
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: latency is measured") {
  share(Kind::kService, "E", "svc", "I");
  account("E").exports[0].latency_sampling = 100;
  account("E").exports[0].latency_subject = "lat.svc";
  auto importer = login("I"), exporter = login("E"), watcher = login("E");
  watcher->say("SUB lat.> 9\r\n");
  exporter->say("SUB svc 1\r\n");
  importer->say("SUB _INBOX.> 2\r\nPUB svc _INBOX.x 0\r\n\r\n");
  const std::string reply = reply_of(exporter->wire.take());
  machine.loop.run_for(30ms);
  exporter->say("PUB " + reply + " 1\r\na\r\n");
  const std::string sample = watcher->wire.take();
  CAPTURE(sample);
  CHECK(sample.starts_with("MSG lat.svc 9 "));
  CHECK(sample.find(R"("type":"io.nats.server.metric.v1.service_latency")") != sample.npos);
  CHECK(sample.find(R"("status":200,"requestor":{"acc":"I"},"responder":{"start":)") !=
        sample.npos);
  CHECK(sample.find(R"("service":30000000,"system":0,"total":30000000})") != sample.npos);
  importer->say("PUB svc 0\r\n\r\n");
  CHECK(watcher->wire.take().find(R"("status":400,"description":"Bad Request")") != sample.npos);
  exporter->close();
  importer->say("PUB svc _INBOX.x 0\r\n\r\n");
  CHECK(watcher->wire.take().find(R"("status":503,"description":"Service Unavailable")") !=
        sample.npos);
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: latency when nobody answers") {
  share(Kind::kService, "E", "svc", "I");
  ExportConfig& offer = account("E").exports[0];
  offer.latency_sampling = -1;
  offer.latency_subject = "lat";
  offer.response_threshold = 1s;
  auto importer = login("I"), exporter = login("E"), watcher = login("E");
  watcher->say("SUB lat 9\r\n");
  exporter->say("SUB svc 1\r\n");
  importer->say("SUB _INBOX.> 2\r\nPUB svc _INBOX.x 0\r\n\r\n");
  machine.loop.run_for(2s);
  CHECK(watcher->wire.take().empty());  // No header asked for it.
  const std::string header = "NATS/1.0\r\nX-B3-Sampled: 1\r\n\r\n";
  const std::string size = std::to_string(header.size());
  importer->say("HPUB svc _INBOX.x " + size + " " + size + "\r\n" + header + "\r\n");
  machine.loop.run_for(2s);
  const std::string sample = watcher->wire.take();
  CAPTURE(sample);
  CHECK(sample.find(R"("status":504,"description":"Service Timeout")") != sample.npos);
  CHECK(sample.find(R"("header":{"X-B3-Sampled":["1"]})") != sample.npos);
}

TEST_CASE_FIXTURE(AccountsFixture,
                  "accounts: what waits for answers is bounded for each importer") {
  share(Kind::kService, "E", "svc", "I");
  account("J").imports.push_back({.kind = Kind::kService, .account = "E", .subject = "svc"});
  auto importer = login("I"), other = login("J"), exporter = login("E");
  exporter->say("SUB svc 1\r\n");
  other->say("SUB _INBOX.> 2\r\nPUB svc _INBOX.j 0\r\n\r\n");
  const std::string reply = reply_of(exporter->wire.take());
  std::string first;
  for (int i = 0; i < 33'000; ++i) {
    importer->say("PUB svc _INBOX.i 0\r\n\r\n");
    if (i == 0) first = reply_of(exporter->wire.take());
    if (i % 1000 == 0) exporter->wire.take();
  }
  importer->say("SUB _INBOX.> 2\r\n");
  exporter->say("PUB " + first + " 1\r\na\r\n");
  CHECK(importer->wire.take().empty());  // The oldest one made room.
  exporter->say("PUB " + reply + " 1\r\na\r\n");
  CHECK(other->wire.take() == "MSG _INBOX.j 2 1\r\na\r\n");  // But not another importer's.
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: mappings of the publisher, then of the exporter") {
  share(Kind::kService, "E", "svc.>", "I", "ask.>");
  account("I").mappings = {{"old.*", {{"ask.$1"}}}};
  account("E").mappings = {{"svc.*", {{"real.$1"}}}};
  auto importer = login("I"), exporter = login("E");
  exporter->say("SUB real.* 1\r\n");
  importer->say("PUB old.x 1\r\nq\r\n");
  CHECK(exporter->wire.take().starts_with("HMSG real.x 1 "));
  CHECK(exporter->say("PUB svc.y 1\r\nq\r\n") == "MSG real.y 1 1\r\nq\r\n");
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: limits of connections, payload and subscriptions") {
  account("A").limits = {.connections = 1, .leafs = -1, .subscriptions = 2, .payload_bytes = 4};
  account("B").limits = {.subscriptions = 0};
  auto a = login("A");
  Client second(machine, server());
  CHECK(second.say("CONNECT {\"user\":\"A\",\"pass\":\"p\"}\r\n") ==
        "-ERR 'maximum account active connections exceeded'\r\n");
  CHECK(second.wire.closed);
  a->say("SUB x 1\r\nSUB x 2\r\n");
  CHECK(a->say("SUB x 3\r\n") == "-ERR 'maximum subscriptions exceeded'\r\n");
  CHECK(a->say("PUB y 4\r\n1234\r\n").empty());
  CHECK(a->say("PUB y 5\r\n12345\r\n") == "-ERR 'Maximum Payload Violation'\r\n");
  a->close();
  auto third = login("A");
  CHECK(third->say("PING\r\n") == "PONG\r\n");
  Client none(machine, server());
  CHECK(none.say("CONNECT {\"user\":\"B\",\"pass\":\"p\"}\r\n") ==
        "-ERR 'maximum subscriptions exceeded'\r\n");
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: INFO behind the first PING has the account's limit") {
  account("A").limits.payload_bytes = 100;
  Client client(machine, server());
  client.say(R"(CONNECT {"verbose":false,"user":"A","pass":"p","protocol":1})"
             "\r\n");
  CHECK(client.say("PING\r\n").find("\"max_payload\":100,") != std::string::npos);
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: an import waits for its exporter, and loses it") {
  account("I").imports = {{.kind = Kind::kStream, .account = "E", .subject = "s.*"},
                          {.kind = Kind::kService, .account = "E", .subject = "svc"}};
  auto importer = login("I");
  importer->say("SUB s.a 1\r\nSUB _INBOX.> 2\r\n");
  CHECK(server().exchange().dangling().size() == 2);
  AccountConfig late{.name = "E"};
  late.exports = {{.kind = Kind::kStream, .subject = "s.>"},
                  {.kind = Kind::kService, .subject = "svc"}};
  server().apply(late);
  CHECK(server().exchange().dangling().empty());
  PublishOutcome outcome = server().account("E")->publish({}, {"s.a", {}, {}, "x", nullptr});
  CHECK(outcome.delivered == 1);
  CHECK(importer->wire.take() == "MSG s.a 1 1\r\nx\r\n");
  late.exports.erase(late.exports.begin());  // The stream is not shared any more.
  server().apply(late);
  CHECK(server().exchange().dangling().size() == 1);
  CHECK(server().account("E")->publish({}, {"s.a", {}, {}, "x", nullptr}).delivered == 0);
  CHECK(server().account("I")->subscription_count() == 3);
  CHECK(server().remove_account("E"));
  CHECK(server().account("E") == nullptr);
  CHECK(server().account("I")->subscription_count() == 2);
  CHECK(importer->say("PUB svc _INBOX.x 0\r\n\r\n").find("503") != std::string::npos);
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: a change keeps what stays the same") {
  share(Kind::kService, "E", "svc", "I");
  auto importer = login("I"), exporter = login("E");
  exporter->say("SUB svc 1\r\n");
  importer->say("SUB _INBOX.> 2\r\nPUB svc _INBOX.x 0\r\n\r\n");
  const std::string reply = reply_of(exporter->wire.take());
  AccountConfig changed = account("E");
  changed.exports.push_back({.subject = "s"});
  server().apply(changed);
  exporter->say("PUB " + reply + " 1\r\na\r\n");  // Asked before the change.
  CHECK(importer->wire.take() == "MSG _INBOX.x 2 1\r\na\r\n");
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: one that is removed ends its connections") {
  share(Kind::kStream, "E", "s", "I");
  auto importer = login("I"), exporter = login("E");
  importer->say("SUB s 1\r\n");
  CHECK(!server().remove_account("$G"));
  CHECK(!server().remove_account("$SYS"));
  CHECK(!server().remove_account("no such account"));
  CHECK(server().remove_account("I"));
  CHECK(importer->wire.closed);
  CHECK(!exporter->wire.closed);
  importer->close();
  CHECK(server().account("E")->subscription_count() == 0);
  CHECK(exporter->say("PUB s 1\r\nx\r\nPING\r\n") == "PONG\r\n");
}

struct Refusal {
  const char* name;
  ExportConfig offer;
  ImportConfig import;
  const char* text;
};

TEST_CASE("accounts: imports that are not possible") {
  const Refusal kRefusals[] = {
      {"not exported", {.subject = "s"}, {.account = "E", .subject = "t"}, "does not export it"},
      {"of the other kind",
       {.kind = Kind::kService, .subject = "s"},
       {.account = "E", .subject = "s"},
       "does not export it"},
      {"wider than the export",
       {.subject = "s.*"},
       {.account = "E", .subject = "s.>"},
       "does not export it"},
      {"for others only",
       {.subject = "s", .accounts = {"J"}, .is_private = true},
       {.account = "E", .subject = "s"},
       "does not export it to \"I\""},
      {"by a token",
       {.subject = "s", .is_private = true},
       {.account = "E", .subject = "s"},
       "does not export it to \"I\""},
      {"in another's name",
       {.subject = "s.*", .token_position = 2},
       {.account = "E", .subject = "s.J"},
       "does not export it to \"I\""},
      {"from nowhere", {.subject = "s"}, {.account = "X", .subject = "s"}, "account not defined"},
      {"from itself", {.subject = "s"}, {.account = "I", .subject = "s"}, "does not export it"},
      {"without all wildcards",
       {.subject = "s.*.*"},
       {.account = "E", .subject = "s.*.*", .to = "x.$1"},
       "not using all of the token wildcard(s)"},
  };
  for (const Refusal& each : kRefusals) {
    CAPTURE(std::string(each.name));
    AccountsFixture fixture;
    fixture.account("E").exports.push_back(each.offer);
    fixture.account("J");
    fixture.account("I").imports.push_back(each.import);
    const auto& dangling = fixture.server().exchange().dangling();
    REQUIRE(dangling.size() == 1);
    CHECK(dangling[0].find(each.text) != std::string::npos);
  }
  AccountsFixture own;
  own.account("E").exports.push_back({.subject = "s.*", .token_position = 2});
  own.account("I").imports.push_back({.account = "E", .subject = "s.I"});
  CHECK(own.server().exchange().dangling().empty());
}

TEST_CASE_FIXTURE(AccountsFixture, "accounts: imports that go in circles are not made") {
  share(Kind::kService, "A", "x", "B", "y");
  share(Kind::kService, "B", "y", "C", "z");
  share(Kind::kService, "C", "z", "A", "x");
  auto a = login("A");
  CHECK(server().exchange().dangling().size() == 3);
  CHECK(a->say("PUB x 0\r\n\r\nPING\r\n") == "PONG\r\n");
}

}  // namespace
}  // namespace petiole::test
