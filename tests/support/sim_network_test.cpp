// The simulated network keeps the contracts of platform/network.h and platform/protocol.h.
#include "tests/support/sim_network.h"

#include <doctest/doctest.h>

namespace petiole::test {
namespace {

using namespace std::chrono_literals;

// What a protocol saw; outlives it.
struct Seen {
  Wire* wire = nullptr;
  std::string text, closed;
  Errc code = Errc::kOk;
  Stage stage = Stage::kOpen;
  int opened = 0, ended = 0, drained = 0;
  Time opened_at{}, closed_at{}, last{};
  bool echo = false;
};

class Talk : public Protocol {
 public:
  explicit Talk(Seen& seen) : seen_(seen) {}
  void opened(Wire& wire, Time now) override {
    seen_.wire = &wire, ++seen_.opened, seen_.opened_at = now;
  }
  Result<std::size_t> receive(std::string_view input, Time now) override {
    if (seen_.wire->peer().tls_version.empty() && input.starts_with("TLS!")) {
      (void)seen_.wire->start_tls({});
      return std::size_t{4};
    }
    seen_.text += input, seen_.last = now;
    if (seen_.echo) seen_.wire->output().append(input), seen_.wire->wake();
    return input.size();
  }
  Status tick(Time) override { return {Errc::kTimeout, "due"}; }
  Time deadline() const override { return kNever; }
  void drained(Time) override { ++seen_.drained; }
  void closed(const CloseReason& reason, Time now) override {
    ++seen_.ended, seen_.closed = reason.text, seen_.code = reason.code;
    seen_.stage = reason.stage, seen_.closed_at = now, seen_.wire = nullptr;
  }

 private:
  Seen& seen_;
};

struct Net {
  explicit Net(std::uint64_t seed = 1) : network(loop, chunks, seed) {
    listener = std::move(*network.host("b").listen(
        {.host = "0.0.0.0", .port = 7},
        [this](const PeerInfo&) { return std::make_unique<Talk>(there); }));
  }
  void dial(const std::string& to = "b", std::uint16_t port = 7) {
    DialOptions options;
    options.host = to;
    options.port = port;
    handle = network.host("a").dial(options, std::make_unique<Talk>(here));
  }
  void say(Seen& end, const std::string& text) {
    end.wire->output().append(text), end.wire->wake();
  }

