#include "agent/session/sid_table.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>

#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

TEST_CASE_FIXTURE(ServerFixture, "sid table: agrees with a map under churn") {
  auto owner = connect();
  SidTable table(99);
  std::map<std::string, Subscription*> expected;
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    const std::string sid = std::to_string(random() % 500);
    Subscription* const found = table.find(sid);
    const auto each = expected.find(sid);
    REQUIRE((found != nullptr) == (each != expected.end()));
    if (found) {
      REQUIRE(found == each->second);
      table.erase(*found);
      expected.erase(each);
      free_subscription(found);
    } else {
      expected[sid] = make_subscription(*owner->session, "a", "", sid);
      table.insert(*expected[sid]);
    }
    REQUIRE(table.size() == expected.size());
  }
  for (const auto& [sid, subscription] : expected) {
    table.erase(*subscription);
    free_subscription(subscription);
  }
  CHECK(table.bytes() == 0);
}

}  // namespace
}  // namespace petiole::test
