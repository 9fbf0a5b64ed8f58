#include "storage/directory.h"

#include <doctest/doctest.h>

namespace petiole {
namespace {

SegmentInfo contiguous(SegmentId id, Sequence first, std::uint32_t count,
                       std::uint64_t bytes = 65536) {
  return make_info(id,
                   {.first = first,
                    .last = first + count - 1,
                    .count = count,
                    .bytes = bytes,
                    .first_time = static_cast<std::int64_t>(first),
                    .last_time = 0},
                   {});
}

CompactionDone done_of(const std::vector<Sequence>& sequences) {
  CompactionDone done;
  done.ok = true;
  done.head = {.first = sequences.front(),
               .last = sequences.back(),
               .count = static_cast<std::uint32_t>(sequences.size()),
               .bytes = sequences.size() * 100,
               .first_time = 0,
               .last_time = 0};
  for (const Sequence sequence : sequences) {
    done.offsets.push_back(static_cast<std::uint32_t>(sequence - sequences.front()));
  }
  return done;
}

TEST_CASE("bits: encoded without trailing zeros, and back") {
  Bits bits;
  CHECK(bits.encode().empty());
  bits.set(0);
  bits.set(70);
  CHECK(bits.encode().size() == 9);
  const Bits again = Bits::decode(bits.encode());
  CHECK(again.get(0));
  CHECK_FALSE(again.get(1));
  CHECK(again.get(70));
  CHECK_FALSE(again.get(100000));
}

TEST_CASE("bits: the first that is clear") {
  Bits bits;
  CHECK(bits.first_clear(0) == 0);
  CHECK(bits.first_clear(1000) == 1000);
  for (std::size_t i = 0; i < 192; ++i) {
    bits.set(i);
    CHECK(bits.first_clear(0) == i + 1);
    CHECK(bits.first_clear(i) == i + 1);
  }
  bits.set(200);
  CHECK(bits.first_clear(130) == 192);
  CHECK(bits.first_clear(200) == 201);
}

// A disk may be full for weeks, and the group is tried again every two seconds.
TEST_CASE("plan: a group that is tried again and again grows by what is new alone") {
  CommitPlan plan;
  for (int i = 0; i < 100; ++i) {
    CommitPlan next;
    next.states = {{"ledger", std::to_string(i)}, {"other", "x"}};
    next.logs = {{.id = 1, .name = "a", .first = 1, .last = static_cast<Sequence>(i)}};
    next.removals = {{7, std::to_string(i)}, {8, "y"}};
    plan = merge(std::move(plan), std::move(next));
  }
  REQUIRE(plan.states.size() == 2);
  CHECK(plan.states.front() == std::pair<std::string, std::string>("ledger", "99"));
  REQUIRE(plan.logs.size() == 1);
  CHECK(plan.logs.front().last == 99);
  REQUIRE(plan.removals.size() == 2);
  CHECK(plan.removals.front().bits == "99");
}

TEST_CASE("directory: a trim drops whole segments and counts within one") {
  Directory directory;
  for (SegmentId id = 1; id <= 3; ++id)
    directory.add(contiguous(id, static_cast<Sequence>(id - 1) * 100 + 1, 100));
  directory.trim(150);
  CHECK(directory.messages() == 150);
  CHECK(directory.first_live() == 151);
  CHECK(directory.take_drops() == std::vector<SegmentId>{1});
  CHECK(directory.take_removals().empty());  // The log's `first` says it.
  directory.trim(300);
  CHECK(directory.empty());
  CHECK(directory.bytes() == 0);
  CHECK(directory.take_drops() == std::vector<SegmentId>{2, 3});
}

TEST_CASE("directory: removals are handed out once, the last one drops the segment") {
  Directory directory;
  directory.add(contiguous(1, 1, 3));
  CHECK(directory.remove(2));
  CHECK_FALSE(directory.remove(2));
  CHECK_FALSE(directory.remove(4));
  const auto removals = directory.take_removals();
  REQUIRE(removals.size() == 1);
  CHECK(removals[0].bits == "\2");
  CHECK(directory.take_removals().empty());
  CHECK(directory.remove(1));
  CHECK(directory.remove(3));
  CHECK(directory.take_drops() == std::vector<SegmentId>{1});
  CHECK(directory.take_removals().empty());
}

TEST_CASE("directory: the next live record, over what was removed and over gaps") {
  Directory directory;
  directory.add(contiguous(1, 1, 4));
  directory.add(contiguous(2, 1'000'001, 3));
  directory.add(
      make_info(3, {.first = 2'000'000, .last = 2'000'009, .count = 3, .bytes = 300}, {0, 5, 9}));
  for (const Sequence gone : {1, 4, 1'000'002}) CHECK(directory.remove(gone));
  std::vector<Sequence> live;
  for (Sequence at = directory.next_live(0); at != 0; at = directory.next_live(at))
    live.push_back(at);
  CHECK(live == std::vector<Sequence>{2, 3, 1'000'001, 1'000'003, 2'000'000, 2'000'005, 2'000'009});
  CHECK(directory.next_live(2'000'006) == 2'000'009);
  CHECK(directory.first_live() == 2);
  CHECK(Directory().next_live(0) == 0);
}

// Ten segments of which every second record is gone.
Directory half_dead() {
  Directory directory;
  for (SegmentId id = 1; id <= 10; ++id)
    directory.add(contiguous(id, static_cast<Sequence>(id - 1) * 100 + 1, 100));
  for (Sequence sequence = 1; sequence <= 1000; sequence += 2) (void)directory.remove(sequence);
  (void)directory.take_removals();
  return directory;
}

TEST_CASE("directory: half-dead neighbours are compacted, in order and not more than asked for") {
  Directory directory = half_dead();
  for (Sequence sequence = 2; sequence <= 1000; sequence += 4) (void)directory.remove(sequence);
  const auto plans = directory.plan_compactions(2, 1);
  REQUIRE(plans.size() == 2);
  for (const Compaction& plan : plans) {
    CHECK(plan.inputs.size() > 1);
    for (std::size_t i = 1; i < plan.inputs.size(); ++i)
      CHECK(plan.inputs[i].first == plan.inputs[i - 1].first + 1);
  }
}

TEST_CASE("directory: what is removed during a compaction is gone afterwards, and goes to disk") {
  Directory directory;
  directory.add(contiguous(1, 1, 4, 1000000));
  (void)directory.remove(1);
  (void)directory.remove(3);
  auto plans = directory.plan_compactions(2, 1);
  REQUIRE(plans.empty());  // Too large to be rewritten as one segment.
  Directory other = half_dead();
  for (Sequence sequence = 2; sequence <= 1000; sequence += 4) (void)other.remove(sequence);
  plans = other.plan_compactions(1, 1);
  REQUIRE(plans.size() == 1);
  plans[0].id = 99;
  std::vector<Sequence> kept;
  const auto first = static_cast<Sequence>(plans[0].inputs.front().first - 1) * 100;
  for (Sequence s = first + 4; s <= static_cast<Sequence>(plans[0].inputs.back().first) * 100;
       s += 4)
    kept.push_back(s);
  const std::uint64_t before = other.messages();
  (void)other.take_removals();
  CHECK(other.remove(kept[3]));
  (void)other.take_removals();
  other.compacted(plans[0], done_of(kept));
  CHECK(other.messages() == before - 1);
  const auto removals = other.take_removals();
  REQUIRE(removals.size() == 1);
  CHECK(removals[0].id == 99);
  CHECK(removals[0].bits == "\x8");
  CHECK_FALSE(other.remove(kept[3]));
  CHECK(other.remove(kept[4]));
}

TEST_CASE("directory: a segment that is trimmed during its compaction goes with the new one") {
  Directory directory = half_dead();
  for (Sequence sequence = 2; sequence <= 1000; sequence += 4) (void)directory.remove(sequence);
  auto plans = directory.plan_compactions(1, 1);
  REQUIRE(plans.size() == 1);
  plans[0].id = 99;
  std::vector<Sequence> kept;
  const auto first = static_cast<Sequence>(plans[0].inputs.front().first - 1) * 100;
  for (Sequence s = first + 4; s <= static_cast<Sequence>(plans[0].inputs.back().first) * 100;
       s += 4)
    kept.push_back(s);
  directory.trim(1000);
  CHECK(directory.messages() == 0);
  SUBCASE("done") { directory.compacted(plans[0], done_of(kept)); }
  SUBCASE("not done") { directory.compacted(plans[0], {}); }
  directory.trim(1000);
  CHECK(directory.empty());
  CHECK(directory.bytes() == 0);
}

TEST_CASE("directory: a run of small segments is merged once it is worth it") {
  Directory directory;
  for (SegmentId id = 1; id <= 30; ++id) {
    directory.add(contiguous(id, static_cast<Sequence>(id), 1, 1000));
    CHECK(directory.plan_compactions(2, 1).empty());
  }
  for (SegmentId id = 31; id <= 50; ++id)
    directory.add(contiguous(id, static_cast<Sequence>(id), 1, 1000));
  const auto plans = directory.plan_compactions(2, 1);
  REQUIRE(plans.size() == 1);
  CHECK(plans[0].inputs.size() == 50);
  CHECK(directory.plan_compactions(2, 1).empty());
}

TEST_CASE("directory: reads are planned from the segment behind `after`, within the limits") {
  Directory directory;
  for (SegmentId id = 1; id <= 5; ++id)
    directory.add(contiguous(id, static_cast<Sequence>(id - 1) * 100 + 1, 100));
  CHECK(directory.plan_read(0, 50, 1 << 20).size() == 1);
  CHECK(directory.plan_read(0, 101, 1 << 20).size() == 2);
  CHECK(directory.plan_read(99, 50, 1 << 20).size() == 2);  // One record of the first.
  CHECK(directory.plan_read(100, 50, 1 << 20).at(0).id == 2);
  CHECK(directory.plan_read(0, 1000, 100000).size() == 2);
  CHECK(directory.plan_read(500, 50, 1 << 20).empty());
}

TEST_CASE("directory: a lost segment is not read again and not dropped") {
  Directory directory;
  directory.add(contiguous(1, 1, 3));
  directory.add(contiguous(2, 4, 3));
  CHECK(directory.remove(1));
  CHECK(directory.lose(1) == std::vector<Sequence>{2, 3});
  CHECK(directory.lose(1).empty());
  CHECK(directory.messages() == 3);
  CHECK(directory.take_drops().empty());
  const auto removals = directory.take_removals();
  REQUIRE(removals.size() == 1);
  CHECK(removals[0].bits == "\7");
}

}  // namespace
}  // namespace petiole
