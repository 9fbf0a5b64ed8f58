#include "agent/system/options.h"

#include <doctest/doctest.h>

#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

constexpr OptionKey kKeys[] = {{"subscriptions", "subs", OptionType::kBool},
                               {"subscriptions_detail", "subs", OptionType::kDetail},
                               {"limit", "limit", OptionType::kInt},
                               {"state", "state", OptionType::kState},
                               {"acc", "acc", OptionType::kText},
                               {"accounts", "acc", OptionType::kTexts}};
constexpr OptionTable kTable{"Connz", kKeys};

std::string read(std::string_view body, RequestOptions& options) {
  return read_options(body, kTable, options);
}

TEST_CASE("system options: JSON becomes a query") {
  struct Case {
    std::string_view body;
    QueryItems items;
  };
  const Case cases[] = {
      {"", {}},
      {"null", {}},
      {"{}", {}},
      {R"({"unknown":[{}]})", {}},
      {R"({"subscriptions":true})", {{"subs", "1"}}},
      {R"({"subscriptions":false})", {}},
      {R"({"subscriptions":true,"subscriptions_detail":true})",
       {{"subs", "detail"}, {"subs", "1"}}},
      {R"({"limit":-7,"acc":"A"})", {{"limit", "-7"}, {"acc", "A"}}},
      {R"({"LIMIT":2})", {{"limit", "2"}}},
      {R"({"state":1})", {{"state", "closed"}}},
      {R"({"state":9})", {{"state", "9"}}},
      {R"({"accounts":["A","B"]})", {{"acc", "A"}, {"acc", "B"}}},
      {R"({"limit":null})", {}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.body);
    RequestOptions options;
    CHECK(read(c.body, options) == "");
    CHECK(options.items == c.items);
  }
}

TEST_CASE("system options: what is wrong is told in Go's words") {
  RequestOptions options;
  CHECK(read("garbage", options) == "invalid JSON");
  CHECK(read("{\"limit\":", options) == "invalid JSON");
  CHECK(read("[]", options) ==
        "json: cannot unmarshal array into Go value of type server.ConnzEventOptions");
  CHECK(read(R"({"limit":"x"})", options) ==
        "json: cannot unmarshal string into Go struct field ConnzEventOptions.ConnzOptions.limit "
        "of type int");
  CHECK(read(R"({"server_name":1})", options) ==
        "json: cannot unmarshal number into Go struct field "
        "ConnzEventOptions.EventFilterOptions.server_name of type string");
  CHECK(read(R"({"accounts":[1]})", options) != "");
  CHECK(read(R"({"tags":"x"})", options) != "");
  CHECK(read(R"({"exact_match":1})", options) != "");
  CHECK(read(R"({"limit":99999999999999999999})", options) != "");
  CHECK(read(std::string(kOptionsBytesMax + 1, ' '), options) == "request body is too long");
}

TEST_CASE_FIXTURE(ServerFixture, "system options: filters say whether this server is meant") {
  config.server_name = "edge-7";
  config.server_tags = {"site:North"};
  config.host = "10.1.2.3";
  const ServerIdentity identity(server());
  struct Case {
    const char* body;
    bool meant;
  };
  constexpr Case kCases[] = {
      {"{}", true},
      {R"({"server_name":"edge"})", true},
      {R"({"server_name":"edge","exact_match":true})", false},
      {R"({"server_name":"edge-7","exact_match":true})", true},
      {R"({"server_name":"hub"})", false},
      {R"({"host":"10.1"})", true},
      {R"({"host":"10.2"})", false},
      {R"({"cluster":"c"})", false},
      {R"({"domain":"d"})", false},
      {R"({"tags":["SITE:north"]})", true},
      {R"({"tags":["site:north","other"]})", false},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.body);
    RequestOptions options;
    REQUIRE(read(c.body, options) == "");
    CHECK(options.filter.accepts(identity) == c.meant);
  }
}

}  // namespace
}  // namespace petiole::test
