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

// Three segments of a log, in the database file and not in the WAL.
void make_three(StoreBox& box) {
  REQUIRE(box.open());
  for (int segment = 0; segment < 3; ++segment) {
    for (int i = 0; i < 100; ++i)
      box.append("a", std::string(700, static_cast<char>('A' + segment)));
    CHECK(box.sync().ok());
  }
  box.store->set_state("ledger", "precious");
  box.close();
}

TEST_CASE("store: a damaged segment is skipped, counted once and never comes back") {
  StoreBox box;
  make_three(box);
  std::string& file = *box.disk.content("/box/petiole.db");
  const std::size_t at = file.find(std::string(4000, 'B'));
  REQUIRE(at != std::string::npos);
  file[at + 300] = '?';
  std::uint64_t lost = 0;
  std::string which;
  REQUIRE(box.open());
  box.store->on_loss([&](const std::string& log, std::uint64_t messages) {
    which = log;
    lost += messages;
  });
  const Records records = box.all("a");
  CHECK(lost > 0);
  CHECK(lost <= 100);
  CHECK(which == "a");
  CHECK(records.size() == 300 - lost);
  CHECK(box.store->log("a").state().messages == records.size());
  CHECK(box.all("a") == records);
  CHECK(box.sync().ok());
  box.close();
  const std::uint64_t once = lost;
  REQUIRE(box.open());
  box.store->on_loss([&](const std::string&, std::uint64_t messages) { lost += messages; });
  CHECK(box.all("a") == records);
  CHECK(lost == once);
}

bool starts_with_quarantine(const StoreBox& box) {
  return box.store->recovery().quarantined.find("/box/petiole.db.quarantine-20") == 0;
}

TEST_CASE("store: a database without a head is set aside, and a new one begins") {
  StoreBox box;
  make_three(box);
  const std::uint32_t epoch = [&] {
    REQUIRE(box.open());
    const std::uint32_t before = box.store->epoch();
    box.close();
    return before;
  }();
  std::string& file = *box.disk.content("/box/petiole.db");
  file.replace(0, 100, std::string(100, '#'));
  const std::string damaged = file;
  REQUIRE(box.open());
  CHECK(starts_with_quarantine(box));
  CHECK(*box.disk.content(box.store->recovery().quarantined) == damaged);
  CHECK(box.store->recovery().lost_uncounted);
  CHECK(box.store->epoch() != epoch);
  CHECK(box.append("a", "new") != 0);
  CHECK(box.sync().ok());
  CHECK(box.all("a").size() == 1);
}

TEST_CASE("store: what was set aside is never overwritten, whatever the clock says") {
  StoreBox box;
  std::vector<std::string> damaged, aside;
  for (int i = 0; i < 3; ++i) {
    box.clock.set_wall_offset(24h * 365 - box.clock.now().time_since_epoch());
    REQUIRE(box.open());
    box.close();
    std::string& file = *box.disk.content("/box/petiole.db");
    file.replace(0, 100, std::string(100, static_cast<char>('1' + i)));
    damaged.push_back(file);
    box.clock.set_wall_offset(24h * 365 - box.clock.now().time_since_epoch());
    REQUIRE(box.open());
    aside.push_back(box.store->recovery().quarantined);
    box.store->settle_salvage();
    box.close();
  }
  for (std::size_t i = 0; i < aside.size(); ++i) {
    REQUIRE(box.disk.content(aside[i]) != nullptr);
    CHECK(*box.disk.content(aside[i]) == damaged[i]);
  }
}

TEST_CASE("store: of a database with damaged pages all that is readable moves to a new one") {
  for (std::size_t page = 1; page < 40; ++page) {
    StoreBox box(page);
    make_three(box);
    std::string& file = *box.disk.content("/box/petiole.db");
    if (page * 4096 >= file.size()) return;
    file.replace(page * 4096, 4096, std::string(4096, '\xa5'));
    INFO("page ", page + 1);
    const bool opened = box.open();
    INFO(box.error);
    REQUIRE(opened);
    std::uint64_t lost = box.store->recovery().lost_messages;
    box.store->on_loss([&](const std::string&, std::uint64_t messages) { lost += messages; });
    // A log whose name was on the damaged page is found under its number.
    Records records = box.all("a");
    if (records.empty()) records = box.all("recovered-1");
    CHECK(records.size() <= 300);
    for (std::size_t i = 0; i < records.size(); ++i) {
      CHECK(records[i].second ==
            std::string(700, static_cast<char>('A' + (records[i].first - 1) / 100)));
      if (i > 0) CHECK(records[i - 1].first < records[i].first);
    }
    CHECK(records.size() + lost <= 300);
    // What is lost is counted, or it is said that nobody can count it.
    CHECK((records.size() + lost == 300 || box.store->recovery().lost_uncounted));
    if (!box.store->recovery().quarantined.empty()) {
      CHECK(starts_with_quarantine(box));
      CHECK(box.store->recovery().salvaged_messages == records.size());
    } else {
      CHECK(records.size() + lost == 300);
    }
    CHECK(box.append("a", "x") != 0);
    CHECK(box.sync().ok());
  }
}

// As a flipped bit does that SQLite cannot see: it keeps no checksums.
void change_row(StoreBox& box, int number, const std::string& change) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2("/box/petiole.db", &db, SQLITE_OPEN_READWRITE, box.disk.name().c_str()) ==
          SQLITE_OK);
  const SqliteHandle close(db);
  const std::string sql = "PRAGMA locking_mode=EXCLUSIVE; UPDATE segment SET " + change +
                          " WHERE id=(SELECT min(id)+" + std::to_string(number) + " FROM segment)";
  REQUIRE(execute(db, sql.c_str()) == SQLITE_OK);
}

