#include "agent/routing/mapper.h"

#include <doctest/doctest.h>

#include <map>

namespace petiole {
namespace {

std::string mapped(const MappingConfig& config, std::string_view subject,
                   std::string_view cluster = {}) {
  Mapper mapper({config}, cluster, 1);
  SubjectBuffer buffer;
  return std::string(mapper.map(subject, buffer));
}

// How often each result comes of 10,000 messages, in percent, rounded.
std::map<std::string, int> shares(const MappingConfig& config, std::string_view cluster = {}) {
  Mapper mapper({config}, cluster, 1);
  std::map<std::string, int> count;
  SubjectBuffer buffer;
  for (int i = 0; i < 10'000; ++i) ++count[std::string(mapper.map("a.x", buffer))];
  for (auto& [subject, number] : count) number = (number + 50) / 100;
  return count;
}

bool near(int percent, int wanted) { return percent > wanted - 4 && percent < wanted + 4; }

TEST_CASE("mapper: the first source that matches decides, and others stay") {
  Mapper mapper({{"a.*", {{"first.$1"}}}, {"a.b", {{"second"}}}, {"c", {{"third"}}}}, "", 1);
  SubjectBuffer buffer;
  CHECK(mapper.map("a.b", buffer) == "first.b");
  CHECK(mapper.map("c", buffer) == "third");
  CHECK(mapper.map("d", buffer) == "d");
  CHECK(mapper.map("a..b", buffer) == "a..b");
}

// Each row as a nats-server 2.15.2 does it: tests/interop/scripts/accounts.txt.
TEST_CASE("mapper: wildcards in what is published") {
  struct Case {
    const char *source, *destination, *subject, *wanted;
  };
  const Case cases[] = {
      {"a.*", "b.$1", "a.>", "a.>"},       {"a.*", "b.$1", "a.*", "b.*"},
      {"a.*.c", "b.$1", "a.>.c", "a.>.c"}, {"a.*.c", "b.$1", "a.*.c", "b.*"},
      {"a.x.*", "b.$1", "a.*.y", "a.*.y"}, {"a.>", "b.>", "a.>", "b.>"},
      {"a.>", "b.>", "a.*.>", "b.*.>"},    {"a.*", "b.$1", "a.x>", "b.x>"},
      {"a.*", "b.$1", "a.*x", "b.*x"},     {"a.x", "b", "a.*", "a.*"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.source);
    CAPTURE(each.subject);
    CHECK(mapped({each.source, {{each.destination}}}, each.subject) == each.wanted);
  }
}

TEST_CASE("mapper: weights; what is missing stays where it was") {
  auto got = shares({"a.*", {{"b.$1", 30}, {"c.$1", 20}}});
  CHECK(near(got["b.x"], 30));
  CHECK(near(got["c.x"], 20));
  CHECK(near(got["a.x"], 50));
}

TEST_CASE("mapper: a source among the destinations wants loss") {
  auto got = shares({"a.x", {{"a.x", 40}, {"b", 30}}});
  CHECK(near(got["a.x"], 40));
  CHECK(near(got["b"], 30));
  CHECK(near(got[""], 30));
}

TEST_CASE("mapper: destinations of a cluster count in it alone") {
  const MappingConfig config{"a.*", {{"b.$1", 100}, {"c.$1", 100, "west"}}};
  CHECK(mapped(config, "a.x") == "b.x");
  CHECK(mapped(config, "a.x", "east") == "b.x");
  CHECK(mapped(config, "a.x", "west") == "c.x");
  CHECK(mapped({"a.*", {{"c.$1", 100, "west"}}}, "a.x", "east") == "a.x");
}

// Taken from a nats-server 2.15: to it a literal source has no tokens.
TEST_CASE("mapper: partitions of a literal source") {
  CHECK(mapped({"in6.lit.a", {{"p.{{partition(7)}}"}}}, "in6.lit.a") == "p.2");
  CHECK(mapped({"in7.lit.a", {{"p.{{partition(9,1)}}"}}}, "in7.lit.a") == "p.7");
}

TEST_CASE("mapper: what is not valid is left out") {
  CHECK(check_mapping_config({"a", {{"b", 60}, {"c", 60}}}) == "total weight needs to be <= 100");
  CHECK(check_mapping_config({"a", {{"b", 50}, {"b", 50}}}) == "duplicate entry for \"b\"");
  CHECK(!check_mapping_config({"a..b", {{"b"}}}).empty());
  CHECK(mapped({"a..b", {{"b"}}}, "a..b") == "a..b");
}

}  // namespace
}  // namespace petiole
