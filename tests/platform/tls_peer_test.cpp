// What a server wants of its clients' certificates, and what it learns from them.
#include <doctest/doctest.h>

#include "platform/system.h"
#include "tests/platform/tls_pair.h"

namespace petiole::test {
namespace {

const std::string kClientKey = "ca0c99595c2b98594f743fa77caf6ed99791ff28bd9ddcf8d09315094fc74011";

TEST_CASE("tls: a client certificate, where the server asks for one") {
  Pair pair(with_cert(client_options(), "client"), mutual(server_options()));
  REQUIRE(pair.start().ok());
  pair.run();
  CHECK_MESSAGE(pair.open(), pair.server->error());
}

TEST_CASE("tls: verify: optional lets in who shows no certificate, and checks one that is shown") {
  const TlsOptions server = optional(server_options());
  TlsOptions pinned = server;
  pinned.pinned_certs = {kClientKey};
  const TlsOptions own = with_cert(client_options(), "client");
  const TlsOptions stranger = with_cert(client_options(), "stranger");
  struct Case {
    TlsOptions client, server;
    bool opens;
  };
  const Case cases[] = {{client_options(), server, true},
                        {own, server, true},
                        {stranger, server, false},
                        {own, pinned, true},
                        {client_options(), pinned, false}};
  const SystemClock clock;
  const Calendar set(clock, ClockTrust::kFloor, WallTime(std::chrono::seconds(1)));
  for (const Case& c : cases) {
    for (const TlsVersion version : {TlsVersion::k12, TlsVersion::k13}) {
      for (const Calendar* calendar : {static_cast<const Calendar*>(nullptr), &set}) {
        Pair pair(c.client, c.server, "hub.example", SIZE_MAX, version, calendar);
        REQUIRE(pair.start().ok());
        pair.run();
        CHECK_MESSAGE(pair.server->open() == c.opens, pair.server->error());
        const bool shown = c.opens && !c.client.cert_file.empty();
        if (c.opens) CHECK((pair.server->peer_certificate() != nullptr) == shown);
      }
    }
  }
}

TEST_CASE("tls: what the peer's certificate says") {
  Pair pair(with_cert(client_options(), "mapped"), mutual(server_options()));
  REQUIRE(pair.start().ok());
  pair.run();
  REQUIRE_MESSAGE(pair.open(), pair.server->error());
  const auto certificate = pair.server->peer_certificate();
  REQUIRE(certificate);
  CHECK(certificate->emails == std::vector<std::string>{"box@plant.example"});
  CHECK(certificate->dns_names == std::vector<std::string>{"box.plant.example", "box"});
  CHECK(certificate->uris == std::vector<std::string>{"spiffe://plant/box"});
  const std::vector<std::pair<std::string, std::string>> subject{
      {"DC", "example"}, {"O", "Plant, Inc."}, {"OU", "Line 1"}, {"CN", "box"}};
  CHECK(certificate->subject == subject);

  Pair none(client_options(), server_options());
  REQUIRE(none.start().ok());
  none.run();
  CHECK(none.server->peer_certificate() == nullptr);
  CHECK(none.client->peer_certificate() != nullptr);
}

// openssl x509 -in client.pem -pubkey -noout | openssl pkey -pubin -outform der | sha256sum
TEST_CASE("tls: only a pinned key is let in") {
  for (const bool right : {true, false}) {
    for (const TlsVersion version : {TlsVersion::k12, TlsVersion::k13}) {
      TlsOptions server = mutual(server_options());
      server.pinned_certs = {std::string(64, 'a'), right ? kClientKey : std::string(64, 'b')};
      Pair pair(with_cert(client_options(), "client"), server, "hub.example", SIZE_MAX, version);
      REQUIRE(pair.start().ok());
      pair.run();
      CHECK(pair.server->open() == right);
      if (!right) CHECK(pair.server->error().find("not among the pinned") != std::string::npos);
    }
  }
  TlsOptions unasked = server_options();
  unasked.pinned_certs = {kClientKey};
  Pair pair(client_options(), unasked);
  REQUIRE(pair.start().ok());
  pair.run();
  CHECK(!pair.server->open());
}

}  // namespace
}  // namespace petiole::test