TEST_CASE("store: a row with wrong numbers in it takes no other down with it") {
  for (const char* change : {"last=last+1000000", "first=first-50", "count=4000000000", "log=7"}) {
    CAPTURE(change);
    StoreBox box;
    make_three(box);
    change_row(box, 1, change);
    REQUIRE(box.open());
    const StoreRecovery& recovery = box.store->recovery();
    const std::size_t records = box.all("a").size() + box.all("recovered-7").size();
    CHECK(records == recovery.salvaged_messages);
    CHECK(records >= 200);
    CHECK(records + recovery.lost_messages == 300);
  }
}

TEST_CASE("store: damage before the last one is accounted for adds to it") {
  StoreBox box;
  make_three(box);
  for (int row = 1; row <= 3; ++row) {
    change_row(box, row, row == 1 ? "log=7" : "last=last+1000000");
    REQUIRE(box.open());
    if (row < 3) box.close();
  }
  const StoreRecovery& recovery = box.store->recovery();
  CHECK(recovery.recovered_logs == std::vector<std::string>{"recovered-7"});
  CHECK(box.all("a").size() + box.all("recovered-7").size() + recovery.lost_messages == 300);
}

// A page of the segments' table, so that there is something to be counted.
void damage(StoreBox& box) {
  make_three(box);
  std::string& file = *box.disk.content("/box/petiole.db");
  file.replace(file.find(std::string(4000, 'B')) / 4096 * 4096 - 4096, 4096,
               std::string(4096, '\xa5'));
  file.replace(4096 * 2, 4096, std::string(4096, '\xa5'));
}

struct Salvaged {
  std::size_t records = 0;
  std::uint64_t lost = 0;
  bool uncounted = false;
  std::string ledger;
  bool operator==(const Salvaged&) const = default;
};

Salvaged result_of(StoreBox& box) {
  const StoreRecovery& recovery = box.store->recovery();
  Salvaged result{0, recovery.lost_messages, recovery.lost_uncounted,
                  box.store->state("ledger").value_or("none")};
  for (const char* log : {"a", "recovered-1"}) result.records += box.all(log).size();
  return result;
}

// A rename is one step; where the simulated disk has to copy, half a copy is no state of a real
// one.
bool in_a_rename(StoreBox& box, const std::string& damaged) {
  const std::string path = "/box/petiole.db";
  bool set_aside = false;
  for (const std::string& file : box.disk.files()) {
    set_aside = set_aside || (file.starts_with(path + ".quarantine-") && !file.ends_with("-wal") &&
                              *box.disk.content(file) == damaged);
  }
  return set_aside && box.disk.content(path) && box.disk.content(path + ".salvage");
}

TEST_CASE("store: a salvage that is cut short at any step is made or finished by the next start") {
  StoreBox whole(2);  // A disk of its own.
  damage(whole);
  REQUIRE(whole.open());
  REQUIRE(starts_with_quarantine(whole));
  const Salvaged expected = result_of(whole);
  for (std::uint64_t step = 1; step < 1000; ++step) {
    CAPTURE(step);
    StoreBox box;
    damage(box);
    const std::string damaged = *box.disk.content("/box/petiole.db");
    box.disk.fail_after(step);
    const bool opened = box.open();
    const bool died = box.disk.died();
    box.kill();
    if (opened && !died) return;
    if (in_a_rename(box, damaged)) continue;
    REQUIRE(box.open());
    CHECK(starts_with_quarantine(box));
    const Salvaged result = result_of(box);
    CHECK(result.records == expected.records);
    CHECK(result.lost == expected.lost);
    CHECK(result.uncounted == expected.uncounted);
    CHECK(result.ledger == expected.ledger);
  }
  FAIL("the salvage has no end");
}

TEST_CASE("store: what a salvage lost is told until it is accounted for") {
  StoreBox box;
  damage(box);
  REQUIRE(box.open());
  const Salvaged first = result_of(box);
  for (int start = 0; start < 2; ++start) {
    box.kill();
    REQUIRE(box.open());
    CHECK(starts_with_quarantine(box));
    CHECK(result_of(box) == first);
  }
  box.store->set_state("ledger", "all counted");
  box.store->settle_salvage();
  CHECK(box.sync().ok());
  box.kill();
  REQUIRE(box.open());
  CHECK(box.store->recovery().quarantined.empty());
  CHECK(box.store->recovery().lost_messages == 0);
}

TEST_CASE("store: a salvage that finds no room leaves all as it was") {
  StoreBox box;
  damage(box);
  const std::string before = *box.disk.content("/box/petiole.db");
  box.disk.set_capacity(box.disk.used() + 100'000);
  CHECK_FALSE(box.open());
  CHECK(box.status.code() == Errc::kStorageFull);
  CHECK(*box.disk.content("/box/petiole.db") == before);
  CHECK(box.disk.content("/box/petiole.db.salvage") == nullptr);
  box.disk.set_capacity(UINT64_MAX);
  REQUIRE(box.open());
  StoreBox whole(2);  // A disk of its own.
  damage(whole);
  REQUIRE(whole.open());
  CHECK(result_of(box) == result_of(whole));
}

TEST_CASE("store: a read error at a start never makes a new life of the sequences") {
  for (int reads = 1; reads < 30; ++reads) {
    CAPTURE(reads);
    StoreBox box;
    make_three(box);
    REQUIRE(box.open());
    const std::uint32_t epoch = box.store->epoch();
    box.close();
    box.disk.fail_reads(reads);
    if (box.open()) CHECK(box.store->epoch() == epoch);
  }
}

}  // namespace
}  // namespace petiole::test
