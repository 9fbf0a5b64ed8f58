// The cases of nats-server 2.15.3, TestSubjectPlaceholderExpansion.
#include "agent/subject/account_functions.h"

#include <doctest/doctest.h>

#include "agent/subject/transform.h"

namespace petiole {
namespace {

constexpr AccountNames kAll{.account = "ACC", .exporter = "EXP", .leaf_remote = "REM"};
constexpr AccountNames kPending{.account = "ACC", .leaf_remote_pending = true};

struct Case {
  const char* subject;
  AccountNames names;
  const char* wanted;
};

constexpr Case kCases[] = {
    {"foo.bar.>", kAll, "foo.bar.>"},
    {"foo.{{account-hash()}}.>", kAll, "foo.ACC_.>"},
    {"foo.{{Account-Hash()}}", kAll, "foo.ACC_"},
    {"foo.{{ account-hash( ) }}", kAll, "foo.ACC_"},
    {"$JS.FC._.{{account-hash-import()}}.>", kAll, "$JS.FC._.EXP_.>"},
    {"{{account-hash-leaf-remote()}}", kAll, "REM_"},
    {"{{Account-Hash-Leaf-Remote()}}", kAll, "REM_"},
    {"{{account-hash()}}.{{wildcard(1)}}.{{account-hash-import()}}", kAll,
     "ACC_.{{wildcard(1)}}.EXP_"},
    {"foo.{{unknown()}}", kAll, "foo.{{unknown()}}"},
    {"foo.{{accountHash()}}", kAll, "foo.{{accountHash()}}"},
    {"foo.{{accountHashLeafRemote()}}", kAll, "foo.{{accountHashLeafRemote()}}"},
    {"a.{{account-hash-leaf-remote()}}.{{account-hash()}}", kPending,
     "a.{{account-hash-leaf-remote()}}.ACC_"},
};

constexpr Case kWrong[] = {
    {"{{account-hash(a,b)}}", kAll, "too many arguments passed to the function"},
    {"{{account-hash(OTHER)}}", kAll, "too many arguments passed to the function"},
    {"{{account-hash-import(a)}}", kAll, "too many arguments passed to the function"},
    {"{{account-hash-leaf-remote(x)}}", kPending, "too many arguments passed to the function"},
    {"{{account-hash-import()}}", kPending, "function is not available in this context"},
    {"{{account-hash-leaf-remote()}}",
     {.account = "ACC"},
     "function is not available in this context"},
    {"{{account-hash()}}", {}, "function is not available in this context"},
    {"{{account-hash()}}",
     {.leaf_remote_pending = true},
     "function is not available in this context"},
};

// With the hashes for their stand-ins.
std::string with_hashes(std::string text) {
  for (const char* name : {"ACC", "EXP", "REM"}) {
    const std::string stands = std::string(name) + '_';
    for (std::size_t at; (at = text.find(stands)) != text.npos;) {
      text.replace(at, stands.size(), account_hash(name));
    }
  }
  return text;
}

TEST_CASE("account functions: hashes are nats-server's") {
  CHECK(account_hash("ACC") == "jal3Zke2");
  CHECK(account_hash("$G") == "szMpdrwD");
  CHECK(account_hash("my.acc") == "SHsF9bV0");
}

TEST_CASE("account functions: each becomes the hash of its account") {
  for (const Case& c : kCases) {
    std::string subject = c.subject;
    CAPTURE(c.subject);
    CHECK(fill_in_accounts(subject, c.names) == "");
    CHECK(subject == with_hashes(c.wanted));
  }
}

TEST_CASE("account functions: what is wrong leaves the subject as it is") {
  for (const Case& c : kWrong) {
    std::string subject = c.subject;
    CAPTURE(c.subject);
    CHECK(fill_in_accounts(subject, c.names) ==
          std::string("invalid mapping destination: ") + c.wanted + " in " + c.subject);
    CHECK(subject == c.subject);
  }
}

TEST_CASE("account functions: no transform knows them") {
  for (const char* token :
       {"{{account-hash()}}", "{{account-hash-import()}}", "{{account-hash-leaf-remote()}}"}) {
    SubjectTransform transform;
    CHECK(
        transform.compile("foo.*", std::string("bar.") + token + ".$1") ==
        std::string("invalid mapping destination: function is not available in this context in ") +
            token);
    CHECK(check_mapping("foo", token).find("not available") != std::string::npos);
  }
}

}  // namespace
}  // namespace petiole
