#include "agent/system/calls.h"

#include <doctest/doctest.h>

namespace petiole {
namespace {

struct Case {
  const char* subject;
  const char* call;  // Empty: nobody answers.
  const char* account = "";
};

TEST_CASE("system calls: a subject leads to one call, or to none") {
  constexpr Case kCases[] = {
      {"$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING"},
      {"$SYS.REQ.SERVER.PING.VARZ", "VARZ"},
      {"$SYS.REQ.SERVER.ME.VARZ", "VARZ"},
      {"$SYS.REQ.SERVER.ME.KICK", "KICK"},
      {"$SYS.REQ.SERVER.PING.KICK", ""},
      {"$SYS.REQ.SERVER.OTHER.VARZ", ""},
      {"$SYS.REQ.SERVER.ME", ""},
      {"$SYS.REQ.SERVER.ME.VARZ.X", ""},
      {"$SYS.REQ.SERVER.ME.varz", ""},
      {"$SYS.REQ.SERVER.ME.CONNS", ""},
      {"$SYS.REQ.ACCOUNT.A.CONNS", "CONNS", "A"},
      {"$SYS.REQ.ACCOUNT.A.INFO", "INFO", "A"},
      {"$SYS.REQ.ACCOUNT.A.VARZ", "", "A"},
      {"$SYS.REQ.ACCOUNT.A", ""},
      {"$SYS.REQ.USER.INFO", "$SYS.REQ.USER.INFO"},
      {"$SYS.DEBUG.SUBSCRIBERS", "$SYS.DEBUG.SUBSCRIBERS"},
      {"VARZ", ""},
      {"", ""},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.subject);
    const FoundCall found = find_call(c.subject, "ME");
    CHECK((found.call ? found.call->name : std::string_view()) == c.call);
    CHECK(found.account == c.account);
  }
}

TEST_CASE("system calls: an ordinary account asks of itself alone") {
  constexpr Case kCases[] = {
      {"$SYS.REQ.SERVER.PING.CONNZ", "CONNZ", "A"},
      {"$SYS.REQ.ACCOUNT.PING.CONNZ", "CONNZ", "A"},
      {"$SYS.REQ.ACCOUNT.PING.STATZ", "STATZ", "A"},
      {"$SYS.REQ.USER.INFO", "$SYS.REQ.USER.INFO"},
      {"$SYS.REQ.SERVER.PING", ""},
      {"$SYS.REQ.SERVER.PING.VARZ", ""},
      {"$SYS.REQ.ACCOUNT.B.CONNZ", ""},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.subject);
    const FoundCall found = find_account_call(c.subject, "A");
    CHECK((found.call ? found.call->name : std::string_view()) == c.call);
    CHECK(found.account == c.account);
  }
}

}  // namespace
}  // namespace petiole
