// The end of a leaf link that listens, against byte strings.
// Rules: wire/client-and-leaf.md section 3.
#include "agent/subject/account_functions.h"
#include "tests/agent/leaf/session_bench.h"

namespace petiole::test {
namespace {

Config listening() {
  Config config;
  config.server_name = "hub";
  return config;
}

TEST_CASE("accepting: INFO, CONNECT, INFO, interest") {
  Bench bench(listening());
  Ear ear(bench.node.account(), "foo"), js(bench.node.account(), "$JS.API.>");
  bench.node.server().listening_at({.client = 1, .websocket = 2, .leaf = 7433});
  bench.accept();
  const std::string hello = bench.wire.take();
  for (const char* field :
       {"\"client_id\":", "\"port\":7433,", "\"ip\":\"0.0.0.0:7433\"",
        "\"leafnode_urls\":[\"0.0.0.0:7433\"]", "\"nonce\":\"", "\"info_on_connect\":true",
        "\"auth_required\":true", "\"headers\":true"}) {
    CAPTURE(field);
    CHECK(hello.find(field) != hello.npos);
  }
  CHECK(hello.find("\"compression\":\"s2_auto\"") != hello.npos);
  CHECK(hello.ends_with(" \r\n"));
  CHECK(
      bench.feed(
          "CONNECT "
          "{\"name\":\"edge\",\"cluster\":\"edge\",\"headers\":true,\"version\":\"2.10.0\"}\r\n") ==
      "");
  const std::string answer = bench.wire.take();
  CHECK(answer.starts_with("INFO {"));
  CHECK(answer.find("\"connect_info\":true") != answer.npos);
  CHECK(answer.find("\"remote_account\":\"$G\"") != answer.npos);
  CHECK(answer.find("nonce") == answer.npos);
  CHECK(answer.find("LS+ foo\r\n") != answer.npos);
  CHECK(answer.find("LS+ $JS.API") == answer.npos);
}

// bcrypt of "secret", cost 4.
constexpr const char* kHash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
constexpr const char* kHashedLogin =
    R"(CONNECT {"name":"edge","version":"2.10.0","user":"u","pass":"secret"})"
    "\r\n";

// After a restart of the hub all its leafs come at once.
TEST_CASE("accepting: the time for CONNECT is over with it, however long the hash takes") {
  Config config = listening();
  config.auth.users = {{.user = "u", .password = kHash, .nkey = {}}};
  Bench bench(config);
  for (int i = 0; i < 100; ++i) bench.world.worker.run([] {});  // 5 s.
  bench.accept();
  CHECK(bench.feed(kHashedLogin) == "");
  CHECK(bench.tick_after(4s) == "not due");
  bench.world.loop.run_for(2s);
  CHECK(bench.session->established());
}

TEST_CASE("accepting: a login that was begun before a reload is judged by what it says") {
  Config config = listening();
  config.auth.users = {{.user = "u", .password = kHash, .nkey = {}}};
  Bench bench(config);
  bench.accept();
  CHECK(bench.feed(kHashedLogin) == "");
  config.auth.users[0].user = "v";
  bench.node.server().replace(config);
  bench.world.loop.run_for(1s);
  CHECK_FALSE(bench.session->established());
  CHECK(bench.wire.closed);
  CHECK(bench.wire.take().find("-ERR 'Authorization Violation'") != std::string::npos);
}

// nats-server leafnode.go, setLeafNodeInfoHostPortAndIP.
TEST_CASE("accepting: the address that leafs are told") {
  struct Case {
    const char *host, *own, *advertise;
    bool silent;
    const char* urls;
  };
  for (const Case& c : {Case{"0.0.0.0", "10.0.0.7", "", false, "[\"10.0.0.7:7433\"]"},
                        Case{"::", "fd00::2", "", false, "[\"[fd00::2]:7433\"]"},
                        Case{"::", "", "", false, "[\"[::]:7433\"]"},
                        Case{"127.0.0.1", "10.0.0.7", "", false, "[\"127.0.0.1:7433\"]"},
                        Case{"0.0.0.0", "10.0.0.7", "hub", false, "[\"hub:7433\"]"},
                        Case{"0.0.0.0", "10.0.0.7", "[::1]:-1", false, "[\"[::1]:7433\"]"},
                        Case{"0.0.0.0", "10.0.0.7", "hub:9", true, "[]"}}) {
    Config config = listening();
    config.leaf_listen.host = c.host;
    config.leaf_listen.advertise = c.advertise;
    config.leaf_listen.no_advertise = c.silent;
    Bench bench(config);
    bench.node.server().listening_at({.leaf = 7433, .own_address = c.own});
    bench.accept();
    const std::string hello = bench.wire.take();
    CAPTURE(hello);
    CHECK(hello.find("\"leafnode_urls\":" + std::string(c.urls)) != hello.npos);
  }
}

// Wire 3.9. The second INFO comes first: the peer reads no error before it.
TEST_CASE("accepting: a leaf of an older version than is wanted") {
  struct Case {
    const char* version;
    bool accepted;
  };
  for (const Case& c : {Case{"2.10.9", false}, Case{"2.11.0", true}, Case{"v2.11.1-dev", true},
                        Case{"2.9", false}, Case{"new", false}, Case{"", false}}) {
    CAPTURE(c.version);
    Config config = listening();
    config.leaf_listen.min_version = "2.11.0";
    Bench bench(config);
    bench.accept();
    bench.wire.take();
    bench.feed(std::string("CONNECT {\"version\":\"") + c.version + "\"}\r\n");
    const std::string answer = bench.wire.take();
    CHECK(answer.starts_with("INFO {"));
    CHECK(answer.find("\"connect_info\":true") != answer.npos);
    const bool refused = answer.ends_with(
        "-ERR 'connection rejected since minimum version required is \"2.11.0\"'\r\n");
    CHECK(refused != c.accepted);
  }
}

TEST_CASE("accepting: who is refused, and in which words") {
  Config config = listening();
  config.leaf_listen.auth.users = {{.user = "u", .password = "p", .nkey = {}}};
  config.remotes = dialling("top").remotes;  // With remotes our name stands for a cluster.
  struct Case {
    const char* what;
    const char* input;
    const char* says;
  };
  const Case cases[] = {
      {"no user", "CONNECT {}\r\n", "-ERR 'Authorization Violation'\r\n"},
      {"wrong password", "CONNECT {\"user\":\"u\",\"pass\":\"x\"}\r\n",
       "-ERR 'Authorization Violation'\r\n"},
      {"interest before CONNECT", "LS+ foo\r\n", "-ERR 'Authorization Violation'\r\n"},
      {"an error before CONNECT", "-ERR 'x'\r\n", "-ERR 'Authorization Violation'\r\n"},
      {"a client", "CONNECT {\"user\":\"u\",\"pass\":\"p\",\"lang\":\"go\"}\r\n",
       "-ERR 'attempted to connect to leaf node port'\r\n"},
      {"a blank in the cluster", "CONNECT {\"user\":\"u\",\"pass\":\"p\",\"cluster\":\"a b\"}\r\n",
       "-ERR 'cluster name cannot contain spaces'\r\n"},
      {"our own cluster", "CONNECT {\"user\":\"u\",\"pass\":\"p\",\"cluster\":\"hub\"}\r\n",
       "-ERR 'remote leafnode has same cluster name'\r\n"},
      {"a gateway", "CONNECT {\"user\":\"u\",\"pass\":\"p\",\"gateway\":\"g\"}\r\n",
       "-ERR 'Rejecting connection from gateway \"g\" on the leafnode port'\r\n"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    Bench bench(config);
    bench.accept();
    bench.wire.take();
    CHECK(bench.feed(each.input) != "");
    CHECK(bench.wire.take() == each.says);
  }
  Bench slow(config);
  slow.accept();
  slow.wire.take();
  CHECK(slow.tick_after(2s) == "Authentication Timeout");
}

// By then the peer has come back: the old link must not end the new one as its duplicate.
TEST_CASE("accepting: a login that is found good after the link is over comes to nothing") {
  Config config = listening();
  config.leaf_listen.auth.users = {
      {.user = "u",
       .password = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
       .nkey = {}}};
  for (const bool late : {false, true}) {
    CAPTURE(late);
    Bench bench(config);
    bench.accept();
    CHECK(
        bench.session->receive("CONNECT {\"user\":\"u\",\"pass\":\"U*U\"}\r\n", bench.now()).ok());
    if (late) bench.session->shut_down("Server Shutdown");
    bench.world.loop.run_for(1s);
    CHECK(bench.session->established() != late);
    CHECK(bench.node.links().size() == (late ? 0 : 1));
  }
}

// One peer on several connections of one server, in the order in which they were accepted.
struct Comers {
  static constexpr const char* kConnect =
      "CONNECT {\"name\":\"edge\",\"remote_account\":\"A\"}\r\n";
  explicit Comers(std::size_t count) : node(world, "hub", listening()) {
    for (std::size_t i = 0; i < count; ++i) {
      wires.push_back(std::make_unique<FakeWire>(world.chunks));
      leafs.push_back(std::make_unique<AcceptingLeaf>(node.server(), node.links()));
      leafs.back()->opened(*wires.back(), world.clock.now());
    }
  }
  ~Comers() {
    for (auto& leaf : leafs) leaf->closed({}, world.clock.now());
  }
  bool login(std::size_t i) { return leafs[i]->receive(kConnect, world.clock.now()).ok(); }
  std::size_t established() const {
    return static_cast<std::size_t>(
        std::count_if(leafs.begin(), leafs.end(), [](const auto& l) { return l->established(); }));
  }
  World world{1};
  Node node;
  std::vector<std::unique_ptr<FakeWire>> wires;
  std::vector<std::unique_ptr<AcceptingLeaf>> leafs;
};

// Those that are ended are in the register still, while their last words wait for the peer.
TEST_CASE("accepting: a peer that comes again and again has one link") {
  Comers peer(8);
  for (std::size_t i = 0; i < peer.leafs.size(); ++i) {
    CHECK(peer.login(i));
    CHECK(peer.established() == 1);
    CHECK(peer.leafs[i]->established());
  }
}

// Its login took longer, in a queue of hashes or at a service, and that its socket has ended may
// not be known: nothing is read meanwhile.
TEST_CASE("accepting: an older connection does not take the place of a newer one") {
  Comers peer(2);
  CHECK(peer.login(1));
  CHECK_FALSE(peer.login(0));
  CHECK(peer.leafs[1]->established());
  CHECK(peer.established() == 1);
}

TEST_CASE("accepting: functions in what a peer denies are worked out as seen from there") {
  Bench bench(listening());
  bench.accept();
  bench.feed(
      "CONNECT {\"name\":\"edge\",\"remote_account\":\"EDGE\",\"deny_pub\":["
      "\"a.{{account-hash()}}\",\"b.{{account-hash-leaf-remote()}}\","
      "\"c.{{account-hash-import()}}\"]}\r\n");
  bench.wire.take();
  bench.feed("LS+ >\r\n");
  for (const std::string& subject :
       {"a." + account_hash("EDGE"), "b." + account_hash("$G"), "a." + account_hash("$G")}) {
    bench.node.publish(subject, "");
  }
  CHECK(bench.wire.take() == "LMSG a." + account_hash("$G") + " 0\r\n\r\n");
  CHECK(bench.world.log.contains(
      "Error resolving leafnode deny permissions: permission subject "
      "\"c.{{account-hash-import()}}\": invalid mapping destination: function is not available"));
}

TEST_CASE("accepting: a hub closes over interest and messages that are not allowed") {
  Bench bench(listening());
  bench.accept();
  bench.feed("CONNECT {\"name\":\"edge\",\"deny_pub\":[\"no.>\"]}\r\n");
  bench.wire.take();
  SUBCASE("literal interest in what its spoke denies") {
    CHECK(bench.feed("LS+ no.x\r\n") != "");
    CHECK(bench.wire.take() == "-ERR 'Permissions Violation for Subscription to \"no.x\"'\r\n");
  }
  SUBCASE("wildcards are let in and filtered message by message") {
    CHECK(bench.feed("LS+ >\r\n") == "");
    bench.node.publish("no.x", "1");
    bench.node.publish("yes.x", "2");
    CHECK(bench.wire.take() == "LMSG yes.x 1\r\n2\r\n");
  }
  SUBCASE("literal interest in JetStream's API") {
    CHECK(bench.feed("LS+ $JS.API.INFO\r\n") != "");
  }
  SUBCASE("a message to JetStream's API is no breach") {
    CHECK(bench.feed("LMSG $JS.API.INFO 0\r\n\r\n") == "");
  }
  SUBCASE("names that are longer than a subscription holds") {
    for (const std::size_t bytes : {65535u, 65536u}) {
      const std::string name(bytes, 'x');
      CHECK(bench.feed("LS+ " + name + "\r\nLS- " + name + "\r\nLS+ " + name + "\r\n") == "");
    }
    CHECK(bench.session->subscription_count() == 1);
    CHECK(bench.wire.take() == "-ERR 'Invalid Subscription'\r\n-ERR 'Invalid Subscription'\r\n");
  }
  SUBCASE("weights follow the peer, up and down") {
    bench.feed("LS+ w q 3\r\nLS+ w q 1\r\n");
    CHECK(bench.session->subscription_count() == 1);
    std::uint32_t weight = 0;
    bench.node.account().for_each([&](const Subscription& each) {
      if (each.subject() == "w") weight = each.weight;
    });
    CHECK(weight == 1);
  }
}

TEST_CASE("accepting: a leaf that does not read its answers is cut off") {
  Config config = listening();
  config.limits.pending_bytes_max = config.limits.payload_bytes_max = 1000;
  Bench bench(config);
  bench.accept();
  bench.feed("CONNECT {\"name\":\"edge\"}\r\n");
  bench.wire.take();
  for (int i = 0; i < 300; ++i) bench.feed("PING\r\n");
  CHECK_FALSE(bench.wire.closed);
  for (int i = 0; i < 100; ++i) bench.feed("PING\r\n");
  CHECK(bench.wire.closed);
  CHECK(bench.wire.reason.code() == Errc::kSlowConsumer);
}

// A user of the ordinary authorization, under permissions.
struct PermittedLeaf {
  explicit PermittedLeaf(PermissionsConfig permissions)
      : PermittedLeaf(with(std::move(permissions))) {}
  explicit PermittedLeaf(const Config& config) : bench(config) {
    bench.accept();
    bench.wire.take();
    bench.feed("CONNECT {\"name\":\"edge\",\"user\":\"u\",\"pass\":\"p\"}\r\n");
    answer = bench.wire.take();
  }
  static Config with(PermissionsConfig permissions) {
    Config config = listening();
    config.auth.users = {
        {.user = "u", .password = "p", .nkey = {}, .permissions = std::move(permissions)}};
    return config;
  }
  Bench bench;
  std::string answer;
};

TEST_CASE("accepting: a user's permissions reach the peer, and breaches close") {
  PermittedLeaf leaf({.publish = {.allow = {{"up.>"}}, .deny = {"up.no"}},
                      .subscribe = {.allow = {{"down.>"}}, .deny = {"down.no"}}});
  Bench& bench = leaf.bench;
  CHECK(leaf.answer.find("\"import\":{\"allow\":[\"down.\\u003e\"],\"deny\":[\"down.no\"]}") !=
        std::string::npos);
  CHECK(leaf.answer.find("\"export\":{\"allow\":[\"up.\\u003e\"],\"deny\":[\"up.no\"]}") !=
        std::string::npos);
  SUBCASE("what it may send") {
    Ear ear(bench.node.account(), "up.*");
    CHECK(bench.feed("LMSG up.a 1\r\n1\r\n") == "");
    CHECK(ear.heard.size() == 1);
  }
  SUBCASE("what it may not send") {
    CHECK(bench.feed("LMSG other 1\r\n1\r\n") != "");
    CHECK(bench.wire.take() == "-ERR 'Permissions Violation for Publish to \"other\"'\r\n");
  }
  SUBCASE("deny wins") {
    CHECK(bench.feed("LMSG up.no 1\r\n1\r\n") != "");
    CHECK(bench.wire.take() == "-ERR 'Permissions Violation for Publish to \"up.no\"'\r\n");
  }
  SUBCASE("literal interest that it may not have") {
    CHECK(bench.feed("LS+ other\r\n") != "");
    CHECK(bench.wire.take() == "-ERR 'Permissions Violation for Subscription to \"other\"'\r\n");
  }
  SUBCASE("wildcards are filtered message by message") {
    CHECK(bench.feed("LS+ >\r\n") == "");
    bench.node.publish("down.a", "1");
    bench.node.publish("down.no", "2");
    bench.node.publish("other", "3");
    CHECK(bench.wire.take() == "LMSG down.a 1\r\n1\r\n");
  }
  SUBCASE("it is told of interest that it may serve alone") {
    Ear may(bench.node.account(), "up.b"), not_may(bench.node.account(), "other");
    bench.feed("PING\r\n");
    const std::string told = bench.wire.take();
    CHECK(told.find("LS+ up.b\r\n") != std::string::npos);
    CHECK(told.find("other") == std::string::npos);
  }
  SUBCASE("who it is") { CHECK(bench.session->report(false).user == "u"); }
}

TEST_CASE("accepting: a leaf is judged by the subject on the wire, and mapped then") {
  Config config = PermittedLeaf::with({.publish = {.allow = {{"in"}}}});
  config.accounts.push_back({.name = "$G", .mappings = {{"in", {{.subject = "out"}}}}});
  PermittedLeaf leaf(config);
  Ear ear(leaf.bench.node.account(), "out");
  CHECK(leaf.bench.feed("LMSG in 1\r\n1\r\n") == "");
  CHECK(ear.heard.size() == 1);
  CHECK(leaf.bench.feed("LMSG out 1\r\n1\r\n") != "");
  CHECK(ear.heard.size() == 1);
}

// leafnodes { authorization { account: A } }: nats-server auth.go, registerLeafWithAccount.
TEST_CASE("accepting: an account without a user is for leafs that nobody has to know") {
  Config config = listening();
  config.accounts.push_back({.name = "A"});
  config.accounts.push_back({.name = "B"});
  config.leaf_listen.auth.lone_user = true;
  config.leaf_listen.auth.users.emplace_back();
  config.leaf_listen.auth.users[0].account = "A";
  for (const char* said : {"", "\"user\":\"u\",\"pass\":\"p\""}) {
    Bench bench(config);
    bench.accept();
    bench.wire.take();
    CHECK(bench.feed(std::string("CONNECT {") + said + "}\r\n") == "");
    CHECK(bench.session->report(false).account == "A");
    CHECK(bench.session->report(false).user.empty());
  }
  // Where clients have to say who they are, a leaf has to, and is where that user is.
  config.auth.users = {{.user = "u", .password = "p", .nkey = {}, .account = "B"}};
  Bench known(config), unknown(config);
  known.accept();
  CHECK(known.feed("CONNECT {\"user\":\"u\",\"pass\":\"p\"}\r\n") == "");
  CHECK(known.session->report(false).account == "B");
  unknown.accept();
  CHECK(unknown.feed("CONNECT {}\r\n") != "");
}

TEST_CASE("accepting: message traces") {
  Bench bench(listening());
  bench.accept();
  CHECK(bench.wire.take().find("\"proto\":3") != std::string::npos);
  CHECK(bench.feed("CONNECT {\"name\":\"edge\",\"headers\":true,\"protocol\":1}\r\n") == "");
  CHECK_FALSE(bench.session->takes_traces());
  Bench newer(listening());
  newer.accept();
  newer.feed("CONNECT {\"name\":\"edge\",\"headers\":true,\"protocol\":3}\r\n");
  CHECK(newer.session->takes_traces());
  Ear ear(newer.node.account(), "a");
  const auto message = [](std::string_view fields) {
    const std::string block = "NATS/1.0\r\n" + std::string(fields) + "\r\n";
    const std::string size = std::to_string(block.size());
    return "HMSG a " + size + ' ' + size + "\r\n" + block + "\r\n";
  };
  newer.feed(message("Nats-Trace-Dest: t\r\n"));
  CHECK(ear.heard.size() == 1);
  newer.feed(message("Nats-Trace-Dest: a b\r\n"));  // No destination: not traced.
  CHECK(ear.heard.size() == 2);
  newer.feed(message("Nats-Trace-Dest: a b\r\nNats-Trace-Only: 1\r\n"));
  CHECK(ear.heard.size() == 2);
}

// The hub of 2.15.3 ends a link over an acknowledgement that it does not allow.
TEST_CASE("accepting: acknowledgements need leave as all else, at both ends") {
  PermittedLeaf leaf({.publish = {.allow = {{"a"}}}, .subscribe = {.allow = {{"a"}}}});
  Bench& bench = leaf.bench;
  bench.feed("LS+ >\r\n");
  for (const char* subject : {"$JS.ACK.x", "a", "_R_.x"}) bench.node.publish(subject, "1");
  CHECK(bench.wire.take() == "LMSG a 1\r\n1\r\nLMSG _R_.x 1\r\n1\r\n");
  CHECK(bench.feed("LMSG a 0\r\n\r\nLMSG _R_.x 0\r\n\r\n") == "");
  CHECK(bench.feed("LMSG $JS.ACK.x 0\r\n\r\n") != "");
  CHECK(bench.wire.take() == "-ERR 'Permissions Violation for Publish to \"$JS.ACK.x\"'\r\n");
}

TEST_CASE("accepting: a leaf speaks for its own account alone") {
  Bench bench(listening());
  bench.accept();
  bench.feed("CONNECT {\"name\":\"edge\",\"headers\":true}\r\n");
  Ear ear(bench.node.account(), "a");
  const auto heard = [&](std::string_view reply, const std::string& info) {
    const std::string block = "NATS/1.0\r\nNats-Request-Info: " + info + "\r\nX: 1\r\n\r\n";
    const std::string size = std::to_string(block.size());
    bench.feed("HMSG a " + std::string(reply) + size + ' ' + size + "\r\n" + block + "\r\n");
    return std::exchange(ear.heard, {}).at(0);
  };
  CHECK(heard("r ", R"({"acc":"A","rtt":5})") ==
        "a r  +NATS/1.0\r\nX: 1\r\nNats-Request-Info: {\"acc\":\"$G\",\"rtt\":5}\r\n\r\n");
  CHECK(heard("", R"({"acc":"A"})").find(R"({"acc":"A"})") != std::string::npos);
}

TEST_CASE("accepting: a leaf that may answer") {
  PermittedLeaf leaf({.responses = ResponseRule{}});
  Bench& bench = leaf.bench;
  CHECK(leaf.answer.find("\"allow\":[]") == std::string::npos);
  bench.feed("LS+ service\r\n");
  bench.node.account().publish({}, {"service", "_INBOX.1", {}, "?", nullptr});
  CHECK(bench.wire.take() == "LMSG service _INBOX.1 1\r\n?\r\n");
  CHECK(bench.feed("LMSG _INBOX.1 1\r\n!\r\n") == "");
  CHECK(bench.feed("LMSG _INBOX.1 1\r\n!\r\n") != "");
}

TEST_CASE("accepting: a leaf that may answer may not ask JetStream so") {
  PermittedLeaf leaf({.responses = ResponseRule{}});
  Bench& bench = leaf.bench;
  bench.feed("LS+ service\r\n");
  bench.node.account().publish({}, {"service", "$JS.hub.API.INFO", {}, "?", nullptr});
  CHECK(bench.feed("LMSG $JS.hub.API.INFO 1\r\n!\r\n") != "");
}

}  // namespace
}  // namespace petiole::test
