#include "platform/output.h"

#include <doctest/doctest.h>

#include <random>

namespace petiole {
namespace {

std::string all(const Output& output) {
  std::string_view pieces[1024];
  std::string text;
  for (std::size_t i = 0, count = output.gather(pieces); i < count; ++i) text.append(pieces[i]);
  return text;
}

TEST_CASE("output: what is appended comes out in order, however it is consumed") {
  ChunkPool pool;
  Output output(pool);
  std::mt19937 random(7);
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes(random() % 5000, static_cast<char>('a' + i % 26));
    if (i % 7 == 0) {
      output.append_shared(std::make_shared<const std::string>(bytes));
    } else {
      output.append(bytes);
    }
    expected += bytes;
    const std::size_t count = random() % (expected.size() + 1);
    output.consume(count);
    expected.erase(0, count);
    REQUIRE(output.size() == expected.size());
  }
  CHECK(all(output) == expected);
}

TEST_CASE("output: a reservation that does not fit starts a new chunk") {
  ChunkPool pool;
  Output output(pool);
  output.append(std::string(kChunkBytes - 3, 'x'));
  char* room = output.reserve(4);
  room[0] = 'y';
  output.commit(1);
  output.append("z");
  CHECK(all(output) == std::string(kChunkBytes - 3, 'x') + "yz");
}

TEST_CASE("output: moving one behind another keeps the order and empties it") {
  ChunkPool pool;
  Output first(pool), second(pool);
  first.append("abc");
  second.append("def");
  first.append_all(second);
  CHECK(all(first) == "abcdef");
  CHECK(second.empty());
}

}  // namespace
}  // namespace petiole
