// Two and more machines, end to end over a simulated network.
#include <doctest/doctest.h>

#include "agent/subject/account_functions.h"
#include "tests/support/leaf_world.h"

namespace petiole::test {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

struct Pair {
  explicit Pair(Config leaf_config = dialling("hub"), Config hub_config = {},
                std::uint64_t seed = 1)
      : world(seed),
        hub(world, "hub", std::move(hub_config)),
        leaf(world, "leaf", std::move(leaf_config)) {
    hub.listen();
  }
  bool connect() {
    leaf.dial_all();
    return world.loop.run_until([this] { return leaf.up(); }, 30s);
  }
  void run(Duration span = 1s) { world.loop.run_for(span); }

  World world;
  Node hub, leaf;
};

TEST_CASE("link: messages flow both ways where there is interest") {
  Pair pair;
  Ear above(pair.hub.account(), "up.>"), below(pair.leaf.account(), "down.>");
  REQUIRE(pair.connect());
  pair.run();
  pair.leaf.publish("up.a", "1");
  pair.leaf.publish("none.a", "2");
  pair.hub.publish("down.a", "3", "reply.x");
  pair.run();
  CHECK(above.heard == Lines{"up.a 1"});
  CHECK(below.heard == Lines{"down.a reply.x 3"});
}

TEST_CASE("link: a request goes behind the interest in its answer, made in the same turn") {
  Pair pair;
  Ear service(pair.hub.account(), "svc");
  REQUIRE(pair.connect());
  pair.run();
  Ear inbox(pair.leaf.account(), "_INBOX.1");
  pair.leaf.publish("svc", "?", "_INBOX.1");
  pair.world.loop.run_until([&] { return !service.heard.empty(); }, 1s);
  pair.hub.publish("_INBOX.1", "!");
  pair.run();
  CHECK(inbox.heard == Lines{"_INBOX.1 !"});
}

TEST_CASE("link: queue groups are served once, here before there") {
  Pair pair;
  Ear above(pair.hub.account(), "q.*", "g");
  REQUIRE(pair.connect());
  pair.run();
  pair.leaf.publish("q.1", "a");
  pair.run();
  CHECK(above.heard == Lines{"q.1 a"});
  Ear below(pair.leaf.account(), "q.>", "g");
  pair.leaf.publish("q.2", "b");
  pair.run();
  CHECK(above.heard.size() == 1);
  CHECK(below.heard == Lines{"q.2 b"});
}

TEST_CASE("link: headers cross it, JetStream's API does not") {
  Pair pair;
  Ear above(pair.hub.account(), ">");
  REQUIRE(pair.connect());
  pair.run();
  const std::size_t before = above.heard.size();
  pair.leaf.publish("h", "x", {}, "NATS/1.0\r\nA: b\r\n\r\n");
  for (const char* subject : {"$JS.API.INFO", "$KV.b.k", "$OBJ.b.c"})
    pair.leaf.publish(subject, "");
  pair.leaf.publish("$JS.hub.API.INFO", "");
  pair.run();
  REQUIRE(above.heard.size() == before + 2);
  CHECK(above.heard[before] == "h x +NATS/1.0\r\nA: b\r\n\r\n");
  CHECK(above.heard[before + 1] == "$JS.hub.API.INFO ");
}

TEST_CASE("link: a consumer's delivery shows its stream's subject to clients") {
  Pair pair;
  Ear below(pair.leaf.account(), "_INBOX.c");
  REQUIRE(pair.connect());
  pair.run();
  pair.hub.publish("_INBOX.c", "m", "$JS.ACK.S.C.1.2.3.4.0@orders.eu");
  pair.hub.publish("_INBOX.c", "n", "$JS.ACK.a@b.C.1.2.3.4.0@orders.us");
  pair.run();
  CHECK(below.heard ==
        Lines{"orders.eu $JS.ACK.S.C.1.2.3.4.0 m", "orders.us $JS.ACK.a@b.C.1.2.3.4.0 n"});
}

TEST_CASE("link: what a captured subject's hub wants is told, and a barrier passes behind it") {
  Pair pair;
  Ear above(pair.hub.account(), "tele.*");
  REQUIRE(pair.connect());
  pair.run();
  Uplink* link = pair.leaf.observer().up;
  REQUIRE(link != nullptr);
  CHECK(link->wants("tele.1"));
  CHECK_FALSE(link->wants("other"));
  std::size_t heard_at_barrier = 99;
  link->publish({"tele.1", {}, {}, "x", nullptr});
  link->barrier([&] { heard_at_barrier = above.heard.size(); });
  pair.run();
  CHECK(heard_at_barrier == 1);
  CHECK(link->round_trip() == 2ms);
  CHECK(pair.leaf.observer().calls == Lines{"up", "interest"});
}

TEST_CASE("link: interest that the mirror does not care for is not told") {
  Pair pair;
  REQUIRE(pair.connect());
  pair.run();
  pair.leaf.observer().ignored = "_INBOX.1";
  pair.leaf.observer().calls.clear();
  for (int i = 0; i < 3; ++i) {
    Ear above(pair.hub.account(), "_INBOX.1");
    pair.run();
  }
  pair.run();
  CHECK(pair.leaf.observer().calls.empty());
  Ear above(pair.hub.account(), "tele.*");
  pair.run();
  CHECK(pair.leaf.observer().calls == Lines{"interest"});
}

// Answers that came in the same turn as the end are still looked at, and may call for more.
TEST_CASE("link: one that has just broken answers as before, and loses what is published") {
  Pair pair;
  Ear above(pair.hub.account(), "a");
  REQUIRE(pair.connect());
  pair.run();
  bool wanted = false, passed = false;
  pair.leaf.observer().at_end = [&](Uplink& link) {
    wanted = link.wants("a");
    link.publish({"a", {}, {}, "late", nullptr});
    link.barrier([&] { passed = true; });
  };
  pair.world.network.reset("leaf", "hub");
  REQUIRE(pair.world.loop.run_until([&] { return !pair.leaf.up(); }, 5s));
  REQUIRE(pair.world.loop.run_until([&] { return pair.leaf.up(); }, 60s));
  pair.run();
  CHECK(wanted);
  CHECK_FALSE(passed);
  CHECK(above.heard.empty());
}

// A reload may give the mirror another remote at any time.
TEST_CASE("link: who is to be told from now on is told of doubts too") {
  Pair pair;
  Observer heir;
  REQUIRE(pair.connect());
  pair.run();
  pair.world.network.block("hub", "leaf");
  const auto& calls = pair.leaf.observer().calls;
  REQUIRE(pair.world.loop.run_until([&] { return calls.back() == "doubted"; }, 15s));
  pair.leaf.remote().set_observer(&heir);
  CHECK(calls.back() == "down");
  CHECK(heir.calls == Lines{"up", "doubted"});
  pair.leaf.remote().set_observer(nullptr);
}

TEST_CASE("link: deny_imports and deny_exports are obeyed") {
  Config config = dialling("hub");
  config.remotes[0].deny_imports = {"secret.>"};
  config.remotes[0].deny_exports = {"private.>"};
  Pair pair(config);
  Ear above(pair.hub.account(), ">"), below(pair.leaf.account(), ">");
  REQUIRE(pair.connect());
  pair.run();
  below.heard.clear(), above.heard.clear();
  pair.leaf.publish("private.x", "1");
  pair.leaf.publish("public.x", "2");
  pair.hub.publish("secret.x", "3");
  pair.hub.publish("open.x", "4");
  pair.run();
  CHECK(above.heard == Lines{"secret.x 3", "open.x 4", "public.x 2"});
  CHECK(below.heard == Lines{"private.x 1", "public.x 2", "open.x 4"});
}

TEST_CASE("link: what is denied may name the accounts of both ends by their hashes") {
  Config config = dialling("hub");
  config.remotes[0].deny_imports = {"a.{{account-hash()}}", "b.{{account-hash-leaf-remote()}}"};
  config.remotes[0].deny_exports = {"c.{{account-hash()}}", "d.{{account-hash-leaf-remote()}}"};
  Config listening;
  listening.accounts = {{.name = "HUB"}};
  listening.leaf_listen.auth.users = {{.user = "u", .password = "p", .account = "HUB"}};
  config.remotes[0].urls[0].user = "u";
  config.remotes[0].urls[0].password = "p";
  Pair pair(config, listening);
  Ear above(*pair.hub.server().account("HUB"), ">"), below(pair.leaf.account(), ">");
  REQUIRE(pair.connect());
  pair.run();
  below.heard.clear(), above.heard.clear();
  const std::string here = account_hash("$G"), there = account_hash("HUB");
  for (const std::string& subject : {"c." + here, "d." + there, "c." + there, "d." + here}) {
    pair.leaf.publish(subject, "");
  }
  pair.run();
  CHECK(above.heard == Lines{"c." + there + " ", "d." + here + " "});
  below.heard.clear();
  for (const std::string& subject : {"a." + here, "b." + there, "a." + there, "b." + here}) {
    pair.hub.server().account("HUB")->publish({}, {subject, {}, {}, "", nullptr});
  }
  pair.run();
  CHECK(below.heard == Lines{"a." + there + " ", "b." + here + " "});
}

TEST_CASE("link: user and password, plain or hashed; a wrong one is refused and retried") {
  Config hub;
  hub.leaf_listen.auth.users = {{.user = "u", .password = "p", .nkey = {}}};
  Config leaf = dialling("hub");
  leaf.remotes[0].urls[0].user = "u";
  SUBCASE("right") {
    leaf.remotes[0].urls[0].password = "p";
    Pair pair(leaf, hub);
    CHECK(pair.connect());
  }
  SUBCASE("hashed") {
    hub.leaf_listen.auth.users[0].password =
        "$2a$04$abcdefghijklmnopqrstuuxLoWK69sHb6M5pkFy0wwRwRvzjmRK/.";
    leaf.remotes[0].urls[0].password = "wrong";
    Pair pair(leaf, hub);
    CHECK_FALSE(pair.connect());
    CHECK(pair.leaf.remote().report().last_error == "the hub says: Authorization Violation");
  }
  SUBCASE("wrong") {
    leaf.remotes[0].urls[0].password = "x";
    Pair pair(leaf, hub);
    CHECK_FALSE(pair.connect());
    const RemoteReport report = pair.leaf.remote().report();
    CHECK(report.last_error == "the hub says: Authorization Violation");
    CHECK(report.attempt > 2);
  }
}

TEST_CASE("link: a loop is found and waited out") {
  World world(3);
  Config a_config = dialling("b"), b_config = dialling("c"), c_config = dialling("a");
  Node a(world, "a", a_config), b(world, "b", b_config), c(world, "c", c_config);
  for (Node* node : {&a, &b, &c}) node->listen();
  for (Node* node : {&a, &b, &c}) node->dial_all();
  world.loop.run_for(5s);
  CHECK(world.log.contains("oop detected"));
  const bool all_up = a.up() && b.up() && c.up();
  CHECK_FALSE(all_up);
  // Nor does a network that changes all the time, with every container, make that shorter.
  const auto loops = [&world] {
    std::size_t count = 0;
    for (const std::string& line : world.log.lines()) {
      if (line.find("oop detected") != line.npos) ++count;
    }
    return count;
  };
  const std::size_t before = loops();
  for (int i = 0; i < 20; ++i) {
    for (Node* node : {&a, &b, &c}) node->remote().kick();
    world.loop.run_for(1s);
  }
  CHECK(loops() == before);
}

TEST_CASE("link: the one that came back replaces the old one") {
  Pair pair;
  REQUIRE(pair.connect());
  pair.run();
  pair.world.network.block_both("leaf", "hub");
  pair.run(16s);
  CHECK_FALSE(pair.leaf.up());
  pair.world.network.unblock_both("leaf", "hub");
  CHECK(pair.world.loop.run_until([&] { return pair.leaf.up(); }, 90s));
  pair.run(30s);
  CHECK(pair.leaf.up());
  CHECK(pair.hub.links().size() == 1);
}

TEST_CASE(
    "link: a hub that only listens behind TLS is met with TLS, and never without where wanted") {
  Config leaf = dialling("hub");
  leaf.remotes[0].tls = TlsOptions{};
  Pair pair(leaf);
  CHECK_FALSE(pair.connect());
  CHECK(pair.leaf.remote().report().last_error.find("no TLS") != std::string::npos);
}

TEST_CASE("link: a dead path is noticed within 15 s, whichever way is dead") {
  for (const bool up_dead : {true, false}) {
    Pair pair;
    REQUIRE(pair.connect());
    pair.run(7s);
    up_dead ? pair.world.network.block("leaf", "hub") : pair.world.network.block("hub", "leaf");
    const Time start = pair.world.clock.now();
    CHECK(pair.world.loop.run_until([&] { return !pair.leaf.up(); }, 60s));
    CHECK(pair.world.clock.now() - start <= 15s + 10ms);
    std::string calls;
    for (const std::string& call : pair.leaf.observer().calls) calls += call + " ";
    CHECK(calls == (up_dead ? "up interest down " : "up interest doubted down "));
    const std::string error = pair.leaf.remote().report().last_error;  // The hub may notice first.
    CHECK((error == "ping time-out" || error == "the hub says: Stale Connection"));
  }
}

TEST_CASE("link: a dead path is noticed within 15 s, also with output that waits for it") {
  Pair pair;
  Ear above(pair.hub.account(), "up");
  REQUIRE(pair.connect());
  pair.run(7s);
  pair.world.network.block_both("leaf", "hub");
  const Time start = pair.world.clock.now();
  pair.run(1s);
  for (int i = 0; i < 100; ++i) pair.leaf.publish("up", std::string(1000, 'x'));
  CHECK(pair.world.loop.run_until([&] { return !pair.leaf.up(); }, 60s));
  CHECK(pair.world.clock.now() - start <= 15s + 10ms);
  CHECK(pair.leaf.remote().report().last_error == "ping time-out");
}

TEST_CASE(
    "link: boots without network, name service and hub, and finds the hub when all is there") {
  Pair pair;
  pair.world.network.break_dns("leaf", true);
  pair.world.network.refuse("hub", true);
  pair.leaf.dial_all();
  pair.run(300s);
  CHECK(pair.leaf.remote().report().last_error == "resolve: name not found");
  pair.world.network.break_dns("leaf", false);
  pair.run(120s);
  CHECK(pair.leaf.remote().report().last_error == "connect: connection refused");
  pair.world.network.refuse("hub", false);
  pair.leaf.remote().kick();
  pair.run(1s);
  CHECK(pair.leaf.up());
}

TEST_CASE("link: of failures in a row the first and each so-many-th are warnings") {
  Config config = dialling("hub");
  config.link.connect_error_reports = 3;
  config.link.reconnect_error_reports = 4;
  config.link.reconnect_max = 2s;
  Pair pair(config);
  std::size_t told = 0, all = 0;
  const auto count = [&] {
    told = all = 0;
    for (const std::string& line : pair.world.log.lines()) {
      const bool failed = line.find(" failed (") != std::string::npos;
      all += failed ? 1 : 0;
      told += failed && line.find("WRN") != std::string::npos ? 1 : 0;
    }
  };
  const auto fail_times = [&](std::size_t times) {
    const std::size_t wanted = all + times;
    CHECK(pair.world.loop.run_until([&] { return count(), all >= wanted; }, 10min));
  };
  pair.world.network.refuse("hub", true);
  pair.leaf.dial_all();
  fail_times(7);
  CHECK(told == 3);  // The first, the third and the sixth.
  pair.world.network.refuse("hub", false);
  REQUIRE(pair.world.loop.run_until([&] { return pair.leaf.up(); }, 10s));
  pair.run(10min);  // Long enough for the count to start over.
  pair.world.network.refuse("hub", true);
  pair.world.network.reset("leaf", "hub");
  count();
  const std::size_t before = told;
  fail_times(8);
  CHECK(told - before == 2);  // The loss was the first; the fourth and the eighth.
}

TEST_CASE("link: whatever the cuts, the link comes back and interest is whole") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Pair pair(dialling("hub"), {}, seed);
    pair.world.network.set_both(
        "leaf", "hub", {.latency = 30ms, .jitter = 20ms, .bytes_per_second = 6250, .ragged = true});
    Ear above(pair.hub.account(), "t.>"), below(pair.leaf.account(), "b.>");
    pair.leaf.dial_all();
    for (int i = 0; i < 10; ++i) {
      pair.world.network.cut_after(i % 2 ? "leaf" : "hub", i % 2 ? "hub" : "leaf",
                                   1 + pair.world.entropy.number() % 3000);
      for (int k = 0; k < 20; ++k)
        pair.leaf.publish("t.x", std::string(100, 'x')), pair.hub.publish("b.x", "y");
      pair.run(3s);
    }
    pair.world.network.cut_after("leaf", "hub", 0), pair.world.network.cut_after("hub", "leaf", 0);
    REQUIRE(pair.world.loop.run_until([&] { return pair.leaf.up(); }, 200s));
    pair.run(20s);
    REQUIRE(pair.leaf.up());
    above.heard.clear(), below.heard.clear();
    pair.leaf.publish("t.end", "1"), pair.hub.publish("b.end", "2");
    pair.run(5s);
    CHECK(above.heard == Lines{"t.end 1"});
    CHECK(below.heard == Lines{"b.end 2"});
  }
}

