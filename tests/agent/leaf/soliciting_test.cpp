// The handshake of the end that dials, against byte strings.
// Rules: wire/client-and-leaf.md section 3.
#include "tests/agent/leaf/session_bench.h"

namespace petiole::test {
namespace {

TEST_CASE("soliciting: first INFO") {
  struct Case {
    const char* what;
    std::string input;
    const char* ends;  // Empty: goes on.
    const char* says;  // In the output.
  };
  const Case cases[] = {
      {"CONNECT follows INFO", kInfo, "", "\"name\":\"leaf\""},
      {"the server name stands for the cluster", kInfo, "", "\"cluster\":\"leaf\""},
      {"headers where the hub takes them", kInfo, "", "\"headers\":true"},
      {"a client's port: no leafnode_urls", "INFO {\"client_id\":3} \r\n",
       "attempted to connect to wrong port", ""},
      {"a route's port: no client_id", "INFO {\"leafnode_urls\":[]} \r\n",
       "attempted to connect to wrong port", ""},
      {"leafnode_urls null is not an array", "INFO {\"client_id\":3,\"leafnode_urls\":null} \r\n",
       "attempted to connect to wrong port", ""},
      {"a hub that advertises nothing", "INFO {\"client_id\":3,\"info_on_connect\":true} \r\n", "",
       "CONNECT {"},
      {"a cluster with a blank", info("\"cluster\":\"a b\","), "cluster name cannot contain spaces",
       "-ERR 'cluster name cannot contain spaces'\r\n"},
      {"not JSON", "INFO {\r\n", "INFO is no JSON object", ""},
      {"something else first", "LS+ foo\r\n",
       "the hub spoke before its INFO: not a leaf node port?", ""},
      {"garbage", "HTTP/1.1 400 Bad Request\r\n", "Unknown Protocol Operation",
       "-ERR 'Unknown Protocol Operation'\r\n"},
      {"no TLS where it must be none", kInfo, "", "CONNECT {"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    Bench bench;
    bench.solicit();
    CHECK(bench.wire.take() == "");
    CHECK(bench.feed(each.input) == each.ends);
    const std::string output = bench.wire.take();
    CAPTURE(output);
    CHECK(output.find(each.says) != output.npos);
    CHECK(output.find("compression") == output.npos);
    CHECK(output.find("isolate") == output.npos);
  }
}

TEST_CASE("soliciting: interest waits for connect_info, or not, as the hub says") {
  Bench bench;
  Ear ear(bench.node.account(), "foo");
  bench.solicit();
  bench.feed(kInfo);
  CHECK(bench.wire.take().find("LS+") == std::string::npos);
  CHECK(bench.owner.established == 0);
  bench.feed(kConnectInfo);
  CHECK(bench.owner.established == 1);
  const std::string output = bench.wire.take();
  CHECK(output.find("LS+ foo\r\n") != output.npos);
  CHECK(output.find("LS+ $LDS.") != output.npos);
  CHECK(output.ends_with("PING\r\n"));

  Bench old;
  old.solicit();
  old.feed(info(""));
  CHECK(old.owner.established == 1);
}

TEST_CASE("soliciting: any cut of the handshake gives the same output") {
  const std::string input =
      kInfo + kConnectInfo + "LS+ a\r\nLS+ b q 2\r\nPING\r\nLMSG a 2\r\nhi\r\n";
  std::string whole;
  for (std::size_t cut = 0; cut <= input.size(); ++cut) {
    Bench bench;
    bench.solicit();
    std::string held = input.substr(0, cut);
    std::size_t used = 0;
    if (cut != 0) {
      const Result<std::size_t> first = bench.session->receive(held, bench.now());
      REQUIRE(first.ok());
      used = *first;
    }
    CHECK(bench.feed(input.substr(used)) == "");
    std::string output = bench.wire.take();
    if (cut == 0) whole = output;
    CHECK(output == whole);
    CHECK(bench.session->subscription_count() == 2);
  }
}

TEST_CASE("soliciting: who we say we are") {
  Config config = dialling("hub");
  RemoteConfig& remote = config.remotes[0];
  SUBCASE("user and password") {
    remote.urls[0].user = "u", remote.urls[0].password = "p";
    Bench bench(config);
    bench.solicit(), bench.feed(kInfo);
    const std::string line = connect_of(bench.wire.take());
    CHECK(line.find("\"user\":\"u\",\"pass\":\"p\"") != line.npos);
    CHECK(line.find("auth_token") == line.npos);
  }
  SUBCASE("a user alone is a token") {
    remote.urls[0].user = "t";
    Bench bench(config);
    bench.solicit(), bench.feed(kInfo);
    const std::string line = connect_of(bench.wire.take());
    CHECK(line.find("\"user\":\"t\"") != line.npos);
    CHECK(line.find("\"auth_token\":\"t\"") != line.npos);
  }
}

TEST_CASE("soliciting: TLS is begun when the hub demands it, before CONNECT") {
  Bench bench;
  bench.solicit();
  const std::string first = info("\"tls_required\":true,\"info_on_connect\":true,");
  const Result<std::size_t> used = bench.session->receive(first + "\x16\x03", bench.now());
  REQUIRE(used.ok());
  CHECK(*used == first.size());  // The rest belongs to the TLS handshake.
  CHECK(bench.wire.tls);
}

TEST_CASE("soliciting: silence in the handshake ends it") {
  Bench bench;
  bench.solicit();
  CHECK(bench.tick_after(14s) == "not due");
  CHECK(bench.tick_after(1s) == "no INFO from the hub in time");
  Bench half;
  half.solicit();
  half.feed(kInfo);
  half.wire.take();
  CHECK(half.tick_after(14s) == "not due");
  CHECK(half.tick_after(1s) == "no answer to CONNECT in time");
  CHECK(half.wire.take() == "-ERR 'Stale Leaf Node Connection - Closing'\r\n");
}

TEST_CASE("soliciting: what the hub refuses calls for a wait; nothing stops us for good") {
  struct Case {
    const char* error;
    bool ends;
    Duration wait;
  };
  const Case cases[] = {
      {"-ERR 'Authorization Violation'\r\n", false, 0s},
      {"-ERR 'Loop detected for leafnode account=\"$G\". Delaying attempt to reconnect for "
       "30s'\r\n",
       true, 30s},
      {"-ERR 'remote leafnode has same cluster name'\r\n", false, 30s},
      {"-ERR 'connection rejected since minimum version required is \"2.99.0\"'\r\n", false, 5s},
      {"-ERR 'Permissions Violation for Subscription to \"x\"'\r\n", false, 30s},
      {"-ERR 'Duplicate Remote LeafNode Connection'\r\n", false, 0s},
  };
  for (const Case& each : cases) {
    CAPTURE(each.error);
    Bench bench;
    bench.establish();
    CHECK((bench.feed(each.error) != "") == each.ends);
    bench.close();
    CHECK(bench.owner.wait == each.wait);
  }
}

// A message of max_payload in base64, or 256 streams, as a hub's JetStream gives them.
TEST_CASE("soliciting: an answer to the mirror may be larger than what anybody may publish") {
  struct Case {
    const char* subject;
    std::size_t bytes;
    bool ends;
  };
  const Case cases[] = {
      {"_PETIOLE.leaf.q0-1-x", 1'400'000, false},
      {"_PETIOLE.leaf.q0-1-x", 16 << 20, false},
      {"_PETIOLE.leaf.q0-1-x", (16 << 20) + 1, true},
      {"foo", 1'048'576, false},
      {"foo", 1'048'577, true},
  };
  for (const Case& each : cases) {
    CAPTURE(each.subject);
    CAPTURE(each.bytes);
    Bench bench;
    bench.establish();
    const std::string line =
        "LMSG " + std::string(each.subject) + " " + std::to_string(each.bytes) + "\r\n";
    CHECK(bench.feed(line) == (each.ends ? "Maximum Payload Violation" : ""));  // Not waited for.
    if (!each.ends) CHECK(bench.feed(line + std::string(each.bytes, 'x') + "\r\n").empty());
    CHECK((bench.wire.take() == "-ERR 'Maximum Payload Violation'\r\n") == each.ends);
  }
}

}  // namespace
}  // namespace petiole::test
