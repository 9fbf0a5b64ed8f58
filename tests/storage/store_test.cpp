#include <doctest/doctest.h>

#include "tests/storage/store_box.h"

namespace petiole::test {
namespace {

using Records = std::vector<std::pair<Sequence, std::string>>;

TEST_CASE("store: what was durable is there after a clean end, with its states") {
  StoreBox box;
  REQUIRE(box.open());
  CHECK(box.store->recovery().created);
  CHECK(box.append("a", "one") == 1);
  CHECK(box.append("a", "two") == 2);
  CHECK(box.append("b", "other") == 1);
  box.store->set_state("cursor", std::string_view("x\0y", 3));
  CHECK(box.store->log("a").state().durable == 0);
  CHECK(box.sync().ok());
  CHECK(box.store->log("a").state().durable == 2);
  const std::uint32_t epoch = box.store->epoch();
  box.close();
  REQUIRE(box.open());
  CHECK(box.store->epoch() == epoch);
  CHECK_FALSE(box.store->recovery().created);
  CHECK_FALSE(box.store->recovery().unclean);
  CHECK(box.all("a") == Records{{1, "one"}, {2, "two"}});
  CHECK(box.all("b") == Records{{1, "other"}});
  CHECK(box.store->state("cursor") == std::string("x\0y", 3));
  CHECK(box.append("a", "three") == 3);
}

TEST_CASE("store: a close commits what is queued") {
  StoreBox box;
  REQUIRE(box.open());
  box.append("a", "late");
  box.close();
  REQUIRE(box.open());
  CHECK(box.all("a") == Records{{1, "late"}});
}

// As of an image for many boxes that was started once: their ids must differ from the first on.
TEST_CASE("store: an empty one that comes back from a clean end begins a new epoch") {
  StoreBox box;
  REQUIRE(box.open());
  box.append("a", "gone");
  box.close();
  REQUIRE(box.open());
  const std::uint32_t epoch = box.store->epoch();
  box.store->log("a").trim(1);
  CHECK(box.sync().ok());
  box.kill();
  REQUIRE(box.open());
  CHECK(box.store->epoch() == epoch);  // A crash after a crash would make one each time.
  box.close();
  REQUIRE(box.open());
  CHECK(box.store->epoch() != epoch);
  CHECK_FALSE(box.store->recovery().created);
  CHECK(box.append("a", "next") > 1);
}

TEST_CASE("store: after a kill the run counts as unclean and no sequence comes twice") {
  StoreBox box;
  REQUIRE(box.open());
  box.append("a", "durable");
  CHECK(box.sync().ok());
  const Sequence handed_out = box.append("a", "never committed");
  box.kill();
  REQUIRE(box.open());
  CHECK(box.store->recovery().unclean);
  CHECK(box.all("a") == Records{{1, "durable"}});
  CHECK(box.append("a", "next") > handed_out);
  CHECK(box.sync().ok());
  CHECK(box.all("a").size() == 2);
}

TEST_CASE("store: trims and removals are seen at once and after a restart") {
  StoreBox box;
  REQUIRE(box.open());
  for (int i = 1; i <= 10; ++i) box.append("a", std::to_string(i));
  CHECK(box.sync().ok());
  Log& log = box.store->log("a");
  log.trim(3);
  log.remove(5);
  log.remove(5);   // Twice is once.
  log.remove(99);  // Never was.
  const Records expected{{4, "4"}, {6, "6"}, {7, "7"}, {8, "8"}, {9, "9"}, {10, "10"}};
  CHECK(log.state().messages == 6);
  CHECK(log.state().first == 4);
  CHECK(box.all("a") == expected);
  CHECK(box.sync().ok());
  box.close();
  REQUIRE(box.open());
  CHECK(box.all("a") == expected);
  CHECK(box.store->log("a").state().messages == 6);
  CHECK(box.store->log("a").state().first == 4);
  CHECK(box.store->log("a").state().last == 10);
}

TEST_CASE("store: records that are not on disk yet can be removed and trimmed") {
  StoreBox box;
  REQUIRE(box.open());
  for (int i = 1; i <= 5; ++i) box.append("a", std::to_string(i));
  Log& log = box.store->log("a");
  log.remove(4);
  log.remove(2);
  log.trim(2);
  CHECK(log.state().messages == 2);
  CHECK(log.state().first == 3);
  CHECK(box.sync().ok());
  CHECK(log.state().messages == 2);
  CHECK(box.all("a") == Records{{3, "3"}, {5, "5"}});
}

TEST_CASE("store: the next record that is there, on disk or not, over the gap of a crash") {
  StoreBox box;
  REQUIRE(box.open());
  for (int i = 0; i < 3; ++i) box.append("a", "x");
  CHECK(box.sync().ok());
  box.kill();
  REQUIRE(box.open());
  Log& log = box.store->log("a");
  const Sequence first = box.append("a", "y");
  CHECK(first > 1'000'000);
  for (const bool durable : {false, true}) {
    if (durable) CHECK(box.sync().ok());
    CHECK(log.next(0) == 1);
    CHECK(log.next(3) == first);
    CHECK(log.next(first) == first + 1);
  }
  log.remove(2);
  const Sequence second = box.append("a", "z");
  log.remove(first);
  CHECK(log.next(1) == 3);
  CHECK(log.next(3) == second);
  const Sequence third = box.append("a", "z");
  log.remove(second);
  CHECK(log.next(3) == third);
  log.trim(third);
  CHECK(log.next(0) == third + 1);
}

TEST_CASE("store: an emptied log keeps its last sequence") {
  StoreBox box;
  REQUIRE(box.open());
  box.append("a", "1");
  box.append("a", "2");
  CHECK(box.sync().ok());
  SUBCASE("trimmed") { box.store->log("a").trim(2); }
  SUBCASE("removed") {
    box.store->log("a").remove(1);
    box.store->log("a").remove(2);
  }
  SUBCASE("dropped") { box.store->drop_log("a"); }
  CHECK(box.sync().ok());
  box.close();
  REQUIRE(box.open());
  const LogState state = box.store->log("a").state();
  CHECK(state.messages == 0);
  CHECK(state.bytes == 0);
  CHECK(state.last == 2);
  CHECK(state.first == 3);
  CHECK(box.append("a", "3") == 3);
}

TEST_CASE("store: a read hands over at least one record, then stops at either limit") {
  StoreBox box;
  REQUIRE(box.open());
  for (int i = 0; i < 50; ++i) box.append("a", std::string(100, 'x'));
  CHECK(box.sync().ok());
  CHECK(box.read("a", 0, 7)->records.size() == 7);
  CHECK(box.read("a", 0, 7)->next == 7);
  CHECK(box.read("a", 0, 100, 1)->records.size() == 1);
  CHECK(box.read("a", 0, 100, 350)->records.size() == 3);
  CHECK(box.read("a", 45)->records.size() == 5);
  CHECK(box.read("a", 50)->records.empty());
  CHECK(box.read("a", 0, 0, 0)->records.size() == 1);
}

TEST_CASE("store: subjects, headers, payloads and times come back byte for byte") {
  StoreBox box;
  REQUIRE(box.open());
  const WallTime time = box.clock.wall();
  const std::string payload("\0\xff\r\n", 4);
  box.store->log("a").append({.sequence = 9,
                              .time = time,
                              .subject = "s",
                              .header = "NATS/1.0\r\n\r\n",
                              .payload = payload});
  box.store->log("a").append(
      {.sequence = 9, .time = time - 1h, .subject = "s", .header = {}, .payload = {}});
  box.store->log("a").append({.sequence = 9,
                              .time = WallTime{},
                              .subject = "",
                              .header = {},
                              .payload = std::string(200000, 'p')});
  CHECK(box.sync().ok());
  const Result<Page> page = box.read("a", 0);
  REQUIRE(page.ok());
  REQUIRE(page->records.size() == 3);
  CHECK(page->records[0].header == "NATS/1.0\r\n\r\n");
  CHECK(page->records[0].payload == payload);
  CHECK(page->records[0].time == time);
  CHECK(page->records[1].subject == "s");
  CHECK(page->records[1].time == time - 1h);
  CHECK(page->records[2].subject.empty());
  CHECK(page->records[2].payload == std::string(200000, 'p'));
  CHECK(box.store->log("a").state().oldest == time);
}

TEST_CASE("store: small segments are merged, and nothing changes for a reader") {
  StoreBox box;
  REQUIRE(box.open());
  Records expected;
  for (int i = 1; i <= 700; ++i) {
    const std::string payload = std::to_string(i) + std::string(120, '.');
    expected.emplace_back(box.append("a", payload), payload);
    CHECK(box.sync().ok());
    if (i % 5 == 0) {
      box.store->log("a").remove(static_cast<Sequence>(i));
      expected.pop_back();
    }
  }
  CHECK(box.all("a") == expected);
  box.close();
  REQUIRE(box.open());
  CHECK(box.all("a") == expected);
  CHECK(box.store->log("a").state().messages == expected.size());
}

TEST_CASE("store: what is removed while its segment is rewritten stays removed over a close") {
  for (int count = 12; count < 20; ++count) {
    for (int moment = 0; moment < 30; ++moment) {
      CAPTURE(count);
      CAPTURE(moment);
      StoreBox box;
      box.options.reserve_bytes = 64 << 10;  // Each box writes it.
      REQUIRE(box.open());
      for (int i = 0; i < count; ++i) {
        box.append("a", std::string(3500, 'x'));
        if (i + 1 < count) CHECK(box.sync().ok());
      }
      box.loop.run_for(moment * 100us);
      for (int i = 1; i <= count; i += 2) box.store->log("a").remove(static_cast<Sequence>(i));
      box.close();
      REQUIRE(box.open());
      CHECK(box.all("a").size() == static_cast<std::size_t>(count / 2));
      CHECK(box.store->log("a").state().messages == static_cast<std::uint64_t>(count / 2));
    }
  }
}

TEST_CASE("store: overwriting one of many keys again and again keeps the file small") {
  StoreBox box;
  REQUIRE(box.open());
  std::vector<Sequence> newest(1000, 0);
  std::uint64_t x = 7;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 250; ++i) {
      x = x * 6364136223846793005u + 1442695040888963407u;
      Sequence& last = newest[(x >> 33) % newest.size()];
      if (last != 0) box.store->log("a").remove(last);
      last = box.append("a", std::string(120, 'v') + std::to_string(x >> 33));
    }
    box.loop.run_for(5ms);
  }
  CHECK(box.sync().ok());
  std::size_t live = 0;
  for (const Sequence sequence : newest) live += sequence != 0 ? 1 : 0;
  CHECK(box.store->log("a").state().messages == live);
  box.loop.run_for(10s);
  CHECK(box.store->usage().file_bytes < (2u << 20) + box.options.reserve_bytes);
  box.close();
  REQUIRE(box.open());
  const Records all = box.all("a");
  REQUIRE(all.size() == live);
  std::vector<Sequence> expected;
  for (const Sequence sequence : newest) {
    if (sequence != 0) expected.push_back(sequence);
  }
  std::sort(expected.begin(), expected.end());
  for (std::size_t i = 0; i < live; ++i) CHECK(all[i].first == expected[i]);
}

