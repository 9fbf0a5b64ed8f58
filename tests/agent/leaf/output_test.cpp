// What a link sends, and in which order: the interest map and the staging of output.
#include <doctest/doctest.h>

#include <map>
#include <random>

#include "agent/leaf/interest.h"
#include "agent/leaf/staging.h"
#include "tests/support/sim.h"

namespace petiole {
namespace {

using namespace std::chrono_literals;

std::string take(Output& output) {
  std::string text;
  std::string_view pieces[8];
  while (const std::size_t count = output.gather(pieces)) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < count; ++i) text.append(pieces[i]), bytes += pieces[i].size();
    output.consume(bytes);
  }
  return text;
}

struct Interest {
  Interest() { map.start(); }
  ChunkPool pool;
  Output output{pool};
  InterestMap map;
  SubjectPermissions permission;
  std::string written(std::size_t bytes_max = 1 << 20) {
    map.write(output, bytes_max, 1 << 20, compile(permission));
    return take(output);
  }
};

TEST_CASE("interest: told when the first comes and when the last goes") {
  Interest i;
  i.map.add("foo", "", 1);
  i.map.add("foo", "", 1);
  CHECK(i.written() == "LS+ foo\r\n");
  i.map.remove("foo", "", 1);
  CHECK(i.written() == "");
  i.map.remove("foo", "", 1);
  CHECK(i.written() == "LS- foo\r\n");
  CHECK(i.map.size() == 0);
  i.map.remove("foo", "", 1);
  CHECK_FALSE(i.map.changed());
}

TEST_CASE("interest: a queue's total weight is told again on every change, up and down") {
  Interest i;
  i.map.add("foo", "g", 1);
  CHECK(i.written() == "LS+ foo g 1\r\n");
  i.map.add("foo", "g", 3);
  CHECK(i.written() == "LS+ foo g 4\r\n");
  i.map.remove("foo", "g", 1);
  CHECK(i.written() == "LS+ foo g 3\r\n");
  i.map.remove("foo", "g", 3);
  CHECK(i.written() == "LS- foo g\r\n");
}

TEST_CASE("interest: weights that peers choose neither overflow nor take a tenth digit") {
  Interest i;
  for (int leaf = 0; leaf < 4; ++leaf) i.map.add("a", "q", 1 << 30);
  CHECK(i.written() == "LS+ a q 999999999\r\n");
  for (int leaf = 0; leaf < 3; ++leaf) i.map.remove("a", "q", 1 << 30);
  CHECK(i.written() == "");
  i.map.add("a", "q", 1);
  i.map.remove("a", "q", 1 << 30);
  CHECK(i.written() == "LS+ a q 1\r\n");
  i.map.remove("a", "q", 1);
  CHECK(i.written() == "LS- a q\r\n");
}

TEST_CASE("interest: what comes and goes between two writes costs nothing") {
  Interest i;
  i.map.add("foo", "", 1);
  i.map.remove("foo", "", 1);
  CHECK(i.written() == "");
  CHECK(i.map.size() == 0);
  i.map.add("bar", "g", 2);
  (void)i.written();
  i.map.add("bar", "g", 1);
  i.map.remove("bar", "g", 1);
  CHECK(i.written() == "");
}

TEST_CASE("interest: permissions hide it, and show it when they change") {
  Interest i;
  i.permission.deny = {"secret.>"};
  i.map.add("secret.a", "", 1);
  i.map.add("open", "", 1);
  i.map.add("$LDS.x", "", 1);
  const std::string first = i.written();
  CHECK(first.find("secret") == first.npos);
  CHECK(first.find("LS+ $LDS.x\r\n") != first.npos);
  i.permission.deny = {"open"};
  i.map.recheck();
  const std::string second = i.written();
  CHECK(second.find("LS+ secret.a\r\n") != second.npos);
  CHECK(second.find("LS- open\r\n") != second.npos);
}

