// By which of its words a client is known. Rules: wire/client-and-leaf.md section 2.1.
#include <doctest/doctest.h>

#include "tests/agent/auth/tokens.h"
#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

enum Setting { kNothing, kUsers, kUsersAndKeys, kToken, kGuest };

constexpr const char* kNo = "";  // Refused.

struct Case {
  const char* what;
  Setting setting;
  const char* fields;  // Of CONNECT; @ stands for Joe's signature, ! for Jane's.
  const char* account;
};

#define JOE R"("nkey":"$JOE","sig":"@")"

constexpr Case kCases[] = {
    {"nothing configured, nothing said", kNothing, "", "$G"},
    {"nothing configured, whatever is said", kNothing, R"("user":"x","pass":"y")", "$G"},
    {"a user", kUsers, R"("user":"u","pass":"p")", "A"},
    {"a wrong password", kUsers, R"("user":"u","pass":"P")", kNo},
    {"a user without its password", kUsers, R"("user":"u")", kNo},
    {"an unknown user", kUsers, R"("user":"v","pass":"p")", kNo},
    {"nothing said", kUsers, "", kNo},
    {"a token where there are users", kUsers, R"("auth_token":"p")", kNo},
    {"a key where there are none is not looked at", kUsers, R"("user":"u","pass":"p",)" JOE, "A"},
    {"a key alone where there are none", kUsers, JOE, kNo},
    {"a key", kUsersAndKeys, JOE, "B"},
    {"a key goes before a user", kUsersAndKeys, R"("user":"u","pass":"p",)" JOE, "B"},
    {"a key that does not sign, though the user is right", kUsersAndKeys,
     R"("user":"u","pass":"p","nkey":"$JOE","sig":"!")", kNo},
    {"a key without a signature", kUsersAndKeys, R"("nkey":"$JOE")", kNo},
    {"an unknown key", kUsersAndKeys, R"("nkey":"$JANE","sig":"!")", kNo},
    {"a key as a name", kUsersAndKeys, R"("user":"$JOE","pass":"")", kNo},
    {"a user beside keys", kUsersAndKeys, R"("user":"u","pass":"p")", "A"},
    {"a token", kToken, R"("auth_token":"t")", "$G"},
    {"a wrong token", kToken, R"("auth_token":"T")", kNo},
    {"a token as a password", kToken, R"("user":"x","pass":"t")", kNo},
    {"no token", kToken, "", kNo},
    {"no_auth_user", kGuest, "", "A"},
    {"no_auth_user is for who brings a key where there are none", kGuest, JOE, "A"},
    {"no_auth_user is not for who says something", kGuest, R"("user":"u","pass":"x")", kNo},
    {"no_auth_user is not for who brings a token", kGuest, R"("auth_token":"x")", kNo},
    {"an account of its own choice", kNothing, R"("account":"A")", kNo},
};

struct OrderFixture : ServerFixture {
  explicit OrderFixture(Setting setting) {
    for (const char* name : {"A", "B"}) config.accounts.push_back({.name = name});
    UserConfig user, key;
    user.user = "u";
    user.password = "p";
    user.account = "A";
    key.nkey = kJoe.text;
    key.account = "B";
    if (setting == kToken) config.auth.token = "t";
    if (setting == kUsers || setting == kUsersAndKeys || setting == kGuest) {
      config.auth.users.push_back(user);
    }
    if (setting == kUsersAndKeys) config.auth.users.push_back(key);
    if (setting == kGuest) config.auth.no_auth_user = "u";
  }
};

void fill(std::string& text, std::string_view mark, const std::string& value) {
  const std::size_t at = text.find(mark);
  if (at != text.npos) text.replace(at, mark.size(), value);
}

TEST_CASE("login: by which of its words a client is known") {
  for (const Case& each : kCases) {
    CAPTURE(std::string(each.what));
    OrderFixture fixture(each.setting);
    Client client(fixture.machine, fixture.server());
    const std::size_t begin = client.info.find("\"nonce\":\"");
    const bool signs = begin != client.info.npos;
    CHECK(signs == (each.setting == kUsersAndKeys));
    const std::string nonce = signs ? client.info.substr(begin + 9, 15) : "";
    std::string fields = each.fields;
    fill(fields, "\"@\"", '"' + kJoe.sign(nonce) + '"');
    fill(fields, "\"!\"", '"' + kJane.sign(nonce) + '"');
    fill(fields, "$JOE", kJoe.text);
    fill(fields, "$JANE", kJane.text);
    const std::string said = client.say(R"(CONNECT {"verbose":true,"pedantic":false)" +
                                        (fields.empty() ? "" : "," + fields) + "}\r\n");
    if (each.account == std::string_view(kNo)) {
      CHECK(said == "-ERR 'Authorization Violation'\r\n");
      CHECK(client.wire.closed);
    } else {
      CHECK(said == "+OK\r\n");
      CHECK(client.session->report(false).account == each.account);
    }
  }
}

TEST_CASE("login: what monitoring tells of who let it in") {
  OrderFixture fixture(kUsersAndKeys);
  Client user(fixture.machine, fixture.server()), key(fixture.machine, fixture.server());
  user.say(R"(CONNECT {"user":"u","pass":"p"})"
           "\r\n");
  CHECK(user.session->report(false).issuer.empty());
  const std::string nonce = key.info.substr(key.info.find("\"nonce\":\"") + 9, 15);
  key.say(R"(CONNECT {"nkey":")" + kJoe.text + R"(","sig":")" + kJoe.sign(nonce) + "\"}\r\n");
  CHECK(key.session->report(false).issuer == "B");
  CHECK(key.session->report(false).user == kJoe.text);
}

}  // namespace
}  // namespace petiole::test