TEST_CASE("store: one turn is one commit, and what comes meanwhile is the next") {
  StoreBox box;
  REQUIRE(box.open());
  std::vector<Sequence> durable;
  box.store->log("a").on_durable([&](Sequence upto) { durable.push_back(upto); });
  CHECK(box.sync().ok());
  const std::uint64_t before = box.store->usage().commits;
  for (int i = 0; i < 100; ++i) box.append("a", "x");
  box.loop.run_idle();  // The commit is under way.
  for (int i = 0; i < 50; ++i) box.append("a", "y");
  box.loop.run_for(10ms);
  CHECK(durable == std::vector<Sequence>{100, 150});
  CHECK(box.store->usage().commits == before + 2);
  CHECK(box.store->usage().queued_bytes == 0);
}

TEST_CASE("store: an idle store writes nothing") {
  StoreBox box;
  REQUIRE(box.open());
  for (int i = 0; i < 100; ++i) box.append("a", "x");
  CHECK(box.sync().ok());
  box.loop.run_for(10s);
  const std::uint64_t operations = box.disk.operations();
  box.loop.run_for(24h);
  CHECK(box.disk.operations() == operations);
  CHECK(box.store->usage().bytes_written > 0);
}

TEST_CASE("store: when_durable answers at any time, also during idle work") {
  StoreBox box;
  REQUIRE(box.open());
  box.append("a", "x");
  CHECK(box.sync().ok());
  int answers = 0;
  for (int i = 0; i < 100; ++i) {
    box.store->when_durable([&](Status status) { answers += status.ok() ? 1 : 0; });
    box.loop.run_for(100ms + 500us);
  }
  CHECK(answers == 100);
  // The WAL is copied back five seconds after a commit, for a millisecond of worker time: ask
  // before, during and after.
  for (int step = 0; step < 20; ++step) {
    box.append("a", "y");
    const Time when = box.clock.now() + 5s + step * 250us;
    CHECK(box.sync().ok());
    const auto timer =
        box.loop.make_timer([&] { box.store->when_durable([&](Status) { ++answers; }); });
    timer->arm(when);
    box.loop.run_for(10s);
    CHECK(answers == 101 + step);
  }
}