TEST_CASE("interest: a link that is never done with what changes keeps no list of what it said") {
  constexpr int kGroups = 20, kRounds = 30'000;
  Interest i;
  std::string last;
  for (int round = 0; round < kRounds; ++round) {
    for (int k = 0; k < kGroups; ++k) i.map.add("w", std::to_string(k), 1);
    last = i.written(200);
    REQUIRE(i.map.changed());
    REQUIRE(i.map.listed() < 200'000);
  }
  last += i.written();
  for (int k = 0; k < kGroups; ++k) {
    const std::string line = "LS+ w " + std::to_string(k) + ' ' + std::to_string(kRounds) + "\r\n";
    CHECK(last.find(line) != last.npos);
    i.map.remove("w", std::to_string(k), kRounds);
  }
  const std::string end = i.written();
  CHECK(std::count(end.begin(), end.end(), '\n') == kGroups);
  CHECK(i.map.size() == 0);
}

TEST_CASE("interest: writing stops at the bound and goes on where it stopped") {
  Interest i;
  for (int k = 0; k < 1000; ++k) i.map.add("subject." + std::to_string(k), "", 1);
  std::string all;
  int rounds = 0;
  for (; i.map.changed(); ++rounds) {
    const std::string part = i.written(1000);
    CHECK(part.size() < 1100);
    all += part;
  }
  CHECK(rounds > 10);
  CHECK(std::count(all.begin(), all.end(), '\n') == 1000);
}

TEST_CASE("interest: counts outlive a link; the next peer is told all that is there") {
  Interest i;
  i.map.add("a", "", 1);
  i.map.add("b", "q", 2);
  CHECK(i.written() == "LS+ a\r\nLS+ b q 2\r\n");
  i.map.add("lost", "", 1);
  i.map.remove("a", "", 1);
  i.map.stop();
  CHECK(i.map.size() == 2);
  i.map.remove("lost", "", 1);
  i.map.add("c", "", 1);
  for (int k = 0; k < 1000; ++k) {  // What comes and goes meanwhile leaves nothing behind.
    i.map.add("churn." + std::to_string(k), "", 1);
    i.map.remove("churn." + std::to_string(k), "", 1);
  }
  CHECK(i.map.size() == 2);
  CHECK(i.written() == "");
  i.map.start();
  CHECK(i.written() == "LS+ b q 2\r\nLS+ c\r\n");
  i.map.recheck();
  CHECK(i.written() == "");
}

TEST_CASE("interest: what the peer never heard of is forgotten at once, however slow it is") {
  Interest i;
  for (int k = 0; k < 1000; ++k) {
    i.map.add("churn", "", 1);
    i.map.remove("churn", "", 1);
    i.map.add("stays", "q", 1);
  }
  CHECK(i.map.size() == 1);
  CHECK(i.written() == "LS+ stays q 1000\r\n");
}

// A peer that keeps what it was told must know exactly what is there.
TEST_CASE("interest: a peer's view follows any sequence of changes") {
  Interest i;
  std::mt19937 random(3);
  std::map<std::string, std::uint32_t> there, told;
  for (int step = 0; step < 20000; ++step) {
    const std::string subject = "s" + std::to_string(random() % 20);
    const std::string queue = random() % 2 ? "q" : "";
    const std::string key = queue.empty() ? subject : subject + " " + queue;
    if (random() % 2) {
      i.map.add(subject, queue, 1);
      ++there[key];
    } else if (there[key] > 0) {
      i.map.remove(subject, queue, 1);
      --there[key];
    }
    if (random() % 5) continue;
    std::string text = i.written(random() % 200);
    while (!text.empty()) {
      const std::string line = text.substr(0, text.find("\r\n"));
      text.erase(0, line.size() + 2);
      std::string name = line.substr(4);
      std::uint32_t weight = line[2] == '-' ? 0 : 1;
      if (weight && name.find(' ') != name.npos) {
        weight = static_cast<std::uint32_t>(std::stoul(name.substr(name.rfind(' '))));
        name.erase(name.rfind(' '));
      }
      told[name] = weight;
    }
    if (i.map.changed()) continue;
    for (const auto& [name, count] : there) {
      const bool queued = name.find(' ') != name.npos;
      REQUIRE(told[name] == (queued ? count : std::min(count, 1u)));
    }
  }
}

struct Stage {
  ChunkPool pool;
  test::SimClock clock;
  test::FakeWire wire{pool};
  Staging staging{pool, 8 * 1024};
  Stage() { staging.attach(wire); }
  void put(const std::string& text, bool hold = false) {
    staging.open(hold).append(text);
    staging.written();
  }
};

TEST_CASE("staging: the wire holds a window, the rest waits, nothing is lost or reordered") {
  Stage s;
  std::string expected, got;
  for (int i = 0; i < 2000; ++i) {
    const std::string text =
        "message " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 300), 'x') + "\n";
    expected += text;
    s.put(text);
    CHECK(s.wire.output().size() < 8 * 1024 + 3000);
    if (i % 3 == 0) {
      got += s.wire.take();
      s.staging.pump();
    }
  }
  while (s.staging.queued_bytes() != 0) {
    s.staging.pump();
    got += s.wire.take();
  }
  CHECK(got == expected);
}

TEST_CASE("staging: an answer overtakes what waits, at a message's end") {
  Stage s;
  for (int i = 0; i < 500; ++i) s.put("[" + std::string(98, 'm') + "]");
  s.staging.control("PONG\r\n");
  const std::string first = s.wire.take();
  REQUIRE(first.size() >= 6);
  CHECK(first.size() < 9 * 1024);
  CHECK(first.substr(first.size() - 7) == "]PONG\r\n");
  CHECK(s.staging.waiting());
}

TEST_CASE("staging: a mark passes with the bytes before it") {
  Stage s;
  s.put("a");
  CHECK(s.staging.mark());
  for (int i = 0; i < 200; ++i) s.put(std::string(100, 'm'));
  s.put("PING\r\n");
  CHECK_FALSE(s.staging.mark());
  s.put(std::string(100, 'n'));
  std::size_t passed = 0;
  std::string got;
  for (int rounds = 0; passed == 0 && rounds < 100; ++rounds) {
    got += s.wire.take();
    passed = s.staging.pump();
  }
  got += s.wire.take();
  CHECK(passed == 1);
  CHECK(got.find("PING") != got.npos);
}

TEST_CASE("staging: the window shrinks where it drains slowly and grows where it does not") {
  Stage s;
  const auto cycle = [&](Duration took) {
    while (!s.staging.waiting()) s.put(std::string(500, 'm'));
    s.staging.watch(s.clock);
    s.clock.move_to(s.clock.now() + took);
    (void)s.wire.take();
    s.staging.drained(s.clock.now());
    s.staging.pump();
  };
  CHECK(s.staging.window() == 8 * 1024);
  cycle(2s);
  CHECK(s.staging.window() == 4 * 1024);
  cycle(2s);
  CHECK(s.staging.window() == 4 * 1024);
  cycle(1ms);
  CHECK(s.staging.window() == 8 * 1024);
  cycle(1ms);
  CHECK(s.staging.window() == 8 * 1024);
}

}  // namespace
}  // namespace petiole
