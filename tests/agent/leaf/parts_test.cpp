// The small parts of a leaf link, each alone.
#include <doctest/doctest.h>

#include <algorithm>

#include "agent/leaf/creds.h"
#include "agent/leaf/heartbeat.h"
#include "agent/leaf/permissions.h"
#include "agent/leaf/reconnect.h"
#include "agent/leaf/request_info.h"
#include "agent/leaf/urls.h"
#include "tests/support/sim.h"

namespace petiole {
namespace {

using namespace std::chrono_literals;

// Made with the reference's own library from the bytes 0 to 31.
constexpr const char* kSeed = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";
constexpr const char* kPublic = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";
constexpr const char* kSignature =
    "mZCkcVWiiV-rU4pCyElwT6Q3HTuNX4Sz5TYxYv-c1vHBVHLRD4M7RnCxieNBiw1hsGomeXpXnPw8rhXnRUa2BQ";

TEST_CASE("nkey: a seed signs a nonce as the reference does") {
  const Result<NkeySeed> seed = decode_nkey_seed(kSeed);
  REQUIRE(seed.ok());
  const Result<NkeyProof> proof = sign_nonce(*seed, "nonce-text-1234");
  if (!proof.ok()) {
    CHECK(proof.code() == Errc::kUnsupported);  // A build without PETIOLE_TLS.
    return;
  }
  CHECK(proof->public_key == kPublic);
  CHECK(proof->signature == kSignature);
}

TEST_CASE("nkey: any changed letter is noticed") {
  for (std::size_t i = 0; i < std::string_view(kSeed).size(); ++i) {
    std::string text = kSeed;
    text[i] = text[i] == 'A' ? 'B' : 'A';
    // The last letter holds two bits that mean nothing.
    if (i + 1 < text.size()) CHECK_FALSE(decode_nkey_seed(text).ok());
  }
  CHECK_FALSE(decode_nkey_seed("").ok());
  CHECK_FALSE(decode_nkey_seed(kPublic).ok());
}

TEST_CASE("creds: both blocks are found, and what is missing is said") {
  const std::string jwt =
      "-----BEGIN NATS USER JWT-----\neyJ0.eyJq.c2ln\n------END NATS USER JWT------\n";
  const std::string key = std::string("-----BEGIN USER NKEY SEED-----\r\n") + kSeed +
                          "\r\n------END USER NKEY SEED------\r\n";
  const Result<Creds> creds = parse_creds(jwt + "\n*** IMPORTANT ***\nkeep it secret\n\n" + key);
  REQUIRE(creds.ok());
  CHECK(creds->jwt == "eyJ0.eyJq.c2ln");
  CHECK(creds->seed.bytes[31] == 31);
  CHECK(parse_creds("").status().text() == "no user JWT between --- lines");
  CHECK(parse_creds(jwt).status().text() == "no nkey seed between --- lines");
  CHECK_FALSE(parse_creds(jwt + jwt).ok());
}

TEST_CASE("heartbeat: silence is asked twice, then it is the end; any byte starts over") {
  Time now{1000s};
  Heartbeat heartbeat(5s, 2);
  using Action = Heartbeat::Action;
  CHECK(heartbeat.deadline() == kNever);
  heartbeat.start(now);
  CHECK(heartbeat.tick(now += 4s) == Action::kNone);
  CHECK(heartbeat.tick(now += 1s) == Action::kPing);
  heartbeat.heard(now += 1s);
  CHECK(heartbeat.unanswered() == 0);
  CHECK(heartbeat.tick(now += 4s) == Action::kNone);
  CHECK(heartbeat.tick(now += 1s) == Action::kPing);
  CHECK(heartbeat.tick(now += 5s) == Action::kPing);
  CHECK(heartbeat.unanswered() == 2);
  CHECK(heartbeat.tick(now += 5s) == Action::kGiveUp);
}

TEST_CASE("heartbeat: after a sleep the peer is asked before it is given up") {
  Time now{1000s};
  Heartbeat heartbeat(5s, 2);
  heartbeat.start(now);
  CHECK(heartbeat.tick(now += 3600s) == Heartbeat::Action::kPing);
  CHECK(heartbeat.tick(now += 5s) == Heartbeat::Action::kPing);
  CHECK(heartbeat.tick(now += 5s) == Heartbeat::Action::kGiveUp);
}

TEST_CASE("heartbeat: a probe asks at once") {
  const Time now{1000s};
  Heartbeat heartbeat(5s, 2);
  heartbeat.start(now);
  heartbeat.probe(now + 1s);
  CHECK(heartbeat.deadline() == now + 1s);
  CHECK(heartbeat.tick(now + 1s) == Heartbeat::Action::kPing);
}

TEST_CASE("reconnect: waits grow to the cap, stay within it and are spread") {
  test::SimEntropy entropy(11);
  const LinkLimits limits;
  Duration longest{}, shortest_late = Duration::max();
  for (int run = 0; run < 300; ++run) {
    Reconnect reconnect(limits, entropy);
    Duration previous = limits.reconnect_min;
    for (int i = 0; i < 20; ++i) {
      const Duration wait = reconnect.failed(true);
      REQUIRE(wait >= limits.reconnect_min);
      REQUIRE(wait <= std::min<Duration>(limits.reconnect_max, previous * 3));
      previous = std::max(wait, limits.reconnect_min);
      longest = std::max(longest, wait);
      if (i > 10) shortest_late = std::min(shortest_late, wait);
    }
    CHECK(reconnect.attempt() == 20);
  }
  CHECK(longest == limits.reconnect_max);
  CHECK(shortest_late < 10s);  // Decorrelated: ten thousand leafs do not gather at the cap.
}

TEST_CASE("reconnect: within a round of URLs waits are short; a stable link starts over") {
  test::SimEntropy entropy(12);
  const LinkLimits limits;
  Reconnect reconnect(limits, entropy);
  for (int i = 0; i < 50; ++i) CHECK(reconnect.failed(false) <= limits.reconnect_min);
  for (int i = 0; i < 20; ++i) (void)reconnect.failed(true);
  CHECK(reconnect.lost(limits.stable_after) <= 3 * limits.reconnect_min);
  CHECK(reconnect.attempt() == 1);
  for (int i = 0; i < 20; ++i) (void)reconnect.lost(1s);
  CHECK(reconnect.attempt() == 21);
}

TEST_CASE("reconnect: what the hub's answer calls for is kept once, and spread") {
  test::SimEntropy entropy(13);
  Reconnect reconnect(LinkLimits{}, entropy);
  reconnect.at_least(30s);
  const Duration wait = reconnect.lost(1s);
  CHECK(wait >= 30s);
  CHECK(wait <= 38s);
  CHECK(reconnect.lost(1s) < 30s);
}

using Lists = std::vector<std::string>;
SubjectPermissions make(std::optional<Lists> allow, Lists deny) {
  return {.allow = std::move(allow), .deny = std::move(deny)};
}

TEST_CASE("permissions: messages and interest") {
  struct Case {
    const char* what;
    SubjectPermissions permission;
    const char* subject;
    const char* queue;
    bool message, interest;
  };
  const Case cases[] = {
      {"all without lists", make({}, {}), "a.b", "", true, true},
      {"allowed by a wildcard", make({{"a.>"}}, {}), "a.b", "", true, true},
      {"not on the list", make({{"a.>"}}, {}), "b", "", false, false},
      {"an empty list allows nothing", make(Lists{}, {}), "a", "", false, false},
      {"denied", make({}, {"a.*"}), "a.b", "", false, false},
      {"deny wins", make({{"a.>"}}, {"a.b"}), "a.b", "", false, false},
      {"broader interest than denied passes", make({}, {"a.b"}), "a.*", "", true, true},
      {"broader interest than allowed passes", make({{"a.b"}}, {}), "a.>", "", false, true},
      {"other interest than allowed does not", make({{"a.b"}}, {}), "b.>", "", false, false},
      {"queue named: plain does not count", make({{"a q"}}, {}), "a", "", true, false},
      {"queue named: that queue", make({{"a q*"}}, {}), "a", "q*", true, true},
      {"queue named: another queue", make({{"a q"}}, {}), "a", "r", true, false},
      {"queue denied: plain passes", make({}, {"a q"}), "a", "", true, true},
      {"queue denied", make({}, {"a q"}), "a", "q", true, false},
      {"loop subjects are never checked", make(Lists{}, {}), "$LDS.x", "", false, true},
      {"gateway replies by what they carry", make({{"_INBOX.>"}}, {}),
       "_GR_.abcdef.ghijkl._INBOX.1", "", true, true},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    const SubjectFilter filter = compile(each.permission);
    CHECK(message_allowed(filter, each.subject) == each.message);
    CHECK(interest_allowed(filter, each.subject, each.queue) == each.interest);
  }
}

RemoteConfig with_hosts(std::vector<std::string> hosts) {
  RemoteConfig config;
  for (std::string& host : hosts) {
    config.urls.push_back({.host = std::move(host), .path = {}, .user = {}, .password = {}});
  }
  return config;
}

// What nats-server 2.15.3 makes of each, on its way into the account E.
TEST_CASE("request info: the account of the link, and all else as Go reads and writes it") {
  struct Case {
    std::string_view before, after;  // Empty: as it was.
  };
  const Case kCases[] = {
      {R"({"acc":"A","rtt":5})", R"({"acc":"E","rtt":5})"},
      {R"({"acc":"E","rtt":5})", ""},
      {R"({"rtt":5})", R"({"acc":"E","rtt":5})"},
      {R"({"ACC":"A","zz":1,"tags":["a","b"],"user":"<x>","id":7,"start":"2020-01-01T00:00:00Z"})",
       R"({"start":"2020-01-01T00:00:00Z","id":7,"acc":"E","user":"\u003cx\u003e","tags":["a","b"]})"},
      {R"({"reply":"r","client_id":"m","acc":"A","alts":[],"id":0,"name":"","svc":null})",
       R"({"acc":"E","client_id":"m","reply":"r"})"},
      {R"({"acc":"A","acc":"E"})", ""},
      {R"({"acc":"E","ACC":"A"})", R"({"acc":"E"})"},
      {"null", R"({"acc":"E"})"},
      {"{\"acc\":\"A\",\"name\":\"\xff\"}", R"({"acc":"E"})"},  // Go keeps the name.
      {R"({"acc":5})", ""},
      {R"({"acc":"A","id":"x"})", ""},
      {R"({"acc":"A","tags":[1]})", ""},
      {"[]", ""},
      {"nojson", ""},
      {"", ""},
  };
  for (const Case& each : kCases) {
    CAPTURE(std::string(each.before));
    const std::string header =
        "NATS/1.0\r\nNats-Request-Info: " + std::string(each.before) + "\r\nX: 1\r\n\r\n";
    std::string out;
    const std::string_view bound = bind_request_info(header, "E", out);
    if (each.after.empty()) {
      CHECK(bound == header);
    } else {
      CHECK(bound ==
            "NATS/1.0\r\nX: 1\r\nNats-Request-Info: " + std::string(each.after) + "\r\n\r\n");
    }
  }
  std::string out;
  CHECK(bind_request_info("", "E", out).empty());
  CHECK(bind_request_info("NATS/1.0\r\nX: 1\r\n\r\n", "E", out) == "NATS/1.0\r\nX: 1\r\n\r\n");
}

TEST_CASE("urls: all are tried in turn; the order is shuffled unless told not to be") {
  test::SimEntropy entropy(5);
  RemoteConfig config = with_hosts({"a", "b", "c", "d"});
  config.no_randomize = true;
  UrlList list(config, entropy);
  std::string order;
  for (int i = 0; i < 8; ++i) {
    order += list.current().host;
    CHECK(list.next() == (i % 4 == 3));
  }
  CHECK(order == "abcdabcd");
  config.no_randomize = false;
  int moved = 0;
  for (int i = 0; i < 50; ++i) moved += UrlList(config, entropy).current().host != "a";
  CHECK(moved > 20);
}

TEST_CASE("urls: discovered ones are used only when asked for, behind the configured ones") {
  test::SimEntropy entropy(5);
  RemoteConfig config = with_hosts({"a"});
  config.urls[0].user = "u";
  ServerInfo info;
  info.leafnode_urls = {"a:7422", "10.0.0.2:7423", "[::1]:7424", "bad", "x:99999"};
  UrlList ignoring(config, entropy);
  ignoring.discover(info);
  CHECK(ignoring.size() == 1);
  config.ignore_discovered_servers = false;
  UrlList list(config, entropy);
  list.discover(info);
  REQUIRE(list.size() == 3);
  CHECK(list.current().host == "a");
  list.next();
  CHECK(shown_url(list.current()) == "nats-leaf://10.0.0.2:7423");
  CHECK(list.current().user == "u");
  CHECK(list.tls_name(list.current()) == "a");
  list.next();
  CHECK(shown_url(list.current()) == "nats-leaf://[::1]:7424");
  list.discover(info);
  CHECK(list.current().host == "::1");
}

TEST_CASE("urls: hubs that tell of each other and refuse us end a round all the same") {
  test::SimEntropy entropy(5);
  RemoteConfig config = with_hosts({"a"});
  config.ignore_discovered_servers = false;
  ServerInfo info;
  info.leafnode_urls = {"a:7422", "b:7422", "c:7422"};
  UrlList list(config, entropy);
  int rounds = 0;
  for (int attempt = 0; attempt < 9; ++attempt) {
    list.discover(info);
    if (list.next()) ++rounds;
  }
  CHECK(rounds == 3);
}

TEST_CASE("urls: a proxy with and without a user") {
  RemoteConfig config;
  CHECK_FALSE(parse_proxy(config));
  config.proxy_url = "http://user:pa@ss@proxy:3128/";
  const auto proxy = parse_proxy(config);
  REQUIRE(proxy);
  CHECK(proxy->host == "proxy");
  CHECK(proxy->port == 3128);
  CHECK(proxy->user == "user");
  CHECK(proxy->password == "pa@ss");
  config.proxy_url = "http://proxy";
  CHECK_FALSE(parse_proxy(config));
}

}  // namespace
}  // namespace petiole