TEST_CASE("link: a slow link with a full queue stays alive and loses only what is over the bound") {
  Config config = dialling("hub");
  config.limits.pending_bytes_max = 200'000;
  Pair pair(config);
  pair.world.network.set_both("leaf", "hub", {.latency = 300ms, .bytes_per_second = 6250});
  pair.world.network.send_buffer_bytes = 16 * 1024;
  Ear above(pair.hub.account(), "t.>");
  REQUIRE(pair.connect());
  pair.run(2s);
  for (int i = 0; i < 3000; ++i) pair.leaf.publish("t.x", std::string(100, 'x'));
  pair.run(80s);
  const RemoteReport report = pair.leaf.remote().report();
  CHECK(report.links == 1);
  CHECK(pair.leaf.up());
  CHECK(report.dropped > 0);
  CHECK(above.heard.size() + report.dropped == 3000);
}

// Notes how it was asked to dial.
class DialNotes : public Network {
 public:
  Result<std::unique_ptr<Listener>> listen(const ListenOptions&, Accept) override {
    return {Errc::kUnsupported};
  }
  std::unique_ptr<Dial> dial(const DialOptions& options, std::unique_ptr<Protocol>) override {
    dials.push_back(options);
    return nullptr;
  }
  std::vector<DialOptions> dials;
};

