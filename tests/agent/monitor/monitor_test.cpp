#include "agent/monitor/monitor.h"

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "agent/monitor/certificate_ends.h"
#include "agent/monitor/text.h"
#include "platform/files.h"
#include "tests/agent/routing/peers.h"
#include "tests/support/sim.h"
#include "tests/support/sim_network.h"

namespace petiole {
namespace {

struct Session : Reportable {
  void shut_down(const char*) override {}
  ConnectionReport data;
  ConnectionReport report(bool) const override { return data; }
};

struct Bench {
  test::SimClock clock;
  test::SimLoop loop{clock};
  test::SimEntropy entropy{1};
  test::SimLog log;
  test::SimWorker worker{loop, [] { return Duration::zero(); }};
  ChunkPool chunks;
  test::SimNetwork network{loop, chunks, 1};
  Host host{loop, clock, network.host("a"), entropy, log, worker, chunks};
  Config config;
  std::unique_ptr<Server> server;
  Session client, leaf;
  std::vector<RemoteReport> links;
  std::optional<MirrorReport> mirror;
  std::unique_ptr<Monitor> monitor;

  explicit Bench(Config with = {}) : config(std::move(with)) {
    server = std::make_unique<Server>(config, host);
    client.data.cid = 1;
    client.data.type = "nats";
    client.data.ip = "127.0.0.1";
    client.data.start = client.data.last_activity = clock.wall();
    client.data.rtt = 226us;
    client.data.name = client.data.lang = client.data.version = "x";
    client.data.user = "app";
    client.data.account = "$G";
    leaf.data = client.data;
    leaf.data.cid = 2;
    leaf.data.kind = PeerKind::kLeaf;
    server->enter(1, client);
    server->enter(2, leaf);
    server->count_client(1);
    ConnectionReport gone = client.data;
    gone.cid = 3;
    gone.stop = clock.wall();
    gone.reason = "Client Closed";
    server->leave(3, gone);
    monitor = std::make_unique<Monitor>([this] {
      MonitorInput input{.server = *server, .links = links, .mirror = mirror};
      input.process = {1 << 20, 1.5, 2};
      input.client_port = 4222;
      input.monitor_port = 8222;
      input.now = clock.now();
      input.wall = clock.wall();
      return input;
    });
  }

