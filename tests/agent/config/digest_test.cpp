#include "agent/config/digest.h"

#include <doctest/doctest.h>

#include "agent/config/parser.h"
#include "tests/agent/config/files.h"

namespace petiole {
namespace {

std::string digest(std::string_view text, const test::Files& files = {}) {
  const ParsedConfig parsed = parse_config(text, "f", files.sources());
  REQUIRE_FALSE(parsed.error);
  return digest_of(parsed.tree.root);
}

}  // namespace

TEST_CASE("config digest: that of nats-server 2.15.2") {
  struct Case {
    const char *text, *wanted;
  };
  constexpr Case kCases[] = {
      {"accounts: {}", "sha256:4b5b1053e2e2e40fd275b9db6c68fb7f7ec089b0898b1d5b6b981b5fcbed84b2"},
      {"authorization { users: [] }",
       "sha256:d795597b584efbbdc2ef7e2a1806ecce20b5305879571ee53aa8abadb9eaec90"},
      {"ping_max: 3\nauthorization { timeout: 0.0000001, token: t }",
       "sha256:ad6936219fdb723c6ea36289aff486c4dffedd41282b02ffb9ea2b8d2c36c1e0"},
      {R"(server_metadata { x: "a\"b\\c\x7f" })",
       "sha256:ff054b82779cbfafcde63158f4459c999109101d28f77c4a0e3188bd2c3e3277"},
      {R"(# Variables, suffixes, escapes.
PASS: "s3cret"
port: -1
server_name: "a\tb<c>&é"
max_payload: 1MB
ping_max: 3
server_metadata { b: "x\ny", a: "" }
server_tags: [ "q", "r" ]
authorization { timeout: 1.5, users: [ { user: a, password: $PASS } ] }
debug: no
)",
       "sha256:c995a52a339121bb9a19a3915b79560814ea6047b1fdcd832d697a668fc9ed5f"},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.text);
    CHECK(digest(c.text) == c.wanted);
  }
}

TEST_CASE("config digest: of what is said, not of how it is written") {
  test::Files files;
  files.files["g"] = "port: 1";
  CHECK(digest("port: 1; debug: true") == digest("# One.\n debug = yes\n include g\n", files));
  CHECK(digest("port: 1") != digest("port: 2"));
}

}  // namespace petiole
