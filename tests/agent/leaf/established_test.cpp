// An established leaf link, as a spoke, against byte strings.
// Rules: wire/client-and-leaf.md section 3.
#include "tests/agent/leaf/session_bench.h"

namespace petiole::test {
namespace {

TEST_CASE("established: verbs as a spoke") {
  struct Case {
    const char* what;
    const char* input;
    const char* ends;
    const char* output;
    std::vector<std::string> heard;  // By `foo.*`, and by `foo.*` in the queue q.
  };
  const Case cases[] = {
      {"PING is answered", "PING\r\n", "", "PONG\r\n", {}},
      {"a message reaches plain matches only", "LMSG foo.a 2\r\nhi\r\n", "", "", {"foo.a hi"}},
      {"with a reply", "LMSG foo.a r 2\r\nhi\r\n", "", "", {"foo.a r hi"}},
      {"queues named", "LMSG foo.a | q x 2\r\nhi\r\n", "", "", {"foo.a hi", "q foo.a hi"}},
      {"queues and reply", "LMSG foo.a + r q 2\r\nhi\r\n", "", "", {"foo.a r hi", "q foo.a r hi"}},
      {"headers",
       "HMSG foo.a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
       "",
       "",
       {"foo.a hi +NATS/1.0\r\n\r\n"}},
      {"what import forbids is dropped without a word", "LMSG $JS.API.INFO 0\r\n\r\n", "", "", {}},
      {"LS+ with two arguments ends it without a word",
       "LS+ foo q\r\n",
       "the peer broke the leaf protocol",
       "",
       {}},
      {"LS+ of what we may not send is ignored", "LS+ $KV.b.k\r\n", "", "", {}},
      {"an invalid subject is refused, the link stays",
       "LS+ a..b\r\n",
       "",
       "-ERR 'Invalid Subscription'\r\n",
       {}},
      {"CONNECT is out of place",
       "CONNECT {}\r\n",
       "Unknown Protocol Operation",
       "-ERR 'Unknown Protocol Operation'\r\n",
       {}},
      {"a client's verb",
       "PUB foo 2\r\nhi\r\n",
       "Unknown Protocol Operation",
       "-ERR 'Unknown Protocol Operation'\r\n",
       {}},
      {"too large",
       "LMSG foo 99999999\r\n",
       "Maximum Payload Violation",
       "-ERR 'Maximum Payload Violation'\r\n",
       {}},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    Bench bench;
    Ear plain(bench.node.account(), "foo.*"), queue(bench.node.account(), "foo.*", "q");
    bench.establish();
    CHECK(bench.feed(each.input) == each.ends);
    CHECK(bench.wire.take() == each.output);
    std::vector<std::string> heard = plain.heard;
    for (const std::string& line : queue.heard) heard.push_back("q " + line);
    CHECK(heard == each.heard);
  }
}

TEST_CASE("established: our own loop subject ends the link for a while") {
  Bench bench;
  bench.establish();
  const std::string subject = bench.node.links().loop_subject(bench.node.account());
  CHECK(bench.feed("LS+ " + subject + "\r\n") != "");
  CHECK(bench.wire.take() ==
        "-ERR 'Loop detected for leafnode account=\"$G\". Delaying attempt to reconnect for "
        "30s'\r\n");
  bench.close();
  CHECK(bench.owner.wait == 30s);
}

TEST_CASE("established: messages out, by the peer's interest and abilities") {
  struct Case {
    const char* interest;
    const char* info;
    const char* output;
  };
  const Case cases[] = {
      {"LS+ a\r\n", "", "HMSG a r 12 13\r\nNATS/1.0\r\n\r\nx\r\n"},
      {"LS+ *\r\nLS+ a\r\n", "", "HMSG a r 12 13\r\nNATS/1.0\r\n\r\nx\r\n"},
      {"LS+ a q 2\r\nLS+ > p 1\r\n", "", nullptr},
      {"LS+ b\r\n", "", ""},
      {"LS+ a\r\nLS- a\r\n", "", ""},
      {"LS+ a\r\n", "\"headers\":false,", "LMSG a r 1\r\nx\r\n"},
      {"LS+ a\r\n", "\"export\":{\"allow\":[\"b\"]},", ""},
      {"LS+ *\r\n", "\"export\":{\"deny\":[\"a\"]},", ""},
      {"LS+ a\r\n", "\"export\":{\"allow\":[\"a\"]},", "HMSG a r 12 13\r\nNATS/1.0\r\n\r\nx\r\n"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.interest);
    CAPTURE(each.info);
    Bench bench;
    bench.solicit();
    std::string first = kInfo;
    if (std::string_view(each.info).find("headers") != std::string_view::npos) {
      first.replace(first.find("\"headers\":true"), 14, "\"headers\":false");
    }
    const bool permissions = std::string_view(each.info).find("export") != std::string_view::npos;
    bench.feed(first +
               info(std::string("\"connect_info\":true,") + (permissions ? each.info : "")));
    bench.feed(each.interest);
    bench.wire.take();
    bench.node.publish("a", "x", "r", "NATS/1.0\r\n\r\n");
    const std::string output = bench.wire.take();
    if (each.output) {
      CHECK(output == each.output);
    } else {
      const bool merged = output == "HMSG a + r q p 12 13\r\nNATS/1.0\r\n\r\nx\r\n" ||
                          output == "HMSG a + r p q 12 13\r\nNATS/1.0\r\n\r\nx\r\n";
      CHECK(merged);
    }
  }
}

TEST_CASE("established: the mirror's mark is the first group") {
  Bench bench;
  bench.establish();
  bench.feed("LS+ a\r\nLS+ b q 1\r\n");
  bench.wire.take();
  bench.soliciting->publish_marked({"a", {}, {}, "x", {}}, {0xab, 7, MirrorMark::Kind::kNew});
  CHECK(bench.wire.take() == "LMSG a | _PM.ab.n7 1\r\nx\r\n");
  bench.soliciting->publish_marked({"b", "r", {}, "x", {}}, {0xab, 8, MirrorMark::Kind::kRepeat});
  CHECK(bench.wire.take() == "LMSG b + r _PM.ab.r8 q 1\r\nx\r\n");
}

TEST_CASE("established: interest of one turn is sent together at its end, ahead of messages") {
  Bench bench;
  bench.establish();
  bench.feed("LS+ req\r\n");
  bench.wire.take();
  Ear one(bench.node.account(), "x"), two(bench.node.account(), "y", "g");
  { Ear gone(bench.node.account(), "z"); }
  CHECK(bench.wire.take() == "");
  bench.node.publish("req", "?", "x");
  const std::string output = bench.wire.take();
  CHECK(output.find("z") == output.npos);
  CHECK(output.find("LS+ x\r\n") < output.find("LMSG req x 1\r\n?\r\n"));
  CHECK(output.find("LS+ y g 1\r\n") < output.find("LMSG"));
}

TEST_CASE("established: later INFOs replace the permissions, and interest follows") {
  Bench bench;
  Ear ear(bench.node.account(), "a");
  bench.establish();
  bench.feed(info("\"import\":{\"deny\":[\"a\"]},"));
  CHECK(bench.wire.take() == "LS- a\r\n");
  CHECK(bench.owner.lost == "> ");  // Of what is on its way the hub may have thrown away any.
  bench.feed(info("\"import\":{\"allow\":[\"a\"]},"));
  CHECK(bench.wire.take() == "LS+ a\r\n");
}

TEST_CASE("established: ping_interval and ping_max of leafnodes go before those of clients") {
  Config config = dialling("hub");
  config.link.heartbeat = config.link.ping_interval = 2s;
  config.link.heartbeats_missed_max = 1;
  Bench bench(config);
  bench.establish();
  SUBCASE("a silent hub") {
    bench.tick_after(1s);
    bench.feed("PONG\r\n");
    bench.wire.take();
    CHECK(bench.tick_after(2s) == "");
    CHECK(bench.wire.take() == "PING\r\n");
    CHECK(bench.tick_after(2s) == "ping time-out");
  }
  SUBCASE("one that always speaks") {
    int pings = 0;
    for (int i = 0; i < 13; ++i) {
      bench.feed("PING\r\n");
      bench.tick_after(500ms);
      if (bench.wire.take().find("PING\r\n") == std::string::npos) continue;
      bench.feed("PONG\r\n");
      ++pings;
    }
    CHECK(pings == 3);  // The first behind a second, then every two.
  }
}

TEST_CASE("established: a silent hub is asked, doubted, given up") {
  Bench bench;
  bench.establish();
  CHECK(bench.tick_after(5s) == "");
  CHECK(bench.wire.take() == "PING\r\n");
  CHECK(bench.owner.heartbeats == "");
  CHECK(bench.tick_after(5s) == "");
  CHECK(bench.owner.heartbeats == "-");
  SUBCASE("it answers after all") {
    bench.feed("PONG\r\n");
    CHECK(bench.owner.heartbeats == "-+");
    CHECK(bench.tick_after(4s) == "not due");
  }
  SUBCASE("it does not") {
    CHECK(bench.tick_after(5s) == "ping time-out");
    CHECK(bench.wire.take().ends_with("-ERR 'Stale Connection'\r\n"));
  }
}

TEST_CASE("established: a hub that takes a large message, however slowly, is not given up") {
  Bench bench;
  bench.establish();
  bench.wire.blocked = bench.now();
  for (int i = 1; i <= 60; ++i) {
    bench.world.loop.run_for(1s);
    if (i % 9 == 0) bench.wire.blocked = bench.now();  // As much as the kernel holds.
    if (bench.now() >= bench.session->deadline()) CHECK(bench.session->tick(bench.now()).ok());
  }
  CHECK(bench.owner.heartbeats == "");
  CHECK_FALSE(bench.wire.closed);
  bench.world.loop.run_for(2s);
  SUBCASE("all is on its way: its answer is awaited") {
    bench.wire.blocked = kNever;
    CHECK(bench.tick_after(3s) == "");
    CHECK(bench.tick_after(5s) == "");
    CHECK(bench.owner.heartbeats == "-");
    CHECK(bench.tick_after(5s) == "ping time-out");
  }
  SUBCASE("it takes no more") {
    for (int i = 0; i < 7; ++i) bench.tick_after(1s);  // 15 s since it did.
    CHECK(bench.wire.closed);
  }
}

TEST_CASE("established: what the kernel takes once of a message is no sign of life") {
  Bench bench;
  bench.establish();
  bench.world.loop.run_for(1s);
  bench.wire.blocked = bench.now();
  CHECK(bench.tick_after(4s) == "");
  CHECK(bench.tick_after(5s) == "");
  CHECK_FALSE(bench.wire.closed);
  bench.tick_after(5s);
  CHECK(bench.wire.closed);
  CHECK(bench.wire.reason.text() == "ping time-out");
}

// nats-server client.go, processPingTimer: a spoke's PING waits for no silence, and a hub's not for
// as long as the round trip is not known.
TEST_CASE("established: the round trip of a link that is never silent") {
  Config config;
  config.limits.ping_interval = 10s;
  Bench bench(config);
  bench.accept();
  REQUIRE(bench.feed("CONNECT {\"name\":\"edge\",\"cluster\":\"edge\"}\r\n") == "");
  bench.wire.take();
  for (const Duration wait : {1s, 10s, 10s}) {
    for (Duration span{}; span < wait; span += 500ms) {
      CHECK(bench.feed("LS+ a\r\n") == "");
      CHECK(bench.tick_after(500ms) == (span + 500ms < wait ? "not due" : ""));
    }
    CHECK(bench.wire.take() == "PING\r\n");
    CHECK(bench.session->rtt() == Duration(wait == 1s ? 0ms : 20ms));
    bench.world.loop.run_for(20ms);
    CHECK(bench.feed("PONG\r\n") == "");
    CHECK(bench.session->rtt() == 20ms);
  }
  bench.world.loop.run_for(10s);  // Behind a PING that is not answered yet there is no other.
  CHECK(bench.feed("+OK\r\n") == "");
  CHECK(bench.session->tick(bench.now()).ok());
  CHECK(bench.wire.take() == "PING\r\n");
  bench.world.loop.run_for(10s);
  CHECK(bench.feed("+OK\r\n") == "");
  CHECK(bench.session->tick(bench.now()).ok());
  CHECK(bench.wire.take() == "");
}

TEST_CASE("established: /connz says in nats-server's words why a link has ended") {
  Bench bench;
  bench.establish();
  bench.session->closed({Errc::kClosed, Stage::kOpen, "the peer closed the connection"},
                        bench.now());
  bench.session.reset();
  CHECK(bench.node.server().closed().back().reason == "Client Closed");
}

TEST_CASE("established: barriers and heartbeats are told apart by their order") {
  Bench bench;
  bench.establish();
  std::string passed;
  bench.soliciting->barrier([&] { passed += "1"; });
  bench.tick_after(5s);
  bench.soliciting->barrier([&] { passed += "2"; });
  CHECK(bench.wire.take() == "PING\r\nPING\r\nPING\r\n");
  bench.feed("PONG\r\n");
  CHECK(passed == "1");
  bench.feed("PONG\r\n");
  CHECK(passed == "1");
  bench.feed("PONG\r\nPONG\r\n");
  CHECK(passed == "12");
}

}  // namespace
}  // namespace petiole::test