  HttpResponse get(std::string path, std::vector<std::pair<std::string, std::string>> query = {}) {
    return monitor->answer({"GET", std::move(path), std::move(query)});
  }
  json::object body(std::string path, std::vector<std::pair<std::string, std::string>> query = {}) {
    return parse_json(get(std::move(path), std::move(query)).body)->get_object();
  }
};

// Field lists of a running server, one object a line.
std::map<std::string, std::vector<std::string>> recorded(const std::string& file) {
  std::ifstream in(PETIOLE_TEST_DATA "/monitor/" + file);
  std::map<std::string, std::vector<std::string>> result;
  for (std::string line; std::getline(in, line);) {
    std::stringstream words(line.substr(line.find(':') + 1));
    for (std::string word; words >> word;) result[line.substr(0, line.find(':'))].push_back(word);
  }
  return result;
}

// Of `wanted`, those that petiole has no meaning for.
const std::set<std::string> kLeftOut = {
    "in_client_msgs", "in_client_bytes",    "out_client_msgs",          "out_client_bytes",
    "auth_required",  "feature_flags",      "system_account",           "disk_io_wait_stats",
    "imports",        "subscriptions_list", "subscriptions_list_detail"};

void compare(const json::object& object, const std::vector<std::string>& wanted) {
  std::vector<std::string> expected, order;
  for (const std::string& key : wanted) {
    if (!kLeftOut.contains(key)) expected.push_back(key);
  }
  const std::set<std::string> known(expected.begin(), expected.end());
  for (const auto& member : object) {
    if (known.contains(std::string(member.key()))) order.emplace_back(member.key());
  }
  CHECK(order == expected);
}

RemoteReport link(std::string state, Time down_since) {
  RemoteReport report;
  report.url = "tls://hub:7422";
  report.state = std::move(state);
  report.down_since = down_since;
  report.last_error = "connection refused";
  return report;
}

}  // namespace

TEST_CASE("monitor: the fields of nats-server 2.15.2, in its order") {
  Bench bench;
  auto wanted = recorded("nats-server-2.15.2.keys");
  REQUIRE(wanted.size() > 10);
  compare(bench.body("/varz"), wanted["varz"]);
  const json::object connz = bench.body("/connz", {{"auth", "1"}});
  compare(connz, wanted["connz"]);
  auto leaf_fields = wanted["connz.connections[]"];
  compare(connz.at("connections").at(1).get_object(), leaf_fields);
  compare(bench.body("/connz", {{"state", "closed"}, {"auth", "1"}})
              .at("connections")
              .at(0)
              .get_object(),
          wanted["connz.closed[]"]);
  compare(bench.body("/leafz"), wanted["leafz"]);
  compare(bench.body("/leafz").at("leafs").at(0).get_object(), wanted["leafz.leafs[]"]);
  compare(bench.body("/subsz"), wanted["subsz"]);
  compare(bench.body("/accstatz"), wanted["accstatz"]);
  compare(bench.body("/accstatz").at("account_statz").at(0).get_object(),
          wanted["accstatz.account_statz[]"]);
  compare(bench.body("/accountz", {{"acc", "$G"}}).at("account_detail").get_object(),
          wanted["accountz.account_detail"]);
}

TEST_CASE("monitor: no field of nats-server 2.9.10 is missing") {
  Bench bench;
  auto wanted = recorded("nats-server-2.9.10.keys");
  const json::object varz = bench.body("/varz");
  for (const std::string& key : wanted["varz"]) {
    CAPTURE(key);
    CHECK((varz.contains(key) || kLeftOut.contains(key)));
  }
}

TEST_CASE("monitor: /subsz lists what clients want, as nats-server does, and counts all") {
  Bench bench;
  test::Peer here, hub(PeerKind::kLeaf);
  Account& account = *bench.server->accounts().at("$G");
  Subscription* const ours = make_subscription(here, "a.b", {}, "1");
  Subscription* const theirs = make_subscription(hub, "a.*", {}, "a.*");
  account.add(*ours);
  account.add(*theirs);
  const json::object body = bench.body("/subsz", {{"subs", "1"}});
  CHECK(body.at("num_subscriptions").as_int64() == 2);
  CHECK(body.at("total").as_int64() == 1);
  const json::array& listed = body.at("subscriptions_list").as_array();
  REQUIRE(listed.size() == 1);
  CHECK(get_string(listed[0].get_object(), "subject") == "a.b");
  account.retire(ours);
  account.retire(theirs);
}

// A box that boots in 1970 learns the year later.
TEST_CASE("monitor: a clock that is set makes nobody older") {
  Bench bench;
  bench.clock.move_to(bench.clock.now() + 90s);
  bench.clock.set_wall_offset(std::chrono::hours(24 * 365 * 99));
  CHECK(get_string(bench.body("/varz"), "uptime") == "1m30s");
  CHECK(bench.get("/metrics").body.find("petiole_uptime_seconds 90\n") != std::string::npos);
}

TEST_CASE("monitor: bad queries are answered as nats-server does") {
  Bench bench;
  CHECK(bench.get("/connz", {{"sort", "foo"}}).body == "invalid sorting option: foo");
  CHECK(bench.get("/connz", {{"sort", "stop"}}).status == 400);
  CHECK(bench.get("/connz", {{"state", "foo"}}).body == "Error decoding state for foo");
  CHECK(bench.get("/connz", {{"offset", "x"}}).body ==
        "Error decoding int for 'offset': strconv.Atoi: parsing \"x\": invalid syntax");
  CHECK(bench.get("/leafz", {{"subs", "x"}}).status == 400);
  CHECK(bench.get("/subsz", {{"test", "a.*"}}).status == 400);
  CHECK(bench.get("/accountz", {{"acc", "X"}}).body == "Account X does not exist");
  CHECK(bench.get("/nope").status == 404);
}

TEST_CASE("monitor: connz filters and pages") {
  Bench bench;
  CHECK(bench.body("/connz").at("total") == 2);
  CHECK(bench.body("/connz", {{"state", "any"}}).at("total") == 3);
  CHECK(bench.body("/connz", {{"cid", "2"}}).at("num_connections") == 1);
  const json::object nobody = bench.body("/connz", {{"user", "nobody"}});
  CHECK(nobody.at("num_connections") == 0);
  CHECK(nobody.at("total") == 0);  // As nats-server: of those that are asked for, on all pages.
  CHECK(bench.body("/connz", {{"cid", "2"}, {"state", "any"}}).at("total") == 1);
  CHECK(bench.body("/connz", {{"limit", "1"}, {"state", "any"}}).at("total") == 3);
  CHECK(bench.body("/connz", {{"offset", "1"}, {"limit", "1"}}).at("connections").at(0).at("cid") ==
        2);
  CHECK(bench.body("/connz", {{"offset", "99"}}).at("num_connections") == 0);
}

TEST_CASE("monitor: connz puts the youngest connection and the last one closed first") {
  Bench bench;
  bench.client.data.uptime = 9s;
  bench.leaf.data.uptime = 2s;
  CHECK(bench.body("/connz", {{"sort", "uptime"}}).at("connections").at(0).at("cid") == 2);
  ConnectionReport later = bench.client.data;
  later.cid = 4;
  later.stop = bench.clock.wall() + 1s;
  bench.server->leave(4, later);
  const json::object closed = bench.body("/connz", {{"sort", "stop"}, {"state", "closed"}});
  CHECK(closed.at("connections").at(0).at("cid") == 4);
}

TEST_CASE("monitor: health is red when a link has been down for longer than the grace") {
  Bench bench;
  CHECK(bench.get("/healthz").body == R"({"status":"ok"})");
  bench.links.push_back(link("dialling", bench.clock.now()));
  bench.clock.move_to(bench.clock.now() + 60s);
  CHECK(bench.get("/healthz", {{"js-enabled-only", "true"}}).status == 200);
  bench.clock.move_to(bench.clock.now() + 1s);
  const HttpResponse red = bench.get("/healthz", {{"js-server-only", "1"}});
  CHECK(red.status == 503);
  CHECK(red.body == R"({"status":"unavailable","error":"link to tls://hub:7422 is down for 1m1s: )"
                    R"(connection refused"})");
  CHECK(bench.get("/healthz", {{"details", "1"}}).body.find("\"errors\":[{\"type\":\"LINK\"") !=
        std::string::npos);
  bench.links[0].state = "up";
  CHECK(bench.get("/healthz").status == 200);
  CHECK(bench.get("/healthz", {{"stream", "s"}}).status == 400);
  CHECK(bench.get("/healthz", {{"details", "x"}}).status == 400);
  bench.mirror.emplace().state = "storage failed";
  CHECK(bench.get("/healthz").status == 503);
  bench.mirror->state = "disk hangs";
  CHECK(bench.get("/healthz").body.find("does not answer") != std::string::npos);
  bench.mirror->state = "offline";
  RuleReport rule;
  rule.subjects = {"a.>"};
  rule.refusing = "at its limit, discard: new";
  bench.mirror->rules.push_back(rule);
  CHECK(bench.get("/healthz").body.find("the mirror refuses a.>: at its limit") !=
        std::string::npos);
  bench.mirror->rules[0].refusing.clear();  // There is room again.
  CHECK(bench.get("/healthz").status == 200);
}

