// What the store does when the disk is full, fails or lies.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>

#include "storage/database.h"
#include "tests/storage/store_box.h"

namespace petiole::test {
namespace {

using Records = std::vector<std::pair<Sequence, std::string>>;

// Appends until the store refuses; returns how many it took.
std::size_t fill(StoreBox& box, std::size_t most = 100000) {
  std::size_t taken = 0;
  while (taken < most) {
    std::size_t turn = 0;
    while (turn < 50 && box.append("a", std::string(500, 'x')) != 0) ++turn;
    box.loop.run_for(5ms);
    taken += turn;
    if (turn < 50) return taken;
  }
  return taken;
}

TEST_CASE("store: bytes_max holds, a full store refuses appends, and heals by a trim") {
  StoreBox box;
  box.options.bytes_max = 8 << 20;
  std::vector<Errc> changes;
  REQUIRE(box.open());
  box.store->on_status([&](Status status) { changes.push_back(status.code()); });
  const std::size_t taken = fill(box);
  CHECK(box.store->status().code() == Errc::kStorageFull);
  CHECK(taken * 500 > (4u << 20));  // Most of it holds messages.
  CHECK(box.append("a", "x") == 0);
  CHECK(box.sync().ok());
  CHECK(box.disk.used() <= 8u << 20);
  CHECK(box.store->usage().file_bytes <= 8u << 20);
  CHECK(box.store->usage().file_bytes == box.disk.used());
  box.store->log("a").trim(taken / 2);
  box.loop.run_for(5s);
  CHECK(box.store->status().ok());
  CHECK(box.append("a", "again") == taken + 1);
  CHECK(box.sync().ok());
  fill(box);
  CHECK(box.sync().ok());
  CHECK(box.disk.used() <= 8u << 20);
  CHECK(changes == std::vector<Errc>{Errc::kStorageFull, Errc::kOk, Errc::kStorageFull});
  const LogState state = box.store->log("a").state();
  CHECK(box.all("a").size() == state.messages);
}

TEST_CASE("store: bytes_max holds while what is left of a full store is rewritten") {
  for (const std::uint64_t mebibytes : {4, 8}) {
    CAPTURE(mebibytes);
    StoreBox box;
    box.options.bytes_max = mebibytes << 20;
    REQUIRE(box.open());
    const std::size_t taken = fill(box, 200'000);
    REQUIRE(box.store->status().code() == Errc::kStorageFull);
    std::uint64_t most = 0;
    for (std::size_t i = 1; i <= taken; ++i) {
      if (i % 5 != 0) box.store->log("a").remove(i);
    }
    for (int turn = 0; turn < 1000; ++turn) {
      for (int i = 0; i < 200; ++i) (void)box.append("a", std::string(500, 'y'));
      box.loop.run_for(500us);
      most = std::max(most, box.disk.used());
    }
    CHECK(most <= box.options.bytes_max);
  }
}

TEST_CASE("store: a full store stays full without writing") {
  StoreBox box;
  box.options.bytes_max = 8 << 20;
  REQUIRE(box.open());
  fill(box);
  box.loop.run_for(20s);
  const std::uint64_t operations = box.disk.operations();
  box.loop.run_for(10min);
  CHECK(box.disk.operations() == operations);
}

TEST_CASE("store: a disk that fills up loses nothing and heals when room comes back") {
  StoreBox box;
  box.options.bytes_max = 64 << 20;
  REQUIRE(box.open());
  box.disk.set_capacity(box.disk.used() + (2 << 20));
  const std::size_t taken = fill(box);
  box.loop.run_for(100ms);
  CHECK(box.store->status().code() == Errc::kStorageFull);
  LogState state = box.store->log("a").state();
  CHECK(state.durable < state.last);  // Waits in memory.
  CHECK(state.messages == taken);
  CHECK(box.sync().code() == Errc::kTimeout);  // Not on disk, and not said to be.
  SUBCASE("room comes back") {
    box.disk.set_capacity(UINT64_MAX);
    box.loop.run_for(5s);
    CHECK(box.store->status().ok());
    state = box.store->log("a").state();
    CHECK(state.durable == state.last);
    CHECK(box.all("a").size() == taken);
  }
  SUBCASE("the process dies") {
    const Sequence durable = state.durable;
    box.kill();
    box.disk.set_capacity(UINT64_MAX);
    REQUIRE(box.open());
    CHECK(box.all("a").size() == durable);
  }
}

TEST_CASE("store: a full disk that fails is no full one any more") {
  StoreBox box;
  box.options.bytes_max = 64 << 20;
  REQUIRE(box.open());
  box.disk.set_capacity(box.disk.used() + (2 << 20));
  fill(box);
  box.loop.run_for(10s);
  REQUIRE(box.store->status().code() == Errc::kStorageFull);
  box.disk.set_capacity(UINT64_MAX);
  box.disk.fail_writes(1'000'000);
  box.loop.run_for(1min);
  CHECK(box.store->status().code() == Errc::kStorage);
}

TEST_CASE("store: on a full disk a trim uses the reserve") {
  StoreBox box;
  box.options.bytes_max = 64 << 20;
  REQUIRE(box.open());
  fill(box, 4000);
  CHECK(box.sync().ok());
  box.loop.run_for(10s);
  box.disk.set_capacity(box.disk.used());
  box.store->log("a").trim(3500);
  CHECK(box.sync().ok());
  CHECK(box.append("a", "x") != 0);
  CHECK(box.sync().ok());
  CHECK(box.store->status().ok());
}

TEST_CASE("store: a reserve that was given away is made again when there is room") {
  for (const Duration pause : {Duration(100ms), Duration(20s)}) {
    INFO("seconds between commits ", std::chrono::duration<double>(pause).count());
    StoreBox box;
    REQUIRE(box.open());
    fill(box, 4000);
    CHECK(box.sync().ok());
    box.loop.run_for(10s);
    box.disk.set_capacity(box.disk.used());
    box.store->log("a").trim(3500);
    CHECK(box.sync().ok());
    CHECK(box.disk.content("/box/petiole.db-reserve") == nullptr);
    box.disk.set_capacity(UINT64_MAX);
    for (Duration spent{}; spent < 2min; spent += pause) {
      CHECK(box.append("a", "x") != 0);
      box.loop.run_for(pause);
    }
    CHECK(box.disk.content("/box/petiole.db-reserve") != nullptr);
  }
}

// In the WAL there would be room for it, and then none to copy it back: no commit could follow.
TEST_CASE("store: a group that takes the last room of a disk does not lock the store up") {
  for (const std::uint64_t kibibytes : {2'000, 3'000, 4'000, 5'000}) {
    CAPTURE(kibibytes);
    StoreBox box;
    REQUIRE(box.open());
    fill(box, 8000);
    CHECK(box.sync().ok());
    box.loop.run_for(10s);
    box.disk.set_capacity(box.disk.used() + (1 << 20));
    for (std::uint64_t i = 0; i < kibibytes; ++i) box.append("a", std::string(1024, 'g'));
    box.loop.run_for(5s);
    const Sequence last = box.store->log("a").last();
    box.store->log("a").trim(7000);
    box.loop.run_for(5s);
    box.store->log("a").trim(7500);
    box.loop.run_for(5s);
    const bool durable = box.store->log("a").state().durable == last;
    CHECK((durable || box.store->status().code() == Errc::kStorageFull));
    box.kill();
    REQUIRE(box.open());
    CHECK(box.all("a").size() == (durable ? 500 + kibibytes : 8000));
    box.store->log("a").trim(7900);
    box.loop.run_for(5s);
    CHECK(box.append("a", "x") != 0);
    CHECK(box.sync().ok());
  }
}

// Others took what room there was while nothing ran, or before, and the reserve is gone.
TEST_CASE("store: a full disk holds up no start") {
  for (const auto& [reserve, clean] :
       {std::pair(true, true), {true, false}, {false, true}, {false, false}}) {
    INFO("reserve ", reserve, ", clean ", clean);
    StoreBox box;
    REQUIRE(box.open());
    std::size_t count = fill(box, 10'000);
    CHECK(box.sync().ok());
    if (!reserve) {
      box.disk.set_capacity(box.disk.used());
      while (box.disk.content("/box/petiole.db-reserve") != nullptr) count += fill(box, 50);
      box.disk.set_capacity(box.disk.used() + (2 << 20));
      count += fill(box, 1'000);
      box.loop.run_for(clean ? 10s : 1s);
      CHECK(box.disk.content("/box/petiole.db-reserve") == nullptr);
    }
    clean ? box.close() : box.kill();
    box.disk.set_capacity(box.disk.used());
    REQUIRE(box.open());
    const LogState state = box.store->log("a").state();
    CHECK(state.messages == count);
    CHECK(box.all("a").size() == count);
    box.store->log("a").trim(8'000);
    CHECK(box.sync().ok());
    CHECK(box.append("a", "next") != 0);
    CHECK(box.sync().ok());
  }
}

TEST_CASE("store: after a failed sync it refuses for good, and a restart shows what was durable") {
  StoreBox box;
  REQUIRE(box.open());
  box.append("a", "durable");
  CHECK(box.sync().ok());
  Errc told = Errc::kOk;
  box.store->on_status([&](Status status) { told = status.code(); });
  box.disk.fail_syncs(1);
  box.append("a", "unknown");
  CHECK(box.sync().code() == Errc::kStorage);
  CHECK(told == Errc::kStorage);
  CHECK(box.store->status().code() == Errc::kStorage);
  CHECK(box.append("a", "x") == 0);
  CHECK(box.store->log("a").state().durable == 1);
  CHECK(box.store->log("a").state().last == 2);
  CHECK(box.sync().code() == Errc::kStorage);
  box.loop.run_for(1min);
  CHECK(box.store->status().code() == Errc::kStorage);
  box.disk.power_cut();
  box.close();
  REQUIRE(box.open());
  CHECK(box.all("a").at(0) == std::pair<Sequence, std::string>(1, "durable"));
  CHECK(box.append("a", "x") > 2);
}

TEST_CASE("store: a disk that failed is known to the next starts until the doubt is settled") {
  StoreBox box;
  REQUIRE(box.open());
  CHECK_FALSE(box.store->recovery().doubtful);
  box.append("a", "1");
  box.disk.fail_syncs(1);
  CHECK(box.sync().code() == Errc::kStorage);
  box.loop.run_for(10s);
  CHECK(box.store->doubt_noted());
  for (int start = 1; start <= 2; ++start) {
    box.power_cut();
    REQUIRE(box.open());
    CHECK(box.store->recovery().doubtful);
  }
  box.store->set_state("k", "true again");
  box.store->settle_doubt();
  CHECK(box.sync().ok());
  box.loop.run_for(1s);
  box.power_cut();
  REQUIRE(box.open());
  CHECK_FALSE(box.store->recovery().doubtful);
}

TEST_CASE("store: an error while writing is for good, one while reading is not") {
  StoreBox box;
  const std::string large(200000, '1');
  REQUIRE(box.open());
  box.append("a", large);
  CHECK(box.sync().ok());
  box.close();
  REQUIRE(box.open());
  box.disk.fail_reads(1);
  const Result<Page> page = box.read("a", 0);
  CHECK(page.code() == Errc::kStorage);
  CHECK(box.all("a") == Records{{1, large}});
  CHECK(box.append("a", "2") == 2);
  CHECK(box.sync().ok());
  box.disk.fail_writes(1);
  box.append("a", "3");
  CHECK(box.sync().code() == Errc::kStorage);
  CHECK(box.append("a", "4") == 0);
  CHECK(box.all("a") == Records{{1, large}, {2, "2"}});
}

TEST_CASE("store: a quota that is used up is a full disk and heals, another error is for good") {
  StoreBox box;
  REQUIRE(box.open());
  box.append("a", "1");
  CHECK(box.sync().ok());
  box.disk.set_errno(EDQUOT);
  box.disk.fail_writes(1000);
  box.append("a", "2");
  CHECK(box.sync().code() == Errc::kStorageFull);
  box.disk.fail_writes(0);
  box.loop.run_for(5s);
  CHECK(box.store->status().ok());
  CHECK(box.all("a") == Records{{1, "1"}, {2, "2"}});
  box.disk.set_errno(EIO);
  box.disk.fail_writes(1);
  box.append("a", "3");
  CHECK(box.sync().code() == Errc::kStorage);
}

}  // namespace
}  // namespace petiole::test
