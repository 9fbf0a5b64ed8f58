// The ring of messages in memory, and what it keeps of theirs.
#include "agent/mirror/entry.h"

#include <doctest/doctest.h>

#include <string>

using namespace petiole;

namespace {

void fill(EntryRing& ring, std::size_t count, std::size_t bytes) {
  while (ring.size() < count) (void)ring.push("t.a", "", std::string(bytes, '.'));
}

void drain(EntryRing& ring) {
  while (!ring.empty()) ring.pop_front();
}

}  // namespace

TEST_CASE(
    "entries: a ring keeps a MiB of the buffers of what is gone, whatever has come through it") {
  EntryRing ring;
  for (const std::size_t bytes : {100, 3000, 20000, 1000}) {
    fill(ring, 8000, bytes);
    CHECK(ring.bytes() == 8000 * (3 + bytes));
    drain(ring);
    CHECK(ring.bytes() == 0);
    CHECK(ring.spare_bytes() <= EntryRing::kSpareBytesMax);
  }
  CHECK(ring.spare_bytes() > EntryRing::kSpareBytesMax / 2);
  ring.clear();
  CHECK(!ring.has_memory());
}

TEST_CASE("entries: a buffer of one that is gone serves the next") {
  EntryRing ring;
  fill(ring, 1, 1000);
  const char* const buffer = ring.front().text.data();
  drain(ring);
  for (int i = 0; i < 100; ++i) {  // Past the end of the slots.
    fill(ring, 1, 900);
    CHECK(ring.front().text.data() == buffer);
    CHECK(ring.front().subject() == "t.a");
    CHECK(ring.front().payload() == std::string(900, '.'));
    drain(ring);
  }
}

TEST_CASE("entries: a buffer of one that went through two rings serves the next") {
  EntryRing from, to;
  fill(from, 1, 1000);
  const char* const buffer = from.front().text.data();
  (void)to.push_from(from);
  drain(to);
  std::size_t again = 0;
  for (int i = 0; i < 100; ++i) {
    fill(from, 1, 900);
    again += from.front().text.data() == buffer ? 1 : 0;
    (void)to.push_from(from);
    drain(to);
  }
  CHECK(again > 40);  // It goes back as the next one comes: there are two.
}

TEST_CASE("entries: what moves from one ring to another keeps its text") {
  EntryRing from, to;
  fill(from, 20, 500);
  fill(to, 3, 40);
  while (!from.empty()) (void)to.push_from(from);
  CHECK(to.size() == 23);
  CHECK(to.bytes() == 20 * 503 + 3 * 43);
  CHECK(to.back().payload() == std::string(500, '.'));
  drain(to);
  fill(from, 20, 10);
  CHECK(from.front().payload() == std::string(10, '.'));
}