TEST_CASE("link: a remote with TLS options never dials a WebSocket without TLS") {
  using Scheme = RemoteUrl::Scheme;
  struct Case {
    Scheme scheme;
    bool block, first, tls;
  };
  for (const Case& each :
       {Case{Scheme::kWs, false, false, false}, Case{Scheme::kWs, true, false, true},
        Case{Scheme::kWss, false, false, true},
        Case{Scheme::kTls, true, false, false},  // After INFO.
        Case{Scheme::kTls, true, true, true}}) {
    World world(1);
    DialNotes network;
    Config config = dialling("hub");
    config.remotes[0].urls[0].scheme = each.scheme;
    config.remotes[0].urls[0].host = "fd00::7";
    config.remotes[0].urls[0].port = 8080;
    if (each.block) config.remotes[0].tls.emplace();
    config.remotes[0].tls_handshake_first = each.first;
    config.link.tls_timeout = 40s;
    Server server(config, {world.loop, world.clock, network, world.entropy, world.log, world.worker,
                           world.chunks});
    LeafRegister links(server);
    const FileReader files = [](const std::string&) -> Result<std::string> {
      return {Errc::kNotFound};
    };
    Remote remote(server, links, server.config().remotes[0], files, nullptr);
    remote.start();
    world.loop.run_for(1s);
    REQUIRE(network.dials.size() >= 1);
    CHECK(network.dials[0].tls.has_value() == each.tls);
    if (each.tls) CHECK(network.dials[0].tls->timeout == 40s);
    if (network.dials[0].websocket) CHECK(network.dials[0].websocket->host == "[fd00::7]:8080");
  }
}

}  // namespace
}  // namespace petiole::test
