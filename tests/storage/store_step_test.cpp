// What writes more than one thing, cut short at each of its steps: by a process that dies, whose
// writes stay, and by a power cut, which takes and tears what was not synced.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "storage/database.h"
#include "tests/storage/store_box.h"

namespace petiole::test {
namespace {

struct Steps {
  std::function<void(StoreBox&)> prepare;  // Leaves a store, open or closed.
  std::function<void(StoreBox&)> act;      // What is cut short.
  std::function<void(StoreBox&)> verify;   // What the next start has, opened already.
  std::uint64_t stride = 1;
  bool full = false;  // The next start, too, meets a disk that has no more than it had.
};

// Returns how many steps it has.
std::uint64_t cut_each(const Steps& steps) {
  std::uint64_t most = 0;
  for (const bool power : {false, true}) {
    bool more = true;
    for (std::uint64_t step = 1; more; step += stride_of(steps.stride)) {
      CAPTURE(step);
      CAPTURE(power);
      REQUIRE(step < 5000);
      StoreBox box(step);
      steps.prepare(box);
      box.disk.fail_after(step);
      steps.act(box);
      more = box.disk.died();
      power ? box.power_cut() : box.kill();
      if (!steps.full) box.disk.set_capacity(UINT64_MAX);
      INFO(box.error);
      REQUIRE(box.open());
      CHECK(box.store->recovery().quarantined.empty());
      steps.verify(box);
      most = step;
    }
  }
  return most;
}

void append_some(StoreBox& box, int count, char letter = 'x') {
  for (int i = 0; i < count; ++i) box.append("a", std::string(700, letter));
}

void open_with_100(StoreBox& box) {
  REQUIRE(box.open());
  append_some(box, 100);
  box.store->set_state("k", "before");
  CHECK(box.sync().ok());
}

// All 100, and no number comes again.
void has_100(StoreBox& box) {
  const auto records = box.all("a");
  CHECK(records.size() == 100);
  CHECK(box.store->state("k") == "before");
  CHECK(box.append("a", "new") > 100);
  CHECK(box.sync().ok());
}

TEST_CASE("step by step: a store is made") {
  const auto verify = [](StoreBox& box) {
    CHECK(box.append("a", "1") != 0);
    CHECK(box.sync().ok());
    CHECK(box.all("a").size() == 1);
  };
  const auto prepare = [](StoreBox& box) { box.options.reserve_bytes = 64 << 10; };
  CHECK(cut_each({prepare, [](StoreBox& box) { (void)box.open(); }, verify}) > 10);
}

TEST_CASE("step by step: a start after a crash") {
  const auto prepare = [](StoreBox& box) {
    open_with_100(box);
    box.kill();
  };
  CHECK(cut_each({prepare, [](StoreBox& box) { (void)box.open(); }, has_100}) > 3);
}

TEST_CASE("step by step: a store of the first schema is taken over") {
  const auto prepare = [](StoreBox& box) {
    open_with_100(box);
    box.close();
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open_v2("/box/petiole.db", &db, SQLITE_OPEN_READWRITE,
                            box.disk.name().c_str()) == SQLITE_OK);
    const SqliteHandle close(db);
    REQUIRE(execute(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA user_version=1") == SQLITE_OK);
  };
  CHECK(cut_each({prepare, [](StoreBox& box) { (void)box.open(); }, has_100}) > 3);
}

TEST_CASE("step by step: the end of a run") {
  const auto prepare = [](StoreBox& box) {
    open_with_100(box);
    append_some(box, 50, 'y');  // What the close commits.
  };
  const auto verify = [](StoreBox& box) {
    const std::size_t records = box.all("a").size();
    CHECK((records == 100 || records == 150));
    CHECK(box.append("a", "new") > 150);
  };
  CHECK(cut_each({prepare, [](StoreBox& box) { box.close(); }, verify}) > 10);
}

TEST_CASE("step by step: an idle store copies its log ahead back") {
  const auto act = [](StoreBox& box) { box.loop.run_for(10s); };
  CHECK(cut_each({open_with_100, act, has_100}) > 10);
}

TEST_CASE("step by step: what is left of a large backlog moves together") {
  const auto prepare = [](StoreBox& box) {
    box.options.bytes_max = 64 << 20;
    REQUIRE(box.open());
    for (int i = 0; i < 20; ++i) {
      for (int k = 0; k < 8; ++k) box.append("a", std::string(64 << 10, 'x'));
      CHECK(box.sync().ok());
    }
    append_some(box, 100);
    box.store->set_state("k", "before");
    CHECK(box.sync().ok());
    box.store->log("a").trim(160);
    CHECK(box.sync().ok());
  };
  const auto verify = [](StoreBox& box) {
    has_100(box);
    CHECK(box.store->log("a").state().first == 161);
  };
  CHECK(cut_each({prepare, [](StoreBox& box) { box.loop.run_for(10s); }, verify, 31}) > 60);
}

TEST_CASE("step by step: a trim on a full disk gives the reserve away") {
  const auto prepare = [](StoreBox& box) {
    open_with_100(box);
    append_some(box, 3000);
    CHECK(box.sync().ok());
    box.loop.run_for(10s);
    box.disk.set_capacity(box.disk.used());
  };
  const auto act = [](StoreBox& box) {
    box.store->log("a").trim(3000);
    (void)box.sync();
  };
  const auto verify = [](StoreBox& box) {
    const std::size_t records = box.all("a").size();
    CHECK((records == 3100 || records == 100));
  };
  CHECK(cut_each({prepare, act, verify, 3}) > 10);
}

// A quota: what is given back is ours again, and no more. Whatever was cut short under it, the next
// start has all that was durable, and a trim makes it take messages again.
struct UnderQuota {
  std::set<Sequence> there, waiting;  // Durable or not yet; neither trimmed nor removed.
  Sequence newest = 0;

  void prepare(StoreBox& box, std::uint64_t room) {
    *this = {};
    box.options.reserve_bytes = 256 << 10;
    REQUIRE(box.open());
    watch(box);
    append(box, 1500);
    CHECK(box.sync().ok());
    box.loop.run_for(10s);
    box.disk.set_capacity(box.disk.used() + room);
  }
  void watch(StoreBox& box) {
    box.store->log("a").on_durable([this](Sequence upto) {
      while (!waiting.empty() && *waiting.begin() <= upto)
        there.insert(waiting.extract(waiting.begin()));
    });
  }
  void append(StoreBox& box, int count) {
    for (int i = 0; i < count; ++i) {
      const Sequence sequence = box.append("a", std::string(700, 'q'));
      if (sequence == 0) return;
      newest = sequence;
      waiting.insert(sequence);
    }
  }
  void remove_some(StoreBox& box) {
    for (Sequence s = newest - std::min<Sequence>(newest, 200); s < newest; s += 2) {
      there.erase(s);
      waiting.erase(s);
      box.store->log("a").remove(s);
    }
  }
  void trim(StoreBox& box, Sequence upto) {
    there.erase(there.begin(), there.upper_bound(upto));
    waiting.erase(waiting.begin(), waiting.upper_bound(upto));
    box.store->log("a").trim(upto);
  }
  void verify(StoreBox& box) {
    waiting.clear();
    const auto all = box.all("a");
    const std::map<Sequence, std::string> found(all.begin(), all.end());
    std::size_t missing = 0;
    for (const Sequence each : there) missing += found.contains(each) ? 0 : 1;
    CHECK(missing == 0);
    CHECK(found.size() == all.size());
    watch(box);
    trim(box, newest / 2);
    box.loop.run_for(5s);
    CHECK(box.store->status().ok());
    const Sequence next = box.append("a", "after");
    CHECK(next > newest);
    CHECK(box.sync().ok());
    box.close();
    REQUIRE(box.open());
    CHECK(box.store->log("a").state().last >= next);
    CHECK(box.all("a").back().second == "after");
  }
};

TEST_CASE("step by step: a store fills its quota and drains, and none of it stops the next start") {
  for (const std::uint64_t room : {0, 100'000, 600'000}) {
    CAPTURE(room);
    UnderQuota quota;
    bool refused = false;
    const auto prepare = [&](StoreBox& box) { quota.prepare(box, room); };
    const auto act = [&](StoreBox& box) {
      for (int turn = 0; turn < 12 && !box.disk.died(); ++turn) {
        quota.append(box, 400);
        box.loop.run_for(turn % 4 == 3 ? 8s : 3s);
        refused = refused || box.store->status().code() == Errc::kStorageFull;
        if (turn % 3 == 2) quota.trim(box, box.store->log("a").state().first + 500);
        if (turn % 5 == 4) quota.remove_some(box);
      }
      box.close();
    };
    const auto verify = [&](StoreBox& box) { quota.verify(box); };
    CHECK(cut_each({prepare, act, verify, 23, true}) > 100);
    CHECK(refused);
  }
}

TEST_CASE("step by step: the mark of doubt goes with what settles it, or stays") {
  const auto prepare = [](StoreBox& box) {
    open_with_100(box);
    box.disk.fail_syncs(1);
    box.append("a", "lost");
    CHECK(box.sync().code() == Errc::kStorage);
    box.loop.run_for(10s);
    box.kill();
    REQUIRE(box.open());
    REQUIRE(box.store->recovery().doubtful);
  };
  const auto act = [](StoreBox& box) {
    box.store->set_state("k", "settled");
    box.store->settle_doubt();
    box.loop.run_for(1s);
  };
  const auto verify = [](StoreBox& box) {
    if (!box.store->recovery().doubtful) CHECK(box.store->state("k") == "settled");
  };
  CHECK(cut_each({prepare, act, verify}) > 3);
}

}  // namespace
}  // namespace petiole::test