TEST_CASE("monitor: links, mirror and metrics") {
  Bench bench;
  bench.links.push_back(link("up", kNever));
  bench.links[0].in.data = 7;
  bench.links[0].in.wire = 5;
  RuleReport rule;
  rule.subjects = {"a.>", "b"};
  rule.refusing = "the store is full";
  rule.hub_refuses = "maximum messages exceeded";
  rule.messages = 100;
  rule.drain_rate = 50;
  rule.losses.age = 3;
  bench.mirror.emplace().rules.push_back(rule);
  CHECK(bench.body("/linkz").at("links").at(0).at("in_bytes").at("total") == 7);
  CHECK(bench.body("/linkz").at("links").at(0).at("in_bytes").at("wire") == 5);
  CHECK(bench.body("/mirrorz").at("rules").at(0).at("time_to_drained") == 2);
  CHECK(bench.body("/mirrorz").at("losses").at("age") == 3);
  CHECK(bench.body("/mirrorz").at("rules").at(0).at("hub_refuses") == "maximum messages exceeded");
  const std::string metrics = bench.get("/metrics").body;
  for (const char* const line :
       {"link_wire_bytes_total{remote=\"0\",direction=\"in\"} 5", "link_up{remote=\"0\"} 1",
        "mirror_lost_total{rule=\"0\",cause=\"age\"} 3",
        "mirror_rule_info{rule=\"0\",subjects=\"a.> b\",account=\"\"} 1",
        "mirror_refusing{rule=\"0\"} 1", "mirror_hub_refuses{rule=\"0\"} 1",
        "mirror_storage_failed 0",
        "link_info{remote=\"0\",url=\"tls://hub:7422\",account=\"\"} 1"}) {
    INFO(line);
    CHECK(metrics.find("\npetiole_" + std::string(line) + "\n") != std::string::npos);
  }
  CHECK(bench.get("/").content_type.starts_with("text/html"));
}

TEST_CASE("monitor: http_base_path") {
  Config config;
  config.monitor.base_path = "/nats";
  Bench bench(config);
  CHECK(bench.get("/nats/varz").status == 200);
  CHECK(bench.get("/varz").status == 404);
}

TEST_CASE("monitor: Go's texts") {
  CHECK(go_duration(226us) == "226\xC2\xB5s");
  CHECK(go_duration(1896412ns) == "1.896412ms");
  CHECK(go_duration(90s) == "1m30s");
  CHECK(go_duration(1h) == "1h0m0s");
  CHECK(uptime_text(26h) == "1d2h0m0s");
  CHECK(go_time(WallTime(1500ms)) == "1970-01-01T00:00:01.5Z");
}

TEST_CASE("monitor: a certificate's file is read again when it has changed, not before") {
  using std::chrono::seconds;
  const std::string path = "certificate_ends.tmp";
  int read = 0;
  CertificateEnds ends(
      [&read](const std::string&) { return std::optional(WallTime(seconds(++read))); });
  const auto end = [&] { return ends.of(path)->time_since_epoch(); };
  REQUIRE(write_file(path, "one").ok());
  for (int i = 0; i < 3; ++i) CHECK(end() == seconds(1));
  REQUIRE(write_file(path, "other").ok());
  for (int i = 0; i < 3; ++i) CHECK(end() == seconds(2));
  remove_file(path);
  for (int i = 0; i < 3; ++i) CHECK(end() == seconds(3));
}

}  // namespace petiole
