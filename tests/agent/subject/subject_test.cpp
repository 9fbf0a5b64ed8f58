#include "agent/subject/subject.h"

#include <doctest/doctest.h>
#include <string>

#include "agent/subject/reserved.h"

namespace petiole {
namespace {

TEST_CASE("subject: what may be subscribed to") {
  for (const char* good : {"a", "a.b", "*", ">", "a.*.b", "a.>", "a*.b", "a>.b", "$X.y", "*.>"}) {
    CAPTURE(good);
    CHECK(is_valid_subject(good));
  }
  for (const char* bad : {"", ".", "a.", ".a", "a..b", ">.a", "a.>.b"}) {
    CAPTURE(bad);
    CHECK(!is_valid_subject(bad));
  }
}

TEST_CASE("subject: what is JetStream's") {
  struct Case {
    const char* subject;
    bool own, acts, request;
  };
  constexpr Case kCases[] = {
      {"$JS", false, false, false},          {"$JS.", false, false, false},
      {"$JSX.API.x", false, false, false},   {"$js.API", false, false, false},
      {"$JS.x", true, false, false},         {"$JS.API", true, true, true},
      {"$JS.API.INFO", true, true, true},    {"$JS.hub.API", true, true, true},
      {"$JS.hub.API.x", true, true, true},   {"$JS.hub.x.API", true, false, false},
      {"$JS.APIX.x", true, false, false},    {"$JS.ACK", true, true, false},
      {"$JS.ACK.s.c.1", true, true, false},  {"$JS.FC.x", true, true, false},
      {"$JS.ACK.API.x", true, true, false},  {"$JS.EVENT.x", true, true, false},
      {"$JS.SNAPSHOT.x", true, true, false}, {"x.$JS.API.x", false, false, false},
  };
  for (const Case& each : kCases) {
    CAPTURE(std::string(each.subject));
    CHECK(is_jetstream_subject(each.subject) == each.own);
    CHECK(acts_on_jetstream(each.subject) == each.acts);
    CHECK(is_jetstream_request(each.subject) == each.request);
  }
}

TEST_CASE("subject: only a whole token is a wildcard") {
  CHECK(has_wildcard("a.*"));
  CHECK(has_wildcard(">"));
  CHECK(!has_wildcard("a*.b>"));
  CHECK(is_valid_literal("a*.b>"));
  CHECK(!is_valid_literal("a.*"));
  CHECK(!is_valid_literal("a..b"));
  CHECK(is_valid_published("a.*"));
  CHECK(!is_valid_published("a."));
}

struct Pair {
  const char *pattern, *other;
  bool matches, covers, overlaps;
};

TEST_CASE("subject: matching, covering, overlapping") {
  const Pair kPairs[] = {
      {"a", "a", true, true, true},          {"a", "b", false, false, false},
      {"a.*", "a.b", true, true, true},      {"a.*", "a", false, false, false},
      {"a.*", "a.b.c", false, false, false}, {"a.>", "a.b.c", true, true, true},
      {"a.>", "a", false, false, false},     {">", "a.b", true, true, true},
      {"*.b", "a.*", false, false, true},    {"a.*", "a.>", true, false, true},
      {"a.>", "a.*", true, true, true},      {"a.>", "a.>", true, true, true},
      {"*", ">", true, false, true},         {"a.*.c", "a.b.*", false, false, true},
      {"a.*.c", "b.>", false, false, false}, {"a*", "ab", false, false, false},
      {"a.b", "a.*", false, false, true},    {"a.*", "a.*", true, true, true},
      {"a.*b", "a.cb", false, false, false}, {"a.>b", "a.cb", false, false, false},
  };
  for (const Pair& each : kPairs) {
    CAPTURE(each.pattern);
    CAPTURE(each.other);
    CHECK(matches(each.pattern, each.other) == each.matches);
    CHECK(covers(each.pattern, each.other) == each.covers);
    CHECK(overlaps(each.pattern, each.other) == each.overlaps);
    CHECK(overlaps(each.other, each.pattern) == each.overlaps);
  }
}

}  // namespace
}  // namespace petiole
