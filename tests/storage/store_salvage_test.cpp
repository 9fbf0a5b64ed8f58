// What the store does with a damaged database: it sets it aside, and moves what is readable.
#include <doctest/doctest.h>

#include <algorithm>

#include "storage/database.h"
#include "tests/storage/store_box.h"

namespace petiole::test {
namespace {

using Records = std::vector<std::pair<Sequence, std::string>>;

// Three segments of a log, in the database file and not in the WAL.
void make_three(StoreBox& box) {
  box.options.reserve_bytes = 64 << 10;  // Of the default's 4 MiB each start would take its time.
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
  box.store->on_loss([&](const std::string& log, const auto& records) {
    which = log;
    lost += records.size();
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
  box.store->on_loss([&](const std::string&, const auto& gone) { lost += gone.size(); });
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
    box.store->on_loss([&](const std::string&, const auto& records) { lost += records.size(); });
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
void change(StoreBox& box, const std::string& sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2("/box/petiole.db", &db, SQLITE_OPEN_READWRITE, box.disk.name().c_str()) ==
          SQLITE_OK);
  const SqliteHandle close(db);
  REQUIRE(execute(db, ("PRAGMA locking_mode=EXCLUSIVE; " + sql).c_str()) == SQLITE_OK);
}

void change_row(StoreBox& box, int number, const std::string& values) {
  change(box, "UPDATE segment SET " + values + " WHERE id=(SELECT min(id)+" +
                  std::to_string(number) + " FROM segment)");
}

TEST_CASE("store: a row with wrong numbers in it takes no other down with it") {
  for (const char* change : {"last=last+1000000", "first=first-50", "count=4000000000"}) {
    CAPTURE(change);
    StoreBox box;
    make_three(box);
    change_row(box, 1, change);
    REQUIRE(box.open());
    const StoreRecovery& recovery = box.store->recovery();
    const std::size_t records = box.all("a").size();
    CHECK(records == recovery.salvaged_messages);
    CHECK(records >= 200);
    CHECK(records + recovery.lost_messages == 300);
  }
}

TEST_CASE("store: a row that says that it is another log's is read by neither, and comes back") {
  for (const int other : {2, 7}) {  // One that there is, and one that there is not.
    CAPTURE(other);
    StoreBox box;
    make_three(box);
    REQUIRE(box.open());
    box.append("b", "x");  // Behind all of "a": only the checksum can tell.
    CHECK(box.sync().ok());
    box.close();
    change_row(box, 1, "log=" + std::to_string(other));
    REQUIRE(box.open());
    std::uint64_t lost = box.store->recovery().lost_messages;
    box.store->on_loss([&](const std::string&, const auto& records) { lost += records.size(); });
    CHECK(box.all("b") == Records{{1, "x"}});
    CHECK(box.all("a").size() + lost == 300);
    if (other == 7) CHECK(lost == 0);  // What no log is known of ends in a salvage.
  }
}

// As the first schema had them: not over the number of the log.
std::vector<std::pair<SegmentId, std::uint32_t>> first_checksums(StoreBox& box) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open_v2("/box/petiole.db", &db, SQLITE_OPEN_READWRITE, box.disk.name().c_str()) ==
          SQLITE_OK);
  const SqliteHandle close(db);
  REQUIRE(execute(db, "PRAGMA locking_mode=EXCLUSIVE") == SQLITE_OK);
  Statement rows(db,
                 (std::string("SELECT ") + kSegmentColumns + ", idx, data FROM segment").c_str());
  std::vector<std::pair<SegmentId, std::uint32_t>> sums;
  while (rows.step() == SQLITE_ROW) {
    const SegmentRow row = segment_row(rows);
    sums.emplace_back(row.id, checksum(0, row.head, rows.bytes(9), rows.bytes(10)));
    CHECK(sums.back().second != row.crc);
  }
  return sums;
}

TEST_CASE("store: rows of the first schema are read, and no older petiole reads the new ones") {
  StoreBox box;
  make_three(box);
  const auto version = [&box] { return box.disk.content("/box/petiole.db")->at(63); };
  CHECK(version() == 2);
  change(box, "PRAGMA user_version=1");
  for (const auto& [id, crc] : first_checksums(box)) {
    change(box,
           "UPDATE segment SET crc=" + std::to_string(crc) + " WHERE id=" + std::to_string(id));
  }
  REQUIRE(box.open());
  CHECK(version() == 2);
  CHECK(box.all("a").size() == 300);
}

TEST_CASE("store: damage before the last one is accounted for adds to it") {
  StoreBox box;
  make_three(box);
  for (int row = 1; row <= 3; ++row) {
    if (row == 1) change(box, "DELETE FROM log");
    if (row > 1) change_row(box, row - 1, "last=last+1000000");
    REQUIRE(box.open());
    if (row < 3) box.close();
  }
  const StoreRecovery& recovery = box.store->recovery();
  CHECK(recovery.recovered_logs == std::vector<std::string>{"recovered-1"});
  CHECK(box.all("recovered-1").size() + recovery.lost_messages == 300);
}

// A page of the segments' table, so that there is something to be counted.
void damage(StoreBox& box) {
  make_three(box);
  std::string& file = *box.disk.content("/box/petiole.db");
  file.replace(file.find(std::string(4000, 'B')) / 4096 * 4096 - 4096, 4096,
               std::string(4096, '\xa5'));
  file.replace(4096 * 2, 4096, std::string(4096, '\xa5'));
}

// The same pages, which the disk does not give.
void spoil_pages(StoreBox& box) {
  make_three(box);
  std::string& file = *box.disk.content("/box/petiole.db");
  for (const std::size_t at :
       {file.find(std::string(4000, 'B')) / 4096 * 4096 - 4096, std::size_t{4096 * 2}}) {
    file.replace(at, 4096, std::string(4096, '\0'));  // What a copy of them would hold.
    box.disk.spoil("/box/petiole.db", at);
  }
}

void spoil_wal(StoreBox& box) {
  REQUIRE(box.open());
  for (const char each : {'A', 'B', 'C'}) {
    for (int i = 0; i < 100; ++i) box.append("a", std::string(700, each));
    box.store->set_state("ledger", std::string(1, each));
    CHECK(box.sync().ok());
  }
  box.kill();
  const std::string wal = "/box/petiole.db-wal";
  box.disk.spoil(wal, box.disk.content(wal)->find(std::string(4000, 'B')));
}

struct Salvaged {
  std::size_t records = 0;
  std::uint64_t lost = 0;
  bool uncounted = false;
  bool doubtful = false;
  std::string ledger;
  bool operator==(const Salvaged&) const = default;
};

Salvaged result_of(StoreBox& box) {
  const StoreRecovery& recovery = box.store->recovery();
  Salvaged result{0, recovery.lost_messages, recovery.lost_uncounted, recovery.doubtful,
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

// False: it came to its end before that step.
bool cut_short(StoreBox& box, std::uint64_t step, bool power, const Salvaged& expected) {
  const std::string damaged = *box.disk.content("/box/petiole.db");
  box.disk.fail_after(step);
  const bool opened = box.open();
  const bool died = box.disk.died();
  power ? box.power_cut() : box.kill();
  if (opened && !died) return false;
  if (in_a_rename(box, damaged)) return true;
  REQUIRE(box.open());
  CHECK(starts_with_quarantine(box));
  const Salvaged result = result_of(box);
  CHECK(result.records == expected.records);
  CHECK(result.lost == expected.lost);
  CHECK(result.uncounted == expected.uncounted);
  CHECK(result.doubtful == expected.doubtful);
  CHECK(result.ledger == expected.ledger);
  return true;
}

TEST_CASE("store: a salvage that is cut short at any step is made or finished by the next start") {
  for (void (*const harm)(StoreBox&) : {damage, spoil_pages, spoil_wal}) {
    StoreBox whole(2);  // A disk of its own.
    harm(whole);
    REQUIRE(whole.open());
    REQUIRE(starts_with_quarantine(whole));
    const Salvaged expected = result_of(whole);
    CHECK(expected.records >= 100);
    CHECK(expected.doubtful == (harm == spoil_wal));
    for (const bool power : {false, true}) {
      if (power && harm == damage) continue;  // Done to what is seen: a power cut would undo it.
      std::uint64_t step = 1;
      for (bool more = true; more; step += stride_of(harm == damage ? 1 : 7)) {
        CAPTURE(step);
        CAPTURE(power);
        REQUIRE(step < 1000);
        StoreBox box(power ? step + 10 : 1);
        harm(box);
        more = cut_short(box, step, power, expected);
      }
      CHECK(step > 20);
    }
  }
}

// More segments than a salvage copies at once, and one before that nobody has accounted for.
void damage_again(StoreBox& box) {
  REQUIRE(box.open());
  for (int i = 0; i < 80; ++i) {
    box.append("a", std::string(40'000, static_cast<char>('0' + i)));
    CHECK(box.sync().ok());
  }
  box.close();
  for (const char at : {'A', 'B'}) {
    std::string& file = *box.disk.content("/box/petiole.db");
    file[file.find(std::string(4000, at)) + 300] = '?';
    file.replace(4096 * 2, 4096, std::string(4096, '\xa5'));
    if (at == 'B') return;
    REQUIRE(box.open());
    REQUIRE(starts_with_quarantine(box));
    box.close();
  }
}

// Whoever wants a new store removes the database alone.
TEST_CASE("store: half a salvage is no database when the damaged one was removed by hand") {
  const std::string path = "/box/petiole.db";
  void (*harm)(StoreBox&) = damage;
  std::uint64_t stride = 1;
  SUBCASE("small") {}
  SUBCASE("large") {
    harm = damage_again;
    stride = 197;
  }
  StoreBox whole(2);  // A disk of its own.
  harm(whole);
  REQUIRE(whole.open());
  const std::size_t records = result_of(whole).records;
  int halves = 0;
  for (std::uint64_t step = 1;; step += stride_of(stride)) {
    CAPTURE(step);
    REQUIRE(step < 20'000);
    StoreBox box;
    harm(box);
    const std::string damaged = *box.disk.content(path);
    box.disk.fail_after(step);
    const bool opened = box.open();
    const bool died = box.disk.died();
    box.kill();
    if (opened && !died) break;
    if (in_a_rename(box, damaged)) continue;
    halves += box.disk.content(path + ".salvage") != nullptr ? 1 : 0;
    box.disk.remove(path);
    box.disk.remove(path + "-wal");
    REQUIRE(box.open());
    const std::size_t found = result_of(box).records;
    const StoreRecovery& recovery = box.store->recovery();
    CHECK((recovery.created ? found == 0 && recovery.quarantined.empty() : found == records));
    CHECK(box.disk.content(path + ".salvage") == nullptr);
    CHECK(box.disk.content(path + ".salvage-wal") == nullptr);
  }
  CHECK(halves * stride_of(1) > 10);
}

TEST_CASE("store: half a salvage takes no room once there is a sound database") {
  const std::string path = "/box/petiole.db";
  StoreBox box;
  make_three(box);
  const std::string sound = *box.disk.content(path);
  damage(box);
  box.disk.fail_after(20);
  CHECK_FALSE(box.open());
  box.kill();
  REQUIRE(box.disk.content(path + ".salvage") != nullptr);
  *box.disk.content(path) = sound;
  box.disk.remove(path + "-wal");
  REQUIRE(box.open());
  CHECK(box.store->recovery().quarantined.empty());
  CHECK(box.all("a").size() == 300);
  CHECK(box.disk.content(path + ".salvage") == nullptr);
  CHECK(box.disk.content(path + ".salvage-wal") == nullptr);
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
