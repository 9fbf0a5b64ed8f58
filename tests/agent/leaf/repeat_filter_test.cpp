#include "agent/leaf/repeat_filter.h"

#include <doctest/doctest.h>

namespace petiole {

TEST_CASE("repeat filter: what a leaf's mirror sent before is dropped, nothing else") {
  struct Case {
    const char* leaf;
    const char* id;
    bool repeated;
  };
  constexpr Case kCases[] = {
      {"leafA", "leafA:e1:5", false},   {"leafA", "leafA:e1:5", true},
      {"leafA", "leafA:e1:4", true},    {"leafA", "leafA:e1:6", false},
      {"leafA", "leafA:e2:1", false},   // Another epoch counts for itself.
      {"leafA", "leafA:e1:6", true},    {"leafA", "leafB:e1:1", false},
      {"leafA", "leafB:e1:1", false},   // Passed on for another: its order is not this leaf's.
      {"leafA", "order-17", false},     {"leafA", "order-17", false},
      {"leafA", "leafA:17", false},     {"leafA", "leafA:17", false},
      {"leafA", "leafA:e1:x", false},   {"leafA", "leafA:e1:", false},
      {"leafA", "leafAB:e1:1", false},  {"leafA", "leafAB:e1:1", false},
      {"", ":e1:1", false},             {"", ":e1:1", false},
  };
  RepeatFilter filter;
  for (const Case& c : kCases) {
    CAPTURE(c.id);
    CHECK(filter.repeated(c.leaf, c.id) == c.repeated);
  }
}

TEST_CASE("repeat filter: it holds no more epochs than it may") {
  RepeatFilter filter(2);
  CHECK_FALSE(filter.repeated("l", "l:a:1"));
  CHECK_FALSE(filter.repeated("l", "l:b:1"));
  CHECK(filter.repeated("l", "l:a:1"));
  CHECK_FALSE(filter.repeated("l", "l:c:1"));
  CHECK_FALSE(filter.repeated("l", "l:a:1"));
}

}  // namespace petiole
