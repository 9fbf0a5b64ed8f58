#include <doctest/doctest.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include "platform/asio_loop.h"
#include "platform/deadlines.h"
#include "platform/files.h"
#include "platform/held_bytes.h"
#include "platform/slice.h"
#include "platform/system.h"
#include "platform/thread_worker.h"

namespace petiole {
namespace {

using namespace std::chrono_literals;

class Probe final : public Deadline {
 public:
  Probe(Deadlines& deadlines, std::vector<int>& fired, int id)
      : Deadline(deadlines), fired_(fired), id_(id) {}
  void due(Time) override { fired_.push_back(id_); }

 private:
  std::vector<int>& fired_;
  int id_;
};

TEST_CASE("deadlines: fire in order of time, whatever was moved and removed before") {
  std::mt19937 random(3);
  Deadlines deadlines;
  std::vector<int> fired;
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 500; ++i) probes.push_back(std::make_unique<Probe>(deadlines, fired, i));
  for (int step = 0; step < 20'000; ++step) {
    Probe& probe = *probes[random() % probes.size()];
    random() % 4 == 0 ? probe.disarm() : probe.arm(Time(Duration(random() % 1000)));
  }
  for (int i = 0; i < 500; i += 10) probes[static_cast<std::size_t>(i)].reset();
  std::vector<Time> expected;
  for (const auto& probe : probes) {
    if (probe && probe->due_at() != kNever) expected.push_back(probe->due_at());
  }
  std::sort(expected.begin(), expected.end());
  REQUIRE(deadlines.size() == expected.size());
  const std::size_t armed = expected.size();
  expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
  for (const Time when : expected) {
    CHECK(deadlines.next() == when);
    deadlines.run(when);
  }
  CHECK(deadlines.next() == kNever);
  CHECK(fired.size() == armed);
}

TEST_CASE("deadlines: one that is always due runs once a call") {
  struct Again final : Deadline {
    using Deadline::Deadline;
    void due(Time now) override {
      ++count;
      arm(now);
    }
    int count = 0;
  };
  Deadlines deadlines;
  Again again(deadlines);
  again.arm(Time{});
  deadlines.run(Time{});
  CHECK(again.count == 1);
  deadlines.run(Time{});
  CHECK(again.count == 2);
}

TEST_CASE("held bytes: keep, append and room, against a string") {
  std::mt19937 random(5);
  HeldBytes held;
  std::string expected;
  for (int step = 0; step < 5000; ++step) {
    switch (random() % 3) {
      case 0: {  // A part of itself, from any place.
        expected.erase(0, random() % (expected.size() + 1));
        held.keep(held.view().substr(held.size() - expected.size()));
        break;
      }
      case 1: {
        const std::string more(random() % 300, static_cast<char>('a' + step % 26));
        held.append(more);
        expected += more;
        break;
      }
      default: {
        const std::size_t total = held.size() + 1 + random() % 200'000;
        const std::span<char> room = held.room(total);
        REQUIRE(!room.empty());
        REQUIRE(held.size() + room.size() <= total);
        const std::size_t count = std::min<std::size_t>(room.size(), random() % 1000);
        std::fill_n(room.begin(), count, 'r');
        held.added(count);
        expected.append(count, 'r');
      }
    }
    REQUIRE(held.view() == expected);
  }
}

TEST_CASE("loop: tasks of other threads run in order, on the loop's thread") {
  SystemClock clock;
  AsioLoop loop(clock);
  std::vector<int> order;
  const auto here = std::this_thread::get_id();
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) {
      loop.post([&, i] {
        CHECK(std::this_thread::get_id() == here);
        order.push_back(i);
      });
    }
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  REQUIRE(order.size() == 1000);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("loop: stop before run ends it at once") {
  SystemClock clock;
  AsioLoop loop(clock);
  loop.stop();
  loop.run();
}

TEST_CASE("loop: turn's-end tasks run after the events, those of others included") {
  SystemClock clock;
  AsioLoop loop(clock);
  std::string order;
  loop.post([&] {
    order += 'a';
    loop.at_turn_end([&] {
      order += 'e';
      loop.at_turn_end([&] { order += 'f'; });
    });
  });
  loop.post([&] { order += 'b'; });
  loop.turn();
  CHECK(order == "abef");
  loop.at_turn_end([&] { order += 'g'; });
  loop.turn();  // Does not wait for an event.
  CHECK(order == "abefg");
}

TEST_CASE("timer: fires once, not before its time; moves; cancels; may destroy itself") {
  SystemClock clock;
  AsioLoop loop(clock);
  std::vector<char> fired;
  std::unique_ptr<Timer> a, b, c, d;
  a = loop.make_timer([&] {
    fired.push_back('a');
    a.reset();
  });
  b = loop.make_timer([&] {
    fired.push_back('b');
    loop.stop();
  });
  c = loop.make_timer([&] { fired.push_back('c'); });
  d = loop.make_timer([&] { fired.push_back('d'); });
  const Time start = clock.now();
  b->arm(start + 40ms);
  a->arm(start + 10s);
  a->arm(start + 5ms);  // Earlier.
  c->arm(start + 10ms);
  c->cancel();
  d->arm(start + 1ms);
  d.reset();
  loop.run();
  CHECK(clock.now() >= start + 40ms);
  CHECK(fired == std::vector<char>{'a', 'b'});
}

TEST_CASE("loop: after turns of one event those that come together are still done in order") {
  SystemClock clock;
  AsioLoop loop(clock);
  std::vector<int> order;
  for (int i = 0; i < 30; ++i) {
    loop.post([&, i] { order.push_back(i); });
    loop.turn();
    CHECK(order.size() == static_cast<std::size_t>(i) + 1);
  }
  for (int i = 30; i < 130; ++i) {
    loop.post([&, i] { order.push_back(i); });
  }
  int turns = 0;
  for (; order.size() < 130 && turns < 130; ++turns) loop.turn();
  CHECK(std::is_sorted(order.begin(), order.end()));
  CHECK(order.size() == 130);
  CHECK(turns <= 10);  // At most seven of one event each, then 64 a turn.
}

TEST_CASE("worker: runs jobs in order and finishes them before it ends") {
  std::vector<int> order;
  {
    ThreadWorker worker("test");
    for (int i = 0; i < 1000; ++i) {
      worker.run([&, i] { order.push_back(i); });
    }
  }
  CHECK(order.size() == 1000);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("worker: its thread goes behind the loop's") {
  int here = ::getpriority(PRIO_PROCESS, 0), there = here;
  {
    ThreadWorker worker("test");
    worker.run([&] { there = ::getpriority(PRIO_PROCESS, 0); });
  }
  CHECK(there == std::min(here + 5, 19));
  CHECK(::getpriority(PRIO_PROCESS, 0) == here);
}

TEST_CASE("worker: its thread begins with the first job") {
  const auto threads = [] { return list_names("/proc/self/task")->size(); };
  const std::size_t before = threads();
  std::size_t within = 0;
  {
    ThreadWorker worker("test");
    CHECK(threads() == before);
    worker.run([&] { within = threads(); });
  }
  CHECK(within == before + 1);
}

TEST_CASE("slices: a wish for them leaves policy and priority as they are") {
  const int policy = ::sched_getscheduler(0), nice = ::getpriority(PRIO_PROCESS, 0);
  ask_for_slices(500us);
  CHECK(::sched_getscheduler(0) == policy);
  CHECK(::getpriority(PRIO_PROCESS, 0) == nice);
  ask_for_slices(0us);
  CHECK(::getpriority(PRIO_PROCESS, 0) == nice);
}

TEST_CASE("entropy: fills all, differently") {
  SystemEntropy entropy;
  CHECK(entropy.number() != entropy.number());
  std::vector<std::byte> bytes(1000);
  entropy.fill(bytes);
  CHECK(std::count(bytes.end() - 100, bytes.end(), std::byte{0}) < 20);
}

}  // namespace
}  // namespace petiole
