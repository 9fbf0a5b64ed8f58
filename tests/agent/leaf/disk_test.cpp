// To a petiole behind us a PONG means that what it sent before is safe: it forgets that.
#include <algorithm>
#include <utility>
#include <vector>

#include "tests/agent/leaf/session_bench.h"

namespace petiole::test {
namespace {

class SlowDisk : public Capture {
 public:
  int rule_of(std::string_view subject) const override { return subject == "t" ? 0 : -1; }
  bool capture(int, const Message& message) override {
    captured += std::string(message.payload) + ' ';
    return ++undurable;
  }
  bool repeated(int, const Message&, const MirrorMark& mark) override {
    return mark.origin == 0xa && mark.number <= repeats_upto;
  }
  bool captures_requests(int) const override { return false; }
  bool has_undurable() const override { return undurable != 0; }
  bool congested() const override { return undurable >= 3; }
  bool must_wait(std::size_t) const override { return congested(); }
  void when_durable(std::function<void(Status)> done) override {
    waiting.push_back(std::move(done));
  }
  void answer(Status status) {
    for (const auto& done : std::exchange(waiting, {})) done(status);
  }
  void commit(Status status = {}) {
    undurable = 0;
    answer(status);
  }
  int undurable = 0;
  std::uint64_t repeats_upto = 0;
  std::string captured;
  std::vector<std::function<void(Status)>> waiting;
};

constexpr const char* kMessage = "LMSG t 1\r\nx\r\n";

struct DiskBench : Bench {
  explicit DiskBench(const std::string& more = R"(,"petiole_leaf":"e1")") : Bench(listening()) {
    node.account().set_capture(&disk);
    node.links().captured = [](const Account&) { return std::vector<std::string>{"t"}; };
    accept();
    feed("CONNECT {\"name\":\"edge\",\"headers\":true,\"version\":\"2.10.0\"" + more + "}\r\n");
    greeting = said();
  }
  ~DiskBench() {
    close();
    node.account().set_capture(nullptr);
  }
  static Config listening() {
    Config config;
    config.server_name = "hub";
    return config;
  }
  std::string said() {
    world.loop.run_idle();
    return wire.take();
  }
  SlowDisk disk;
  std::string greeting;
};

TEST_CASE("leaf disk: a leaf behind us is told what the mirror captures") {
  DiskBench bench;
  CHECK(bench.greeting.find("LS+ t\r\n") != std::string::npos);
}

TEST_CASE("leaf disk: PONG waits for what was captured, in order, with one question at a time") {
  DiskBench bench;
  CHECK(bench.feed("PING\r\n") == "");
  CHECK(bench.said() == "PONG\r\n");
  bench.feed(kMessage);
  for (int i = 0; i < 100; ++i) bench.feed("PING\r\n");
  CHECK(bench.said() == "");
  CHECK(bench.disk.waiting.size() == 1);
  bench.disk.commit();
  CHECK(bench.said() == "PONG\r\n");
  bench.feed("PING\r\n");  // Nothing is undurable, but others wait before it.
  CHECK(bench.said() == "");
  bench.disk.commit();
  CHECK(bench.said().size() == 99 * 6);
  bench.disk.commit();
  CHECK(bench.said() == "PONG\r\n");
  bench.feed("PING\r\n");
  CHECK(bench.said() == "PONG\r\n");
}

TEST_CASE("leaf disk: a flood of PINGs is not read further than so many wait for the disk") {
  DiskBench bench;
  bench.feed(kMessage);
  std::string flood;
  for (int i = 0; i < 10'000; ++i) flood += "PING\r\n";
  const Result<std::size_t> used = bench.session->receive(flood, bench.now());
  REQUIRE(used.ok());
  CHECK(*used == 4096 * 6);
  CHECK(bench.wire.paused);
  bench.disk.commit();
  CHECK_FALSE(bench.wire.paused);
  bench.disk.commit();
  CHECK(bench.said().size() == 4096 * 6);
  CHECK(bench.feed(flood.substr(*used)) == "");
  CHECK(bench.said().size() == flood.size() - *used);
}

TEST_CASE("leaf disk: a nats-server behind us has its PONG at once") {
  DiskBench bench("");
  bench.feed(std::string(kMessage) + "PING\r\n");
  CHECK(bench.said() == "PONG\r\n");
  CHECK(bench.disk.waiting.empty());
}

TEST_CASE("leaf disk: where there is no room it is asked again, a dead disk holds up nobody") {
  DiskBench bench;
  bench.feed(std::string(kMessage) + "PING\r\n");
  bench.disk.answer({Errc::kStorageFull, "full"});
  CHECK(bench.said() == "");
  CHECK(bench.disk.waiting.size() == 1);
  bench.disk.commit();
  CHECK(bench.said() == "PONG\r\n");
  bench.feed(std::string(kMessage) + "PING\r\n");
  bench.disk.commit({Errc::kStorage, "dead"});
  CHECK(bench.said() == "PONG\r\n");
}

TEST_CASE("leaf disk: a slow disk does not cut the link") {
  DiskBench bench;
  bench.feed(std::string(kMessage) + "PING\r\n");
  CHECK(bench.said() == "");
  std::string heard;
  for (int i = 0; i < 20; ++i) {
    CHECK(bench.tick_after(5s) == "");
    bench.feed("PING\r\n");  // The peer's heartbeat.
    heard += bench.said();
  }
  CHECK(heard.find("+OK\r\n") != heard.npos);
  CHECK(heard.find("PONG") == heard.npos);
  bench.disk.commit();
  bench.disk.commit();
  CHECK(bench.said().find("PONG\r\n") != heard.npos);
}

TEST_CASE(
    "leaf disk: a leaf is paused while the disk is behind, and its silence is not held against "
    "it") {
  DiskBench bench;
  bench.feed(std::string(kMessage) + kMessage);
  CHECK_FALSE(bench.wire.paused);
  bench.feed(kMessage);
  CHECK(bench.wire.paused);
  std::string heard;
  for (int i = 0; i < 20; ++i) {
    CHECK(bench.tick_after(5s) == "");
    heard += bench.said();
  }
  CHECK(heard.find("+OK\r\n") != heard.npos);
  bench.disk.commit();
  CHECK_FALSE(bench.wire.paused);
  CHECK(bench.feed(std::string("PING\r\n")) == "");
  CHECK(bench.said().find("PONG\r\n") != heard.npos);
}

TEST_CASE("leaf disk: a leaf waits before it adds to what others have brought") {
  DiskBench bench;
  bench.disk.undurable = 3;
  CHECK(bench.feed("LMSG other 1\r\nx\r\n" + std::string(kMessage)) == "");
  CHECK(bench.disk.captured.empty());
  CHECK(bench.wire.paused);
  bench.disk.commit();
  CHECK_FALSE(bench.wire.paused);
  bench.feed(kMessage);
  CHECK(bench.disk.captured == "x ");
  Ear ear(bench.node.account(), "t");
  bench.disk.undurable = 3;
  bench.feed("LMSG t answer 1\r\ny\r\n");  // A request that is not captured.
  CHECK_FALSE(bench.wire.paused);
  CHECK(ear.heard.size() == 1);
}

TEST_CASE("leaf disk: a leaf that waits for room again and again hears a word all the same") {
  DiskBench bench;
  bench.disk.undurable = 3;  // After each commit others are first.
  std::string heard;
  for (int i = 0; i < 20; ++i) {
    bench.feed(kMessage);
    CHECK(bench.wire.paused);
    (void)bench.tick_after(2s);
    heard += bench.said();
    bench.disk.answer({});
    CHECK_FALSE(bench.wire.paused);
  }
  CHECK(bench.disk.captured.empty());
  CHECK(std::ranges::count(heard, '+') >= 4);
  bench.disk.commit();
  bench.feed(kMessage);
  (void)bench.said();
  (void)bench.tick_after(5s);
  CHECK(bench.said().find("+OK") == heard.npos);
}

TEST_CASE("leaf disk: a link that ends meanwhile is not missed") {
  DiskBench bench;
  bench.feed(std::string(kMessage) + kMessage + kMessage + "PING\r\n");
  bench.close();
  bench.disk.commit();
  CHECK(bench.disk.waiting.empty());
}

TEST_CASE("leaf disk: what the mirror knows of a leaf's mirror comes once") {
  DiskBench bench;
  bench.disk.repeats_upto = 5;
  Ear ear(bench.node.account(), "t"), group(bench.node.account(), "t", "q");
  CHECK(bench.feed("LMSG t | _PM.a.r5 q 1\r\n5\r\nLMSG t | _PM.a.r6 1\r\n6\r\n") == "");
  CHECK(bench.feed("LMSG t | _PM.a.n7 q 1\r\n7\r\nLMSG t 1\r\n8\r\n") == "");
  CHECK(bench.disk.captured == "6 7 8 ");
  CHECK(ear.heard.size() == 3);
  CHECK(group.heard.size() == 1);
}

TEST_CASE(
    "leaf disk: no group has the name of a mark, and no mark is taken from who has no mirror") {
  DiskBench bench;
  bench.feed("LS+ t _PM.a.r5 1\r\n");
  CHECK(bench.said() == "");
  CHECK(bench.session->subscription_count() == 0);
  DiskBench other("");
  other.disk.repeats_upto = 5;
  other.feed("LMSG t | _PM.a.r5 1\r\n5\r\n");
  CHECK(other.disk.captured == "5 ");
}

TEST_CASE("leaf disk: what nobody captures is dropped again while we run, but for late ones") {
  DiskBench bench;
  Ear ear(bench.node.account(), "u");
  bench.feed("LMSG u | _PM.a.n5 1\r\n5\r\nLMSG u | _PM.a.r5 1\r\n5\r\n");
  CHECK(ear.heard.size() == 1);
  bench.feed("LMSG u | _PM.a.l4 1\r\n4\r\nLMSG u | _PM.a.r4 1\r\n4\r\n");
  CHECK(ear.heard.size() == 2);
  bench.feed("LMSG u | _PM.a.n5 1\r\n5\r\n");  // Said to be new: its disk is an old copy.
  CHECK(ear.heard.size() == 3);
}

}  // namespace
}  // namespace petiole::test
