#include "agent/leaf/repeat_filter.h"

#include <doctest/doctest.h>

namespace petiole {

TEST_CASE("repeat filter: an older number that never came is no repeat") {
  RepeatFilter filter;
  filter.add("here", {.origin = 7, .number = 5});
  CHECK(filter.knows("here", {.origin = 7, .number = 5}));
  CHECK_FALSE(
      filter.knows("here", {.origin = 7, .number = 4}));  // Nobody wanted it while 5 was sent.
  CHECK_FALSE(filter.knows("here", {.origin = 8, .number = 5}));
  filter.add("other", {.origin = 7, .number = 6});
  CHECK_FALSE(filter.knows("elsewhere", {.origin = 7, .number = 5}));  // Of another account.
  CHECK_FALSE(filter.knows("other", {.origin = 7, .number = 5}));
  CHECK_FALSE(filter.knows("here", {.origin = 7, .number = 6}));
}

TEST_CASE("repeat filter: it holds the newest marks, no more than it may") {
  RepeatFilter filter(2);
  for (const std::uint64_t number : {1, 2, 2, 3})
    filter.add("here", {.origin = 7, .number = number});
  CHECK_FALSE(filter.knows("here", {.origin = 7, .number = 1}));
  CHECK(filter.knows("here", {.origin = 7, .number = 2}));
  CHECK(filter.knows("here", {.origin = 7, .number = 3}));
}

}  // namespace petiole
