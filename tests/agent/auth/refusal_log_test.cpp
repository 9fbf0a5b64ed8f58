// What the log says of who is refused in operator mode.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/agent/auth/operator_fixture.h"

namespace petiole::test {
namespace {

constexpr std::string_view kRefused = "-ERR 'Authorization Violation'\r\n";

// nats-server auth.go: what a valid token fails by is told, to the one who reads the log.
TEST_CASE_FIXTURE(OperatorFixture, "operator: what the log says of who is refused") {
  preload(account_token());
  const auto said = [this](const std::string& jwt, const Key& user, const char* line) {
    const auto before = static_cast<std::ptrdiff_t>(machine.log.lines().size());
    CHECK(login(jwt, user) == kRefused);
    const auto& lines = machine.log.lines();
    return std::any_of(lines.begin() + before, lines.end(),
                       [line](const std::string& each) { return each.ends_with(line); });
  };
  const std::string far = user_token(R"("src":["10.0.0.0/8"],)");
  CHECK(said(far, kJoe, " - Bad src Ip 127.0.0.1"));
  CHECK_FALSE(said(far, kJane, " - Bad src Ip 127.0.0.1"));  // It is not hers.
  const std::string late = user_token(R"("times":[{"start":"23:00:00","end":"23:30:00"}],)");
  CHECK(said(late, kJoe, " - Outside connect times"));
  CHECK(said(user_token("", kOtherAcc), kJoe, "Account fetch failed: account missing"));
}

}  // namespace
}  // namespace petiole::test