TEST_CASE("store: callbacks do not outlive the store") {
  StoreBox box;
  REQUIRE(box.open());
  box.append("a", "x");
  int calls = 0;
  box.store->when_durable([&](Status) { ++calls; });
  box.store->log("a").on_durable([&](Sequence) { ++calls; });
  box.store->log("a").read(0, 1, 1, [&](Result<Page>) { ++calls; });
  box.loop.run_idle();
  box.close();
  CHECK(calls == 0);
}

TEST_CASE("store: room comes back to the disk when a large backlog is gone") {
  StoreBox box;
  REQUIRE(box.open());
  for (int i = 0; i < 400; ++i) {
    for (int n = 0; n < 100; ++n) box.append("a", std::string(400, 'x'));
    box.loop.run_for(5ms);
  }
  CHECK(box.sync().ok());
  CHECK(box.store->usage().file_bytes > (15u << 20));
  box.store->log("a").trim(40000);
  box.loop.run_for(20s);
  CHECK(box.store->usage().file_bytes < box.options.reserve_bytes + (1u << 20));
  CHECK(box.append("a", "after") == 40001);
  CHECK(box.sync().ok());
  CHECK(box.all("a") == Records{{40001, "after"}});
}

TEST_CASE("store: a second petiole is told who holds it, and touches nothing") {
  StoreBox box;
  REQUIRE(box.open());
  box.append("a", "x");
  CHECK(box.sync().ok());
  const std::uint64_t operations = box.disk.operations();
  const StoreResult second = open_store(box.options, box.loop, box.worker, box.clock, 1);
  CHECK(second.store == nullptr);
  CHECK(second.status.code() == Errc::kBusy);
  CHECK(second.error.find("/box/petiole.db") != std::string::npos);
  CHECK(second.error.find("another petiole") != std::string::npos);
  CHECK(box.disk.operations() == operations);
  CHECK(box.all("a") == Records{{1, "x"}});
}

TEST_CASE(
    "store: a newer schema, another program's file and a disk that cannot be written are refused "
    "untouched") {
  StoreBox box;
  REQUIRE(box.open());
  box.append("a", "x");
  box.close();
  std::string& file = *box.disk.content("/box/petiole.db");
  Errc expected = Errc::kNewerSchema;
  const std::string before = file;
  SUBCASE("schema") { file[63] = 3; }
  SUBCASE("application") {
    file[68] = 1;
    expected = Errc::kPermission;
  }
  SUBCASE("read only") {
    box.disk.set_read_only(true);
    expected = Errc::kPermission;
  }
  const std::string changed = file;
  const auto files = box.disk.files();
  const std::uint64_t operations = box.disk.operations();
  CHECK_FALSE(box.open());
  CHECK(box.status.code() == expected);
  CHECK(box.error.find("/box/petiole.db") == 0);
  CHECK(file == changed);
  CHECK(box.disk.files() == files);
  CHECK(box.disk.operations() == operations);
  file = before;
  box.disk.set_read_only(false);
  CHECK(box.open());
}

}  // namespace
}  // namespace petiole::test
