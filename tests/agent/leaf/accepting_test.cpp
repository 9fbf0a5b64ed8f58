// The end of a leaf link that listens, against byte strings.
// Rules: wire/client-and-leaf.md section 3.
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
  bench.accept();
  const std::string hello = bench.wire.take();
  for (const char* field :
       {"\"client_id\":", "\"leafnode_urls\":[", "\"nonce\":\"", "\"info_on_connect\":true",
        "\"auth_required\":true", "\"headers\":true"}) {
    CAPTURE(field);
    CHECK(hello.find(field) != hello.npos);
  }
  CHECK(hello.find("compression") == hello.npos);
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

}  // namespace
}  // namespace petiole::test
