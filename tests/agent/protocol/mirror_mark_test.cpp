#include "agent/protocol/mirror_mark.h"

#include <doctest/doctest.h>

namespace petiole {

using Kind = MirrorMark::Kind;

TEST_CASE("mirror mark: the first queue name of an LMSG, taken off or left") {
  struct Case {
    const char* queues;
    const char* rest;
    MirrorMark mark;
  };
  constexpr Case kCases[] = {
      {"_PM.1f.n7", "", {0x1f, 7, Kind::kNew}},
      {"_PM.ffffffffffffffff.r18446744073709551615 q1 q2",
       "q1 q2",
       {UINT64_MAX, UINT64_MAX, Kind::kRepeat}},
      {"_PM.1.l2 q", "q", {1, 2, Kind::kLate}},
      {"q _PM.1.n2", "q _PM.1.n2", {}},  // Not the first.
      {"_PM", "_PM", {}},
      {"q", "q", {}},
      {"", "", {}},
      // Nobody's group, and no mark.
      {"_PM.", "", {}},
      {"_PM.1", "", {}},
      {"_PM.1.", "", {}},
      {"_PM.1.n", "", {}},
      {"_PM.1.x2", "", {}},
      {"_PM.1.n2x", "", {}},
      {"_PM.1.n-2", "", {}},
      {"_PM.g.n2", "", {}},
      {"_PM.0.n2", "", {}},
      {"_PM.1.n0", "", {}},
      {"_PM.1ffffffffffffffff.n2", "", {}},
      {"_PM.1.n18446744073709551616", "", {}},
  };
  for (const Case& each : kCases) {
    CAPTURE(each.queues);
    std::string_view queues = each.queues;
    const MirrorMark mark = take_mark(queues);
    while (queues.starts_with(' ')) queues.remove_prefix(1);
    CHECK(queues == each.rest);
    CHECK(static_cast<bool>(mark) == static_cast<bool>(each.mark));
    if (!mark) continue;
    CHECK(mark.origin == each.mark.origin);
    CHECK(mark.number == each.mark.number);
    CHECK(mark.kind == each.mark.kind);
    std::string text;
    append_mark(text, mark);
    CHECK(std::string_view(each.queues).starts_with(text));
  }
}

TEST_CASE("mirror mark: beside a record's subject") {
  std::string text;
  append_marked_subject(text, "a.b", {0xab, 12, Kind::kNew});
  CHECK(text == "a.b ab 12");
  std::string_view subject = text;
  const MirrorMark mark = take_subject_mark(subject);
  CHECK(subject == "a.b");
  CHECK(mark.origin == 0xab);
  CHECK(mark.number == 12);
  CHECK(mark.kind == Kind::kRepeat);
  append_marked_subject(text, {}, {0xcd, 3, Kind::kNew});
  CHECK(text == "a.b ab 12 cd 3");
  MirrorMark second;
  subject = text;
  CHECK(take_subject_mark(subject, second).number == 12);
  CHECK(subject == "a.b");
  CHECK(second.origin == 0xcd);
  CHECK(second.number == 3);
  subject = "a.b 0 0 cd 3";
  CHECK_FALSE(take_subject_mark(subject, second));
  CHECK(second.number == 3);
  for (const char* plain : {"a.b", "", "a.b ", "a.b x", "a.b 1", "a.b 1 x", "a.b 1 ", "a.b  "}) {
    CAPTURE(plain);
    std::string_view left = plain;
    CHECK_FALSE(take_subject_mark(left));
    CHECK(left.find(' ') == left.npos);
  }
}

}  // namespace petiole
