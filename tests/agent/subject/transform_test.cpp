// The table of results was taken from a nats-server 2.15 with these mappings, its errors from
// `nats-server -t`.
#include "agent/subject/transform.h"

#include <doctest/doctest.h>

#include "agent/subject/subject.h"

namespace petiole {
namespace {

struct Result {
  const char *source, *destination, *subject, *wanted;
};

// clang-format off
constexpr Result kResults[] = {
    {"in0.*.*", "x.$2.$1", "in0.a.b", "x.b.a"},
    {"in0.*.*", "x.$2.$1", "in0.aa.bb", "x.bb.aa"},
    {"in1.*.>", "y.{{wildcard(1)}}.>", "in1.a.b.c", "y.a.b.c"},
    {"in1.*.>", "y.{{wildcard(1)}}.>", "in1.a.b", "y.a.b"},
    {"in2.>", "z.>", "in2.a.b.c", "z.a.b.c"},
    {"in2.>", "z.>", "in2.a", "z.a"},
    {"in3.*.*.*", "p.{{partition(10,1,2,3)}}.$1", "in3.a.b.c", "p.1.a"},
    {"in3.*.*.*", "p.{{partition(10,1,2,3)}}.$1", "in3.foo.bar.baz", "p.3.foo"},
    {"in3.*.*.*", "p.{{partition(10,1,2,3)}}.$1", "in3.1.2.3", "p.1.1"},
    {"in4.*.*.*", "p.{{partition(5,2)}}", "in4.a.b.c", "p.2"},
    {"in4.*.*.*", "p.{{partition(5,2)}}", "in4.foo.bar.baz", "p.2"},
    {"in4.*.*.*", "p.{{partition(5,2)}}", "in4.x.Z.y", "p.0"},
    {"in5.*.*.*", "p.{{partition(7)}}", "in5.a.b.c", "p.0"},
    {"in5.*.*.*", "p.{{partition(7)}}", "in5.foo.bar.baz", "p.6"},
    {"in5.*.*.*", "p.{{partition(7)}}", "in5.x.Z.y", "p.4"},
    {"in8.*", "p.{{ partition ( 3 , 1 ) }}", "in8.abc", "p.2"},
    {"in8.*", "p.{{ partition ( 3 , 1 ) }}", "in8.abd", "p.0"},
    {"in8.*", "p.{{ partition ( 3 , 1 ) }}", "in8.q", "p.0"},
    {"in9.*", "s.{{splitfromleft(1,3)}}", "in9.abcdef", "s.abc.def"},
    {"in9.*", "s.{{splitfromleft(1,3)}}", "in9.abc", "s.abc"},
    {"in9.*", "s.{{splitfromleft(1,3)}}", "in9.ab", "s.ab"},
    {"in10.*", "s.{{SplitFromRight(1,3)}}", "in10.abcdef", "s.abc.def"},
    {"in10.*", "s.{{SplitFromRight(1,3)}}", "in10.abc", "s.abc"},
    {"in10.*", "s.{{SplitFromRight(1,3)}}", "in10.ab", "s.ab"},
    {"in10.*", "s.{{SplitFromRight(1,3)}}", "in10.abcd", "s.a.bcd"},
    {"in11.*", "s.{{slicefromleft(1,3)}}", "in11.abcdef", "s.abc.def"},
    {"in11.*", "s.{{slicefromleft(1,3)}}", "in11.abcdefgh", "s.abc.def.gh"},
    {"in11.*", "s.{{slicefromleft(1,3)}}", "in11.ab", "s.ab"},
    {"in11.*", "s.{{slicefromleft(1,3)}}", "in11.abcd", "s.abc.d"},
    {"in11.*", "s.{{slicefromleft(1,3)}}", "in11.abc", "s.abc"},
    {"in12.*", "s.{{SliceFromRight(1,3)}}", "in12.abcdef", "s.abc.def"},
    {"in12.*", "s.{{SliceFromRight(1,3)}}", "in12.abcdefgh", "s.ab.cde.fgh"},
    {"in12.*", "s.{{SliceFromRight(1,3)}}", "in12.ab", "s.ab"},
    {"in12.*", "s.{{SliceFromRight(1,3)}}", "in12.abcd", "s.a.bcd"},
    {"in12.*", "s.{{SliceFromRight(1,3)}}", "in12.abc", "s.abc"},
    {"in13.*", "s.{{slicefromleft(1,1)}}", "in13.abc", "s.a.b.c"},
    {"in14.*", "s.{{splitfromleft(1,0)}}", "in14.abc", "s.abc"},
    {"in15.*", "s.{{split(1,-)}}", "in15.a-b-c", "s.a.b.c"},
    {"in15.*", "s.{{split(1,-)}}", "in15.-a-b", "s.a.b"},
    {"in15.*", "s.{{split(1,-)}}", "in15.a-b-", "s.a.b"},
    {"in15.*", "s.{{split(1,-)}}", "in15.--a--b--", ""},
    {"in15.*", "s.{{split(1,-)}}", "in15.abc", "s.abc"},
    {"in15.*", "s.{{split(1,-)}}", "in15.-", ""},
    {"in15.*", "s.{{split(1,-)}}", "in15.a--b", "s.a.b"},
    {"in16.*", "s.{{split(1,--)}}.e", "in16.a--b-c", "s.a.b-c.e"},
    {"in16.*", "s.{{split(1,--)}}.e", "in16.--a", "s.a.e"},
    {"in17.*.*", "s.{{split(2,_)}}.{{Wildcard(1)}}", "in17.t.a_b", "s.a.b.t"},
    {"in18.*.*", "s.{{wildcard(0)}}.$2", "in18.t.u", "s.in18.u"},
    {"in19.*.*", "s.$SYS.$x.$2.$1", "in19.t.u", "s.$SYS.$x.u.t"},
    {"in20.*", "r.{{random(1)}}", "in20.q", "r.0"},
    {"in21.*", "r.{{random(0)}}", "in21.q", "r.0"},
    {"in22.*", "p.{{partition(0,1)}}", "in22.q", "p.0"},
    {"in23.*", "d.{{wildcard(1)}}.{{wildcard(1)}}.{{wildcard(1)}}", "in23.q1", "d.q1.q1.q1"},
    {"*", "{{left(1,2)}}.x", "abc", "ab.x"},
    {"*", "{{Right(1,2)}}.x", "abc", "bc.x"},
    {"*", "{{left(1,3)}}", "abc", "abc"},
    {"*", "{{right(1,9)}}", "abc", "abc"},
};

struct Wrong {
  const char *source, *destination, *text;  // No text: nothing is wrong.
};

constexpr Wrong kWrong[] = {
    {"*", "a.$2", "invalid mapping destination: wildcard index out of range in $2: [2]"},
    {"*", "a.{{wildcard(2)}}", "invalid mapping destination: wildcard index out of range in {{wildcard(2)}}: [2]"},
    {"*", "a.{{wildcard()}}", "invalid mapping destination: not enough arguments passed to the function in {{wildcard()}}"},
    {"*", "a.{{wildcard(1,2)}}", "invalid mapping destination: too many arguments passed to the function in {{wildcard(1,2)}}"},
    {"*", "a.{{wildcard(x)}}", "invalid mapping destination: function argument is invalid or in the wrong format in {{wildcard(x)}}"},
    {"*", "a.{{foo(1)}}", "invalid mapping destination: unknown function in {{foo(1)}}"},
    {"*", "a.{{partition(10,1,2)}}", "invalid mapping destination: wildcard index out of range in {{partition(10,1,2)}}: [2]"},
    {"*", "a.{{partition()}}", "invalid mapping destination: function argument is invalid or in the wrong format in {{partition()}}"},
    {"*", "a.{{partition(a)}}", "invalid mapping destination: function argument is invalid or in the wrong format in {{partition(a)}}"},
    {"*", "a.{{split(1)}}", "invalid mapping destination: not enough arguments passed to the function in {{split(1)}}"},
    {"*", "a.{{split(1,a,b)}}", "invalid mapping destination: too many arguments passed to the function in {{split(1,a,b)}}"},
    {"*", "a.{{split(1, )}}", ""},
    {"*", "a.{{splitfromleft(1)}}", "invalid mapping destination: not enough arguments passed to the function in {{splitfromleft(1)}}"},
    {"*", "a.{{splitfromleft(1,2,3)}}", "invalid mapping destination: too many arguments passed to the function in {{splitfromleft(1,2,3)}}"},
    {"*", "a.{{splitfromleft(1,x)}}", "invalid mapping destination: function argument is invalid or in the wrong format in {{splitfromleft(1,x)}}"},
    {"*", "a.{{random()}}", "invalid mapping destination: function argument is invalid or in the wrong format in {{random()}}"},
    {"*", "a.{{random(1,2)}}", "invalid mapping destination: not enough arguments passed to the function in {{random(1,2)}}"},
    {"a", "b.$1", "invalid mapping destination: wildcard index out of range in $1"},
    {"a", "b.{{wildcard(1)}}", "invalid mapping destination: wildcard index out of range in {{wildcard(1)}}"},
    {"a.*", "b.*", "invalid subject"},
    {"a.>", "b", "invalid subject"},
    {"a", "b.>", "invalid subject"},
    {"a", "b..c", "invalid mapping destination: invalid transform"},
    {"a", "b c", "invalid mapping destination: invalid transform"},
    {"*", "a.{{partition(99999999999,1)}}", "invalid mapping destination: function argument is invalid or in the wrong format in {{partition(99999999999,1)}}"},
    {"*", "a.{{left(1,2)}}", ""},
    {"*", "{{wildcard(1)", ""},
    {"a.*.*", "b.$1", ""},
};
// clang-format on

TEST_CASE("transform: results are those of nats-server") {
  for (const Result& each : kResults) {
    CAPTURE(each.destination);
    CAPTURE(each.subject);
    SubjectTransform transform;
    REQUIRE(transform.compile(each.source, each.destination) == "");
    SubjectBuffer buffer;
    const std::string_view got = transform.apply(each.subject, buffer);
    // What nobody can subscribe to did not arrive there.
    CHECK((is_valid_published(got) ? got : std::string_view()) == each.wanted);
  }
}

TEST_CASE("transform: errors are those of nats-server") {
  for (const Wrong& each : kWrong) {
    CAPTURE(each.destination);
    CHECK(check_mapping(each.source, each.destination) == each.text);
  }
}

TEST_CASE("transform: a failed compile leaves the transform as it was") {
  SubjectTransform transform;
  REQUIRE(transform.compile("a.*", "b.$1").empty());
  CHECK(!transform.compile("a.*", "b.$2").empty());
  SubjectBuffer buffer;
  CHECK(transform.apply("a.x", buffer) == "b.x");
}

TEST_CASE("transform: a result that has no room is empty, not cut") {
  SubjectTransform transform;
  REQUIRE(transform.compile("*", "{{wildcard(1)}}.{{wildcard(1)}}").empty());
  char room[7];
  CHECK(transform.apply("abc", std::span<char>(room)) == "abc.abc");
  CHECK(transform.apply("abcd", std::span<char>(room)).empty());
}

TEST_CASE("transform: random() stays below its bound") {
  SubjectTransform transform;
  REQUIRE(transform.compile("*", "{{random(3)}}").empty());
  SubjectBuffer buffer;
  for (const std::uint32_t random : {0u, 5u, 7u, 0x7fffffffu, 0xffffffffu}) {
    const std::string_view got = transform.apply("x", buffer, random);
    CHECK((got == "0" || got == "1" || got == "2"));
  }
}

constexpr Result kWaysBack[] = {
    // `subject` there is `wanted`, and back again.
    {"a.*.*", "b.$2.x.$1", "a.1.2", "b.2.x.1"}, {"a.*.*.*", "b.$2.$3.$1", "a.1.2.3", "b.2.3.1"},
    {"a.*.>", "b.$1.>", "a.1.2.3", "b.1.2.3"},  {"a.>", "b.c.>", "a.*.>", "b.c.*.>"},
    {"a.*", "{{wildcard(1)}}", "a.x", "x"},     {"a.*.*", "b.$2.$1.$2", "a.1.2", "b.2.1.2"},
    {"a.*.*", "$3x.$2.$1", "a.1.2", "$3x.2.1"},
};

TEST_CASE("transform: what is reversible comes back") {
  for (const Result& each : kWaysBack) {
    CAPTURE(each.destination);
    SubjectTransform there;
    REQUIRE(there.compile(each.source, each.destination, SubjectTransform::Kind::kReversible) ==
            "");
    SubjectBuffer buffer, second;
    CHECK(there.apply(each.subject, buffer) == each.wanted);
    CHECK(there.inverse().apply(each.wanted, second) == each.subject);
  }
  SubjectTransform transform;
  constexpr auto kBack = SubjectTransform::Kind::kReversible;
  CHECK(transform.compile("a.*.*", "b.$1", kBack) ==
        "invalid mapping destination: not using all of the token wildcard(s) in b.$1");
  CHECK(transform.compile("a.$1.*", "b.$1", kBack) == "invalid subject");
  for (const char* repeats : {"b.$1.$1", "b.$2.$2.x", "b.$0.$1"}) {
    CHECK(transform.compile("a.*.*", repeats, kBack) ==
          std::string("invalid mapping destination: not using all of the token wildcard(s) in ") +
              repeats);
  }
  CHECK(transform.compile("a.*", "b.{{partition(3,1)}}", kBack) ==
        "invalid mapping destination: the only mapping function allowed for import transforms is "
        "{{Wildcard()}} in {{partition(3,1)}}");
}

struct Common {
  const char *a, *b, *wanted;
};

constexpr Common kCommon[] = {
    {"a.b", "a.b", "a.b"},   {"a.*", "*.b", "a.b"}, {"a.>", "a.*", "a.*"},
    {">", "a.*.>", "a.*.>"}, {"a.b", "a.c", ""},    {"a.*", "a.b.c", ""},
    {"a.>", "a", ""},        {"*.*", "*.x.y", ""},  {"a.>", "*.b.>", "a.b.>"},
};

TEST_CASE("transform: two patterns have one pattern in common") {
  for (const Common& each : kCommon) {
    SubjectBuffer buffer;
    CHECK(intersect(each.a, each.b, buffer) == each.wanted);
    CHECK(intersect(each.b, each.a, buffer) == each.wanted);
  }
}

TEST_CASE("transform: patterns and destinations change into each other") {
  CHECK(number_wildcards("a.*.b.*.>") == "a.$1.b.$2.>");
  CHECK(pattern_of("a.$2.{{wildcard(1)}}.$x.>") == "a.*.*.$x.>");
}

}  // namespace
}  // namespace petiole
