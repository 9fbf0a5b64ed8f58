// The signatures of the end that dials: nkeys and credentials. Needs PETIOLE_TLS, for its curves.
// Rules: wire/client-and-leaf.md sections 2.2 and 3.3.
#include "tests/agent/leaf/session_bench.h"

namespace petiole::test {
namespace {

TEST_CASE("soliciting: what we sign") {
  Config config = dialling("hub");
  RemoteConfig& remote = config.remotes[0];
  SUBCASE("nkey") {
    remote.nkey = kSeed;
    Bench bench(config);
    bench.solicit(), bench.feed(kInfo);
    const std::string line = connect_of(bench.wire.take());
    CHECK(line.find("\"nkey\":\"UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK\"") !=
          line.npos);
    CHECK(line.find("\"sig\":\"mZCkcVWiiV-rU4pCyElwT6Q3HTuNX4Sz5TYxYv-"
                    "c1vHBVHLRD4M7RnCxieNBiw1hsGomeXpXnPw8rhXnRUa2BQ\"") != line.npos);
  }
  SUBCASE("credentials: read anew each time; a bad file is named") {
    remote.credentials = "/etc/a.creds";
    Bench bench(config);
    bench.solicit();
    CHECK(bench.feed(kInfo) == "the credentials file cannot be used");
    bench.close();
    CHECK(bench.owner.detail == "credentials file /etc/a.creds: no such file");
    Bench good(config);
    good.files = [](const std::string&) -> Result<std::string> {
      return "---BEGIN---\njwt.jwt.jwt\n---END---\n---BEGIN---\n" + std::string(kSeed) +
             "\n---END---\n";
    };
    good.solicit(), good.feed(kInfo);
    const std::string line = connect_of(good.wire.take());
    CHECK(line.find("\"jwt\":\"jwt.jwt.jwt\"") != line.npos);
    CHECK(line.find("\"sig\":\"mZCkcVWiiV") != line.npos);
  }
  SUBCASE("deny_imports are told, hub is told") {
    remote.deny_imports = {"x.>"}, remote.hub = true;
    Bench bench(config);
    bench.solicit(), bench.feed(kInfo);
    const std::string line = connect_of(bench.wire.take());
    CHECK(line.find("\"deny_pub\":[\"x.\\u003e\"]") != line.npos);
    CHECK(line.find("\"is_hub\":true") != line.npos);
  }
}

}  // namespace
}  // namespace petiole::test