  SimClock clock;
  SimLoop loop{clock};
  ChunkPool chunks;
  SimNetwork network;
  Seen here, there;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Dial> handle;
};

TEST_CASE("sim network: a dial takes a round trip, bytes take the latency and the bandwidth") {
  Net net;
  net.network.set_both("a", "b", {.latency = 100ms, .bytes_per_second = 1000});
  const Time start = net.clock.now();
  net.dial();
  net.loop.run_for(1s);
  REQUIRE(net.here.wire != nullptr);
  CHECK(net.here.opened_at - start == 200ms);
  const Time sent = net.clock.now();
  net.say(net.here, std::string(2000, 'x'));
  net.loop.run_for(5s);
  CHECK(net.there.text.size() == 2000);
  CHECK(net.there.last - sent == 2100ms);
}

TEST_CASE("sim network: dials fail where they should, with the stage") {
  const auto failed = [](Net& net) {
    net.loop.run_for(60s);
    CHECK(net.here.opened == 0);
    CHECK(net.here.ended == 1);
    return net.here.stage;
  };
  {
    Net net;
    net.dial("nowhere");
    CHECK(failed(net) == Stage::kResolve);
  }
  {
    Net net;
    net.network.break_dns("a", true);
    net.dial();
    CHECK(failed(net) == Stage::kResolve);
  }
  {
    Net net;
    net.network.refuse("b", true);
    net.dial();
    CHECK(failed(net) == Stage::kConnect);
  }
  {
    Net net;
    net.dial("b", 8);
    CHECK(failed(net) == Stage::kConnect);
  }
  {
    Net net;
    net.network.block("b", "a");
    net.dial();
    CHECK(failed(net) == Stage::kConnect);
    CHECK(net.here.code == Errc::kTimeout);
  }
  {
    Net net;
    net.dial();
    net.handle->cancel();
    CHECK(failed(net) == Stage::kConnect);
    CHECK(net.here.code == Errc::kOk);
  }
}

TEST_CASE("sim network: what is closed in order arrives whole, then the end") {
  Net net;
  net.dial();
  net.loop.run_for(1s);
  net.say(net.here, std::string(300'000, 'x'));
  net.here.wire->close({Errc::kOk, "bye"});
  net.loop.run_for(10s);
  CHECK(net.there.text.size() == 300'000);
  CHECK(net.there.code == Errc::kClosed);
  CHECK(net.here.closed == "bye");
  CHECK(net.network.connections() == 0);
}

TEST_CASE("sim network: a reader that pauses stops the writer") {
  Net net;
  net.dial();
  net.loop.run_for(1s);
  net.there.wire->pause_reading();
  net.say(net.here, std::string(200'000, 'x'));
  net.here.wire->notify_below(1000);
  net.loop.run_for(10s);
  CHECK(net.there.text.empty());
  CHECK(net.here.wire->output().size() == 200'000 - net.network.send_buffer_bytes);
  CHECK(net.here.wire->blocked_since() != kNever);
  CHECK(net.here.drained == 0);
  net.there.wire->resume_reading();
  net.loop.run_for(10s);
  CHECK(net.there.text.size() == 200'000);
  CHECK(net.here.drained == 1);
  CHECK(net.here.wire->blocked_since() == kNever);
}

TEST_CASE("sim network: a dead way holds bytes back and, by its acknowledgements, the sender") {
  Net net;
  net.dial();
  net.loop.run_for(1s);
  net.network.block("a", "b");
  net.say(net.here, "one");
  net.say(net.there, "two");
  net.loop.run_for(10s);
  CHECK(net.there.text.empty());
  CHECK(net.here.text == "two");
  net.network.unblock("a", "b");
  net.say(net.here, " more");
  net.loop.run_for(1s);
  CHECK(net.there.text == "one more");
}

TEST_CASE("sim network: cuts and resets end both ends, at the byte") {
  Net net;
  net.dial();
  net.loop.run_for(1s);
  net.network.cut_after("a", "b", 1234);
  net.say(net.here, std::string(5000, 'x'));
  net.loop.run_for(1s);
  CHECK(net.there.text.size() == 1234);
  CHECK(net.here.code == Errc::kNetwork);
  CHECK(net.there.code == Errc::kNetwork);
  net.dial();
  net.loop.run_for(1s);
  net.network.reset("b", "a");
  net.loop.run_for(1s);
  CHECK(net.here.ended == 2);
}

TEST_CASE("sim network: a machine that vanishes silently leaves its peer waiting") {
  Net net;
  net.dial();
  net.loop.run_for(1s);
  net.network.vanish("b", true);
  net.loop.run_for(60s);
  CHECK(net.here.ended == 0);
  CHECK(net.there.ended == 0);
  Net killed;
  killed.dial();
  killed.loop.run_for(1s);
  killed.network.vanish("b", false);
  killed.loop.run_for(1s);
  CHECK(killed.here.code == Errc::kNetwork);
}

TEST_CASE("sim network: TLS begins where both ends say so") {
  Net net;
  net.dial();
  net.loop.run_for(1s);
  net.say(net.there, "TLS!");
  net.loop.run_idle();
  (void)net.there.wire->start_tls({});
  net.say(net.there, "secret");
  net.loop.run_for(1s);
  CHECK(net.here.text == "secret");
  CHECK(net.here.wire->peer().tls_version == "TLSv1.3");
}

TEST_CASE("sim network: a run is a function of its seed") {
  const auto trace = [](std::uint64_t seed) {
    Net net(seed);
    net.network.set_both("a", "b", {.latency = 5ms, .jitter = 50ms, .ragged = true});
    net.there.echo = true;
    net.dial();
    net.loop.run_for(1s);
    net.say(net.here, std::string(5000, 'x'));
    net.loop.run_for(10s);
    CHECK(net.here.text.size() == 5000);
    return net.here.last.time_since_epoch().count();
  };
  CHECK(trace(1) == trace(1));
  CHECK(trace(1) != trace(2));
}

}  // namespace
}  // namespace petiole::test
