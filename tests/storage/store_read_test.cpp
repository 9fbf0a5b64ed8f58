// A disk that gives back some of what it holds, and some not.
#include <doctest/doctest.h>

#include "tests/storage/store_box.h"

namespace petiole::test {
namespace {

constexpr const char* kFile = "/box/petiole.db";

// One segment of 80 records a letter, in the database file and not in the WAL.
void fill(StoreBox& box, const std::string& letters) {
  REQUIRE(box.open());
  for (const char letter : letters) {
    for (int i = 0; i < 80; ++i) box.append("a", std::string(700, letter));
    CHECK(box.sync().ok());
  }
  box.close();
}

void spoil(StoreBox& box, char letter) {
  const std::size_t at = box.disk.content(kFile)->find(std::string(4000, letter));
  REQUIRE(at != std::string::npos);
  box.disk.spoil(kFile, at + 300);
}

TEST_CASE("store: a place that the disk gives no more holds nothing up for good") {
  StoreBox box;
  fill(box, "ABC");
  spoil(box, 'B');
  REQUIRE(box.open());
  std::uint64_t lost = 0;
  box.store->on_loss([&](const std::string&, const auto& records) { lost += records.size(); });
  const Result<Page> before = box.read("a", 0);
  REQUIRE(before.ok());  // What is before it goes first.
  CHECK(before->records.size() == 80);
  CHECK(before->next == 80);
  for (int i = 0; i < 9; ++i) CHECK(box.read("a", 80).code() == Errc::kStorage);
  CHECK(lost == 0);
  const Result<Page> behind = box.read("a", 80);
  REQUIRE(behind.ok());
  CHECK(lost == 80);
  CHECK(behind->records.size() == 80);
  CHECK(behind->records.front().sequence == 161);
  CHECK(box.all("a").size() == 160);
}

TEST_CASE("store: a bad place is given up where the newest is bad, too") {
  StoreBox box;
  fill(box, "ABCD");
  spoil(box, 'A');
  spoil(box, 'D');
  REQUIRE(box.open());
  std::uint64_t lost = 0;
  box.store->on_loss([&](const std::string&, const auto& records) { lost += records.size(); });
  for (int i = 0; i < 10; ++i) (void)box.read("a", 0);
  CHECK(lost == 80);
  CHECK(box.all("a").size() == 160);
}

TEST_CASE("store: nothing is given up while the disk gives nothing else") {
  StoreBox box;
  fill(box, "AB");
  spoil(box, 'A');
  spoil(box, 'B');
  REQUIRE(box.open());
  std::uint64_t lost = 0;
  box.store->on_loss([&](const std::string&, const auto& records) { lost += records.size(); });
  for (int i = 0; i < 20; ++i) CHECK(box.read("a", 0).code() == Errc::kStorage);
  CHECK(lost == 0);
}

TEST_CASE("store: nothing is given up that a disk without writes may give again") {
  StoreBox box;
  fill(box, "ABC");
  spoil(box, 'B');
  REQUIRE(box.open());
  std::uint64_t lost = 0;
  box.store->on_loss([&](const std::string&, const auto& records) { lost += records.size(); });
  box.disk.fail_writes(1000);  // It is gone, and what was read before comes from memory.
  for (int i = 0; i < 20; ++i) CHECK(box.read("a", 80).code() == Errc::kStorage);
  CHECK(lost == 0);
}

TEST_CASE("store: a place that the disk gives no more costs a start what was there, and no more") {
  for (std::size_t page = 0; page < 80; ++page) {
    CAPTURE(page);
    StoreBox box(page + 1);
    fill(box, "ABC");
    const std::string before = *box.disk.content(kFile);
    if (page * 4096 >= before.size()) return;
    box.disk.spoil(kFile, page * 4096 + 100);
    const bool opened = box.open();
    INFO(box.error);
    REQUIRE(opened);
    std::uint64_t lost = box.store->recovery().lost_messages;
    box.store->on_loss([&](const std::string&, const auto& records) { lost += records.size(); });
    auto records = box.all("a");
    for (int i = 0; i < 10; ++i) {  // It is asked for again and again before it is given up.
      const Sequence after = records.empty() ? 0 : records.back().first;
      if (const auto more = box.read("a", after); more.ok() && !more->records.empty())
        records = box.all("a");
    }
    if (records.empty()) records = box.all("recovered-1");
    const StoreRecovery& recovery = box.store->recovery();
    CHECK(records.size() + lost <= 240);
    CHECK((records.size() + lost == 240 || recovery.lost_uncounted));
    const bool roots = page == 0 || page == 3;  // Of all, and of the segments.
    if (!roots) CHECK(records.size() >= 80);
    if (!recovery.quarantined.empty()) {
      CHECK(box.disk.content(recovery.quarantined)->size() == before.size());
      box.store->settle_salvage();
    }
    CHECK(box.append("a", "x") != 0);
    CHECK(box.sync().ok());
    box.close();
    REQUIRE(box.open());  // What it has now is whole.
    CHECK(box.store->recovery().quarantined.empty());
  }
  FAIL("the file has no end");
}

// Of three commits in the WAL, `letter`'s cannot be read.
void spoil_wal(StoreBox& box, char letter) {
  REQUIRE(box.open());
  for (const char each : {'A', 'B', 'C'}) {
    for (int i = 0; i < 80; ++i) box.append("a", std::string(700, each));
    CHECK(box.sync().ok());
  }
  box.kill();
  const std::string wal = std::string(kFile) + "-wal";
  box.disk.spoil(wal, box.disk.content(wal)->find(std::string(4000, letter)) + 300);
}

TEST_CASE("store: a place of the log ahead that cannot be read ends it there, in doubt") {
  StoreBox box;
  spoil_wal(box, 'B');
  REQUIRE(box.open());
  const StoreRecovery recovery = box.store->recovery();
  CHECK_FALSE(recovery.quarantined.empty());
  CHECK(box.disk.content(recovery.quarantined + "-wal") != nullptr);
  CHECK(recovery.lost_uncounted);
  CHECK(recovery.doubtful);  // States are older than what was done with the records.
  CHECK(box.all("a").size() == 80);
}

TEST_CASE("store: a disk that gives nothing is left as it is, and may have all at the next start") {
  StoreBox box;
  fill(box, "ABC");
  const std::vector<std::string> files = box.disk.files();
  box.disk.fail_reads(1'000'000);
  CHECK_FALSE(box.open());
  CHECK(box.status.code() == Errc::kStorage);
  CHECK(box.disk.files() == files);
  box.disk.fail_reads(0);
  REQUIRE(box.open());
  CHECK(box.store->recovery().quarantined.empty());
  CHECK(box.all("a").size() == 240);
}

TEST_CASE("store: a file of which nothing is given is not replaced by an empty one") {
  StoreBox box;
  fill(box, "ABC");
  const std::vector<std::string> files = box.disk.files();
  const std::string before = *box.disk.content(kFile);
  for (std::size_t at = 0; at < before.size(); at += 512) box.disk.spoil(kFile, at);
  for (int start = 0; start < 2; ++start) {
    CAPTURE(start);
    CHECK_FALSE(box.open());  // Though new files could be written, and read.
    CHECK(box.status.code() == Errc::kStorage);
    CHECK(box.disk.files() == files);
    CHECK(*box.disk.content(kFile) == before);
  }
}

TEST_CASE("store: what is read at the third try was never unreadable, and after it is damaged") {
  for (const int tries : {1, 2, 3}) {
    CAPTURE(tries);
    StoreBox box;
    fill(box, "ABC");
    box.disk.fail_reads(1 + tries);  // The look at the head, which nothing hangs on.
    REQUIRE(box.open());
    CHECK(box.store->recovery().quarantined.empty() == (tries < 3));
    CHECK(box.all("a").size() == 240);
  }
}

// The segments between both ends are not readable, and a look at each takes the disk a second.
TEST_CASE("store: a read that the disk does not answer is told, as a write is") {
  StoreBox box;
  REQUIRE(box.open());
  box.append("a", "1");
  REQUIRE(box.sync().ok());
  box.loop.run_for(1min);  // At rest.
  std::vector<Errc> told;
  box.store->on_status([&told](Status status) { told.push_back(status.code()); });
  box.job_takes = 40s;
  for (int i = 0; i < 2; ++i) box.store->log("a").read(0, 1, 1, [](Result<Page>) {});
  box.loop.run_for(14s);
  CHECK(told.empty());
  box.loop.run_for(2s);
  CHECK(told == std::vector{Errc::kTimeout});
  box.job_takes = 1ms;
  box.loop.run_for(5min);
  CHECK(told == std::vector{Errc::kTimeout, Errc::kOk, Errc::kTimeout, Errc::kOk});
}

TEST_CASE("store: a disk that is slow to say no is asked once for each place") {
  StoreBox box;
  REQUIRE(box.open());
  for (int i = 0; i < 2000; ++i) {
    box.append("a", std::string(3000, 'x'));
    CHECK(box.sync().ok());
  }
  box.close();
  const std::uint64_t pages = box.disk.content(kFile)->size() / 4096;
  for (std::uint64_t page = 40; page < pages; ++page) box.disk.spoil(kFile, page * 4096);
  REQUIRE(box.open());
  CHECK_FALSE(box.store->recovery().quarantined.empty());
  CHECK(box.disk.refused_reads() < pages + 100);
}

}  // namespace
}  // namespace petiole::test
