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
  box.store->on_loss([&](const std::string&, std::uint64_t count) { lost += count; });
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

TEST_CASE("store: nothing is given up while the disk gives nothing else") {
  StoreBox box;
  fill(box, "AB");
  spoil(box, 'A');
  spoil(box, 'B');
  REQUIRE(box.open());
  std::uint64_t lost = 0;
  box.store->on_loss([&](const std::string&, std::uint64_t count) { lost += count; });
  for (int i = 0; i < 20; ++i) CHECK(box.read("a", 0).code() == Errc::kStorage);
  CHECK(lost == 0);
}

}  // namespace
}  // namespace petiole::test
