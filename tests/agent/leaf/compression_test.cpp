// What two ends of a leaf link make of compression, against byte strings.
// Rules: wire/client-and-leaf.md section 3.6.
#include "tests/agent/leaf/session_bench.h"

namespace petiole::test {
namespace {

using Mode = CompressionMode;

TEST_CASE("compression: what both ends want") {
  struct Case {
    const char* ours;
    const char* theirs;
    const char* made;  // Null: refused.
  };
  const Case cases[] = {
      {"s2_auto", "", "off"},
      {"s2_auto", "not supported", "off"},
      {"s2_auto", "off", "off"},
      {"off", "s2_auto", "off"},
      {"s2_auto", "s2_auto", "s2_auto"},
      {"s2_fast", "s2_auto", "s2_fast"},
      {"s2_auto", "s2_best", "s2_auto"},
      {"accept", "accept", "off"},
      {"accept", "s2_auto", "s2_fast"},
      {"accept", "s2_better", "s2_better"},
      {"s2_fast", "accept", "s2_fast"},
      {"s2_auto", "zstd", nullptr},
  };
  for (const Case& each : cases) {
    CAPTURE(each.ours);
    CAPTURE(each.theirs);
    const auto made = select_compression(compression_mode(each.ours).value(), each.theirs);
    CHECK(made.ok() == (each.made != nullptr));
    if (made.ok()) CHECK(name_of(*made) == each.made);
  }
}

TEST_CASE("compression: by the round trip") {
  struct Case {
    std::vector<std::chrono::nanoseconds> thresholds;
    std::chrono::nanoseconds round_trip;
    Mode mode;
  };
  const std::vector<std::chrono::nanoseconds> usual = CompressionConfig().thresholds;
  const Case cases[] = {
      {usual, 0ms, Mode::kUncompressed},
      {usual, 10ms, Mode::kUncompressed},
      {usual, 11ms, Mode::kFast},
      {usual, 51ms, Mode::kBetter},
      {usual, 600ms, Mode::kBest},
      {{0ms, 0ms, 20ms}, 5ms, Mode::kBetter},
      {{0ms, 0ms, 20ms}, 50ms, Mode::kBest},
      {{10ms, 20ms}, 50ms, Mode::kFast},  // The last one that there is.
      {{10ms}, 50ms, Mode::kUncompressed},
      {{10ms, 20ms, 30ms, 40ms}, 35ms, Mode::kBest},
      {{10ms, 20ms, 30ms, 40ms}, 50ms, Mode::kBest},
  };
  for (const Case& each : cases) {
    CAPTURE(each.round_trip.count());
    CHECK(compression_for(each.round_trip, each.thresholds) == each.mode);
  }
}

std::string offering(const char* mode) {
  return info(std::string(R"("compression":")") + mode +
              R"(","info_on_connect":true,"nonce":"nonce-text-1234",)");
}

Config wanting(Mode mode) {
  Config config = dialling("hub");
  config.remotes[0].compression.mode = mode;
  return config;
}

TEST_CASE("soliciting: compression, where both want it, comes before CONNECT") {
  struct Case {
    const char* what;
    Mode ours;
    const char* theirs;
    Duration way;      // Until INFO comes.
    const char* told;  // In our INFO; null: CONNECT follows at once.
    CompressionLevel level;
  };
  constexpr auto kPacked = CompressionLevel::kPacked;
  const Case cases[] = {
      {"a short way", Mode::kAuto, "s2_auto", 2ms, nullptr, kPacked},
      {"a long way", Mode::kAuto, "s2_auto", 60ms, "s2_auto", kPacked},
      {"a short way, but the hub packs", Mode::kAuto, "s2_best", 2ms, "s2_auto",
       CompressionLevel::kRaw},
      {"always", Mode::kBetter, "s2_auto", 2ms, "s2_better", kPacked},
      {"as the hub wants", Mode::kAccept, "s2_fast", 2ms, "s2_fast", kPacked},
      {"framed only", Mode::kUncompressed, "s2_auto", 60ms, "s2_uncompressed",
       CompressionLevel::kRaw},
      {"not by us", Mode::kOff, "s2_auto", 60ms, nullptr, kPacked},
      {"not by the hub", Mode::kFast, "off", 60ms, nullptr, kPacked},
      {"an unknown one", Mode::kFast, "zstd", 60ms, nullptr, kPacked},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    Bench bench(wanting(each.ours));
    bench.solicit();
    bench.world.loop.run_for(each.way);
    CHECK(bench.feed(offering(each.theirs)) == "");
    const std::string said = bench.wire.take();
    CHECK(bench.wire.compression.has_value() == (each.told != nullptr));
    if (!each.told) {
      CHECK(said.starts_with("CONNECT {"));
      CHECK(said.find(R"("compress_mode":"off")") != said.npos);  // So that a reload is followed.
      CHECK(bench.session->report(false).compression == "off");
      continue;
    }
    CHECK(said.starts_with("INFO {"));
    CHECK(said.find(std::string(R"("compression":")") + each.told + "\"") != said.npos);
    CHECK(said.find("CONNECT") == said.npos);
    CHECK(bench.wire.compression->level == each.level);
    CHECK(bench.feed(offering(each.theirs)) == "");
    const std::string connect = bench.wire.take();
    CHECK(connect.starts_with("CONNECT {"));
    CHECK(connect.find("\"compress_mode\":\"s2_") != connect.npos);
    CHECK(bench.feed(kConnectInfo) == "");
    CHECK(bench.owner.established == 1);
    CHECK(bench.session->report(false).compression.starts_with("s2_"));
  }
}

TEST_CASE("compression: not over WebSocket") {
  Bench edge(wanting(Mode::kFast));
  edge.wire.info.websocket = true;
  edge.solicit();
  CHECK(edge.feed(offering("s2_auto")) == "");
  CHECK(edge.wire.take().starts_with("CONNECT {"));

  Config config;
  config.leaf_listen.compression.mode = Mode::kFast;
  Bench hub(config);
  hub.wire.info.websocket = true;
  hub.accept();
  CHECK(hub.wire.take().find("compression") == std::string::npos);
  CHECK(hub.feed("INFO {\"compression\":\"s2_fast\"}\r\n") == "");
  CHECK_FALSE(hub.wire.compression);
}

TEST_CASE("soliciting: behind a TLS upgrade our INFO waits for it") {
  Config config = wanting(Mode::kFast);
  config.remotes[0].tls.emplace();
  Bench bench(config);
  bench.options.tls_wanted = true;
  bench.solicit();
  CHECK(bench.feed(
            info(R"("tls_required":true,"compression":"s2_auto","info_on_connect":true,)")) == "");
  CHECK(bench.wire.tls);
  CHECK(bench.wire.take() == "");
  CHECK_FALSE(bench.wire.compression);
  REQUIRE(bench.session->receive({}, bench.now()).ok());  // The handshake is done.
  CHECK(bench.wire.take().starts_with("INFO {"));
  CHECK(bench.wire.compression);
  CHECK(bench.feed(
            info(R"("tls_required":true,"compression":"s2_auto","info_on_connect":true,)")) == "");
  CHECK(bench.wire.take().starts_with("CONNECT {"));
}

TEST_CASE("soliciting: a hub that falls silent amid the agreement is given up") {
  Bench bench(wanting(Mode::kFast));
  bench.solicit();
  CHECK(bench.feed(offering("s2_auto")) == "");
  CHECK(bench.tick_after(20s) == "no INFO from the hub in time");
}

TEST_CASE("soliciting: the level follows the round trip") {
  Bench bench(wanting(Mode::kAuto));
  bench.solicit();
  bench.world.loop.run_for(60ms);
  bench.feed(offering("s2_auto"));
  bench.feed(offering("s2_auto"));
  bench.feed(kConnectInfo);
  CHECK(bench.session->report(false).compression == "s2_better");
  bench.world.loop.run_for(5ms);
  bench.feed("PONG\r\n");
  CHECK(bench.session->report(false).compression == "s2_uncompressed");
  CHECK(bench.wire.compression->level == CompressionLevel::kRaw);
}

Config listening(Mode mode) {
  Config config;
  config.server_name = "hub";
  config.leaf_listen.compression.mode = mode;
  return config;
}

std::string asking(const char* mode) {
  return std::string(R"(INFO {"server_id":"N2","client_id":9,"compression":")") + mode + "\"}\r\n";
}
constexpr const char* kLogin = "CONNECT {\"name\":\"edge\",\"version\":\"2.10.0\"}\r\n";

TEST_CASE("accepting: who asks for compression gets it, and INFO once more") {
  Bench bench(listening(Mode::kAuto));
  bench.accept();
  CHECK(bench.wire.take().find(R"("compression":"s2_auto")") != std::string::npos);
  bench.world.loop.run_for(60ms);
  CHECK(bench.feed(asking("s2_auto")) == "");
  REQUIRE(bench.wire.compression);
  CHECK(bench.wire.compression->level == CompressionLevel::kPacked);
  CHECK(bench.wire.compression->block_bytes_max == 65536);  // Of somebody who is not known.
  const std::string again = bench.wire.take();
  CHECK(again.starts_with("INFO {"));
  for (const char* field : {"\"nonce\":\"", "\"client_id\":", "\"leafnode_urls\":",
                            "\"info_on_connect\":true", R"("compression":"s2_auto")"}) {
    CAPTURE(field);
    CHECK(again.find(field) != again.npos);
  }
  CHECK(bench.feed(kLogin) == "");
  CHECK(bench.session->established());
  CHECK(bench.wire.take().find("\"compression\"") == std::string::npos);
  CHECK(bench.session->report(false).compression == "s2_better");
  CHECK(bench.wire.compression->block_bytes_max == 4 << 20);
}

TEST_CASE("accepting: who does not ask goes without") {
  for (const char* theirs : {"off", "not supported", ""}) {
    CAPTURE(theirs);
    Bench bench(listening(Mode::kFast));
    bench.accept();
    bench.wire.take();
    CHECK(bench.feed(asking(theirs)) == "");
    CHECK_FALSE(bench.wire.compression);
    CHECK(bench.wire.take() == "");
    CHECK(bench.feed(kLogin) == "");
    CHECK(bench.session->report(false).compression == "off");
  }
}

TEST_CASE("accepting: what was not offered, or comes late, is not done") {
  Bench off(listening(Mode::kOff));
  off.accept();
  CHECK(off.wire.take().find(R"("compression":"off")") != std::string::npos);  // As nats-server.
  CHECK(off.feed(asking("s2_fast")) == "");
  CHECK_FALSE(off.wire.compression);

  Bench late(listening(Mode::kFast));
  late.accept();
  CHECK(late.feed(kLogin) == "");
  CHECK(late.feed(asking("s2_fast")) == "");
  CHECK_FALSE(late.wire.compression);

  Bench unknown(listening(Mode::kFast));
  unknown.accept();
  CHECK(unknown.feed(asking("zstd")) == "unsupported compression mode");
}

// nats-server reload.go, leafNodeOption.Apply.
TEST_CASE("accepting: a reload changes a link's compression, or has it made anew") {
  struct Case {
    const char* what;
    Mode before, after;
    const char* asks;  // Null: the peer is of 2.9 and knows nothing of it.
    bool closed;
    const char* mode;
  };
  const Case cases[] = {
      {"another level", Mode::kFast, Mode::kBest, "s2_fast", false, "s2_best"},
      {"by the round trip", Mode::kBest, Mode::kAuto, "s2_fast", false, "s2_fast"},
      {"the same", Mode::kFast, Mode::kFast, "s2_fast", false, "s2_fast"},
      {"no more", Mode::kFast, Mode::kOff, "s2_fast", true, ""},
      {"as the peer wants", Mode::kFast, Mode::kAccept, "s2_fast", true, ""},
      {"from now on", Mode::kOff, Mode::kFast, "off", true, ""},
      {"an old peer", Mode::kOff, Mode::kFast, nullptr, false, "off"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    Bench bench(listening(each.before));
    bench.accept();
    const std::string_view asks = each.asks ? each.asks : "";
    if (asks.starts_with("s2")) CHECK(bench.feed(asking(each.asks)) == "");
    const std::string more =
        each.asks ? std::string(R"(,"compress_mode":")") + each.asks + '"' : "";
    CHECK(bench.feed("CONNECT {\"name\":\"edge\"" + more + "}\r\n") == "");
    REQUIRE(bench.session->established());
    CHECK(bench.tick_after(1s) == "");  // Its PING.
    bench.world.loop.run_for(30ms);
    CHECK(bench.feed("PONG\r\n") == "");
    bench.wire.take();
    Config config = bench.config();
    config.leaf_listen.compression.mode = each.after;
    bench.node.server().replace(config);
    CHECK(bench.wire.closed == each.closed);
    CHECK(bench.wire.take().find("-ERR") == std::string::npos);
    if (!each.closed) CHECK(bench.session->report(false).compression == each.mode);
  }
}

}  // namespace
}  // namespace petiole::test
