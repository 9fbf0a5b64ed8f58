// What time has certainly passed, and how rarely the store is told.
#include "agent/clock_floor.h"

#include <doctest/doctest.h>

#include "tests/support/model_store.h"
#include "tests/support/wall_time.h"

namespace petiole::test {
namespace {

using namespace std::chrono_literals;

struct FloorFixture {
  SimClock clock;
  SimLoop loop{clock};
  ModelDisk disk;
  ModelStore store{disk, loop, [] { return Duration(1ms); }};
};

TEST_CASE_FIXTURE(FloorFixture, "clock floor: noted at a stop, and read at the next start") {
  set(clock, 5000);
  {
    ClockFloor floor(loop, &store, at(1000));
    CHECK(floor.time() == at(1000));
    const Calendar calendar(clock, ClockTrust::kFloor, floor.time());
    floor.keep(calendar);
    clock.move_to(clock.now() + 60s);
    CHECK(floor.note());
  }
  ClockFloor again(loop, &store, at(1000));
  CHECK(again.time() == at(5060));
  ClockFloor newer(loop, &store, at(9000));  // A build that is younger than what was noted.
  CHECK(newer.time() == at(9000));
}

TEST_CASE_FIXTURE(FloorFixture, "clock floor: nothing that is behind it, nor years ahead") {
  set(clock, 5);
  ClockFloor floor(loop, &store, at(1000));
  const Calendar calendar(clock, ClockTrust::kFloor, at(1000));
  floor.keep(calendar);
  CHECK_FALSE(floor.note());
  CHECK_FALSE(store.state("clock-floor"));
  set(clock, 2'000'000'000);
  CHECK_FALSE(floor.note());
  CHECK_FALSE(store.state("clock-floor"));
  store.set_state("clock-floor", "2000000000");
  CHECK(ClockFloor(loop, &store, at(1000)).time() == at(1000));
  store.set_state("clock-floor", "x");
  CHECK(ClockFloor(loop, &store, at(1000)).time() == at(1000));
}

TEST_CASE_FIXTURE(FloorFixture, "clock floor: once a day, and not by an idle store") {
  set(clock, 5000);
  ClockFloor floor(loop, &store, at(1000));
  const Calendar calendar(clock, ClockTrust::kFloor, floor.time());
  floor.keep(calendar);
  loop.run_for(std::chrono::hours(49));
  CHECK_FALSE(store.state("clock-floor"));
  store.set_state("other", "x");
  loop.run_for(std::chrono::hours(25));
  REQUIRE(store.state("clock-floor"));
  const std::string noted = *store.state("clock-floor");
  loop.run_for(std::chrono::hours(49));
  CHECK(*store.state("clock-floor") == noted);
}

TEST_CASE_FIXTURE(FloorFixture, "clock floor: without a store it is the build's time") {
  ClockFloor floor(loop, nullptr, at(1000));
  const Calendar calendar(clock, ClockTrust::kFloor, floor.time());
  floor.keep(calendar);
  CHECK_FALSE(floor.note());
  CHECK(floor.time() == at(1000));
}

}  // namespace
}  // namespace petiole::test
