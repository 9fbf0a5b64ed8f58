#include "agent/leaf/repeat_filter.h"

#include <doctest/doctest.h>

namespace petiole {

TEST_CASE("repeat filter: an id is of the leaf whose mirror made it, or of nobody") {
  struct Case {
    const char* leaf;
    const char* id;
    bool made;
  };
  constexpr Case kCases[] = {
      {"leafA", "leafA:e1:5", true},   {"leafA", "leafB:e1:1", false},
      {"leafA", "order-17", false},    {"leafA", "leafA:17", false},
      {"leafA", "leafA:e1:x", false},  {"leafA", "leafA:e1:", false},
      {"leafA", "leafAB:e1:1", false}, {"", ":e1:1", false},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.id);
    CHECK(RepeatFilter::made_by(c.leaf, c.id) == c.made);
  }
}

TEST_CASE("repeat filter: an older number that never came is no repeat") {
  RepeatFilter filter;
  filter.add("l:a:5");
  CHECK(filter.knows("l:a:5"));
  CHECK_FALSE(filter.knows("l:a:4"));  // Nobody wanted it while 5 was sent.
}

TEST_CASE("repeat filter: it holds the newest ids, no more than it may") {
  RepeatFilter filter(2);
  for (const char* id : {"l:a:1", "l:a:2", "l:a:2", "l:a:3"}) filter.add(id);
  CHECK_FALSE(filter.knows("l:a:1"));
  CHECK(filter.knows("l:a:2"));
  CHECK(filter.knows("l:a:3"));
}

}  // namespace petiole
