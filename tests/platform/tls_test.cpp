// Sessions in memory.
#include "platform/tls.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "platform/files.h"
#include "platform/process.h"
#include "platform/system.h"
#include "platform/tls_wolfssl.h"
#include "tests/platform/tls_pair.h"
// The options come first.
#include <wolfssl/wolfcrypt/asn_public.h>

namespace petiole::test {
namespace {

TEST_CASE("tls: both versions carry bytes both ways") {
  for (const TlsVersion version : {TlsVersion::k12, TlsVersion::k13}) {
    Pair pair(client_options(), server_options(), "hub.example", SIZE_MAX, version);
    REQUIRE(pair.start().ok());
    pair.run();
    REQUIRE(pair.open());
    CHECK(pair.client->version() == (version == TlsVersion::k12 ? "TLSv1.2" : "TLSv1.3"));
    CHECK(!pair.client->cipher().empty());
    CHECK(pair.client->cipher() == pair.server->cipher());
    std::mt19937 random(5);
    std::string text(1000000, '\0');
    for (char& c : text) c = static_cast<char>(random());
    CHECK(pair.client->send(text, pair.to_server).ok());
    CHECK(pair.server->send("INFO {}\r\n", pair.to_client).ok());
    CHECK(pair.client->send("tail", pair.to_server).ok());
    pair.run();
    CHECK(pair.server_plain == text + "tail");
    CHECK(pair.client_plain == "INFO {}\r\n");
    pair.client->shut_down(pair.to_server);
    CHECK(!pair.to_server.empty());
    pair.run();
    CHECK(pair.server_status.code() == Errc::kClosed);
  }
}

TEST_CASE("tls: any cut of the input gives the same result") {
  for (const int step : {1, -1, 2, 3, -3, 5, 7, 64, 1000, 16389, -16389}) {  // Below 0: TLS 1.2.
    Pair pair(client_options(), server_options(), "hub.example",
              static_cast<std::size_t>(std::abs(step)),
              step < 0 ? TlsVersion::k12 : TlsVersion::k13);
    REQUIRE(pair.start().ok());
    pair.run();
    REQUIRE_MESSAGE(pair.open(), step);
    const std::string text(20000, 'x');  // Two records.
    CHECK(pair.client->send(text, pair.to_server).ok());
    CHECK(pair.server->send(text, pair.to_client).ok());
    pair.run();
    CHECK(pair.server_plain == text);
    CHECK(pair.client_plain == text);
  }
}

TEST_CASE("tls: addresses are checked against the certificate") {
  for (const char* name : {"127.0.0.1", "::1", "localhost", "hub.example"}) {
    Pair pair(client_options(), server_options(), name);
    REQUIRE(pair.start().ok());
    pair.run();
    CAPTURE(name);
    CHECK_MESSAGE(pair.open(), pair.client->error());
  }
}

TEST_CASE("tls: a handshake that fails says why") {
  TlsOptions unknown = client_options();
  unknown.ca_file = data("other-ca.pem");
  TlsOptions new_only = server_options();
  new_only.version_min = TlsVersion::k13;
  struct Case {
    const char* name;
    TlsOptions client, server;
    const char* host;
    const char* error;
    bool at_server;
  };
  const Case cases[] = {
      {"expired", client_options(), with_cert(server_options(), "expired"), "hub.example",
       "has expired", false},
      {"wrong name", client_options(), server_options(), "other.example", "another host name",
       false},
      {"wrong address", client_options(), server_options(), "127.0.0.2", "another address", false},
      {"unknown authority", unknown, server_options(), "hub.example", "unknown authority", false},
      {"foreign certificate", client_options(), with_cert(server_options(), "stranger"),
       "hub.example", "unknown authority", false},
      {"no client certificate", client_options(), mutual(server_options()), "hub.example",
       "sent no certificate", true},
      {"foreign client", with_cert(client_options(), "stranger"), mutual(server_options()),
       "hub.example", "unknown authority", true},
  };
  const SystemClock clock;
  const Calendar calendar(clock, ClockTrust::kFloor, WallTime(std::chrono::seconds(1)));
  for (int i = 0; i < 4 * static_cast<int>(std::size(cases)); ++i) {
    const Case& c = cases[i / 4];
    CAPTURE(std::string(c.name));
    Pair pair(c.client, c.server, c.host, SIZE_MAX, i % 2 ? TlsVersion::k12 : TlsVersion::k13,
              i % 4 < 2 ? nullptr : &calendar);  // With one, wolfSSL asks us about each error.
    REQUIRE(pair.start().ok());
    pair.run();
    const TlsSession& end = c.at_server ? *pair.server : *pair.client;
    const Status status = c.at_server ? pair.server_status : pair.client_status;
    CHECK(status.code() == Errc::kTls);
    CHECK_MESSAGE(end.error().find(c.error) != std::string::npos, end.error());
    // The other end hears of it by an alert; wolfSSL sends none for the absent certificate in 1.2.
    if (c.at_server && i % 2 == 1 && !c.client.cert_file.size()) continue;
    // With a calendar the address is looked at when the handshake is over: that end just closes.
    if (i % 4 >= 2 && std::string_view(c.error) == "another address") continue;
    const Status other = c.at_server ? pair.client_status : pair.server_status;
    CHECK(!other.ok());
    CHECK((c.at_server ? *pair.client : *pair.server).error().find("the peer ") == 0);
  }
  Pair versions(client_options(), new_only, "hub.example", SIZE_MAX, TlsVersion::k12);
  REQUIRE(versions.start().ok());
  versions.run();
  CHECK(versions.client_status.code() == Errc::kTls);
  CHECK(versions.client->error().find("version") != std::string::npos);
  CHECK(versions.server->error().find("version") != std::string::npos);
}

// Memory is there but for one size: that of the name which is under test.
std::size_t missing_bytes = 0;
void* allocate(std::size_t bytes) { return bytes == missing_bytes ? nullptr : std::malloc(bytes); }
void* reallocate(void* old, std::size_t bytes) { return std::realloc(old, bytes); }

TEST_CASE("tls: a session whose name cannot be checked does not open") {
  const std::string odd = std::string(60, 'h') + "." + std::string(60, 'u') + ".example";
  const auto refused = [](const std::string& name) {
    const auto end = session(client_options(), name);
    std::string wire;
    const Status status = end->start(wire);
    return !status.ok() && wire.empty() && !end->open() &&
           end->error() == "tls: the server's name cannot be checked";
  };
  CHECK_FALSE(refused(odd));
  CHECK(refused(std::string("hub.example\0.evil", 17)));
  CHECK(refused(std::string(256, 'h')));
  CHECK_FALSE(refused(std::string(255, 'h')));
  wolfSSL_SetAllocators(allocate, std::free, reallocate);
  missing_bytes = odd.size() + 1;
  CHECK(refused(odd));
  missing_bytes = 0;
  wolfSSL_SetAllocators(std::malloc, std::free, std::realloc);
}

TEST_CASE("tls: what the user asked not to be checked is not") {
  TlsOptions client = client_options();
  client.insecure = true;
  client.ca_file.clear();
  Pair pair(client, with_cert(server_options(), "expired"), "other.example");
  REQUIRE(pair.start().ok());
  pair.run();
  CHECK_MESSAGE(pair.open(), pair.client->error());
}

TEST_CASE("tls: the digest of a public key is of no other bytes") {
  CHECK(public_key_digest("").empty());
  CHECK(public_key_digest("\x30\x82").empty());
  CHECK(public_key_digest(std::string("\x30\x03\x30\x01\x05", 5)).empty());
  CHECK(public_key_digest(std::string(3000, '\x30')).empty());
}

TEST_CASE("tls: of several certificates the one for the name is shown") {
  struct Case {
    const char *name, *shown;
  };
  const Case cases[] = {
      {"hub.example", "hub.example"},
      {"second.example", "second.example"},
      {"a.third.example", "*.third.example"},
      {"other.example", "hub.example"},
      {"", "hub.example"},
      {"127.0.0.1", "hub.example"},
  };
  TlsOptions server = server_options();
  server.more_certs = {{data("second.pem"), data("second-key.pem")}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    for (const TlsVersion version : {TlsVersion::k12, TlsVersion::k13}) {
      TlsOptions client = client_options();
      client.insecure = true;
      Pair pair(client, server, c.name, SIZE_MAX, version);
      REQUIRE(pair.start().ok());
      pair.run();
      REQUIRE_MESSAGE(pair.open(), pair.client->error());
      const auto shown = pair.client->peer_certificate();
      REQUIRE(shown);
      const auto& names = shown->dns_names;
      CHECK(std::find(names.begin(), names.end(), c.shown) != names.end());
      CHECK(pair.client->send("x", pair.to_server).ok());
      pair.run();
      CHECK(pair.server_plain == "x");
    }
  }
}

TEST_CASE("tls: a peer that speaks in clear is told from TLS") {
  auto client = session(client_options(), "hub.example");
  std::string plain, wire;
  REQUIRE(client->start(wire).ok());
  CHECK(client->receive("INFO {\"server_id\":", plain, wire).code() == Errc::kTls);
  CHECK(client->error().find("does not speak TLS") != std::string::npos);
  CHECK(plain.empty());
  CHECK(client->send("x", wire).code() == Errc::kTls);
}

TEST_CASE("tls: a changed byte is never taken for data") {
  std::mt19937 random(11);
  for (int i = 0; i < 60; ++i) {
    Pair pair(client_options(), server_options());
    REQUIRE(pair.start().ok());
    pair.run();
    const std::string text(300, 'x');
    CHECK(pair.client->send(text, pair.to_server).ok());
    pair.to_server[random() % pair.to_server.size()] ^= static_cast<char>(1 << random() % 8);
    pair.run();
    CHECK(pair.server_plain.empty());
  }
}

TEST_CASE("tls: a configuration error names the file and the cause") {
  const std::string missing = data("none.pem");
  struct Case {
    const char *cert, *key, *ca;
    const char* error;
  };
  const Case cases[] = {
      {"none.pem", "server-key.pem", "", "cert_file \""},
      {"none.pem", "server-key.pem", "", "No such file or directory"},
      {"server.pem", "none.pem", "", "key_file \""},
      {"server.pem", "client-key.pem", "", "does not belong to the certificate"},
      {"server-key.pem", "server-key.pem", "", "holds no PEM block of a certificate"},
      {"server.pem", "server.pem", "", "holds no PEM block of a private key"},
      {"server.pem", "server-key.pem", "none.pem", "ca_file \""},
      {"server.pem", "server-key.pem", "make.sh", "holds no PEM block of a certificate"},
      {"", "server-key.pem", "", "without a cert_file"},
      {"server.pem", "", "", "without a key_file"},
      {"", "", "", "needs cert_file and key_file"},
      {"/", "server-key.pem", "", "is a directory"},
  };
  for (const Case& c : cases) {
    TlsOptions options = server_options();
    options.cert_file = *c.cert ? data(c.cert) : "";
    options.key_file = *c.key ? data(c.key) : "";
    if (*c.ca) options.verify = true, options.ca_file = data(c.ca);
    const TlsContextResult made = make_tls_context(options);
    CHECK(!made.context);
    CHECK_MESSAGE(made.error.find(c.error) != std::string::npos, made.error);
  }
  TlsOptions options = client_options();
  options.cipher_suites = {"TLS_NO_SUCH_THING"};
  CHECK(make_tls_context(options).error == "tls: unknown cipher suite \"TLS_NO_SUCH_THING\"");
}

TEST_CASE("tls: cipher suites by IANA's names and Go's") {
  TlsOptions options = client_options();
  options.cipher_suites = {"TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
                           "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"};
  const TlsContextResult made = make_tls_context(options);
  CHECK_MESSAGE(made.context, made.error);

  // Suites of TLS 1.2 alone leave TLS 1.3 usable.
  options.cipher_suites = {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"};
  for (const TlsVersion version : {TlsVersion::k12, TlsVersion::k13}) {
    Pair pair(options, server_options(), "hub.example", SIZE_MAX, version);
    REQUIRE(pair.start().ok());
    pair.run();
    REQUIRE(pair.open());
    CHECK(pair.client->version() == (version == TlsVersion::k12 ? "TLSv1.2" : "TLSv1.3"));
    if (version == TlsVersion::k12) {
      CHECK(pair.client->cipher() == "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    }
  }
}

// Both clocks, wolfSSL's and ours, are where the test puts them.
struct FixedClock : Clock {
  explicit FixedClock(std::int64_t since_1970) : time(std::chrono::seconds(since_1970)) {
    REQUIRE(wc_SetTimeCb([](time_t* to) { return to ? *to = kLibraryTime : kLibraryTime; }) == 0);
  }
  ~FixedClock() override { wc_SetTimeCb(nullptr); }
  Time now() const override { return Time(); }
  WallTime wall() const override { return time; }
  WallTime time;
  static constexpr time_t kLibraryTime = 100;  // 1970.
};

TEST_CASE("tls: a clock in 1970, by each rule") {
  const WallTime now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const WallTime old = WallTime(std::chrono::sys_days(std::chrono::year(2001) / 1 / 1));
  struct Case {
    const char* name;
    ClockTrust trust;
    WallTime floor;
    TlsOptions client, server;
    const char* host;
    const char* error;  // Empty: it opens.
    bool at_server = false;
  };
  constexpr ClockTrust kFloor = ClockTrust::kFloor, kLenient = ClockTrust::kLenient;
  const TlsOptions good = server_options(), expired = with_cert(server_options(), "expired");
  TlsOptions foreign = client_options();
  foreign.ca_file = data("other-ca.pem");
  TlsOptions client = client_options();
  const Case cases[] = {
      {"the floor is now", kFloor, now, client, good, "hub.example", ""},
      {"an address", kFloor, now, client, good, "127.0.0.1", ""},
      {"before the certificate", kFloor, old, client, good, "hub.example", "clock is not set"},
      {"expired", kFloor, now, client, expired, "hub.example", "clock is not set"},
      {"wrong name", kFloor, now, client, good, "other.example", "another"},
      {"wrong name, expired", kFloor, now, client, expired, "other.example", ""},
      {"wrong address", kFloor, now, client, good, "127.0.0.2", "another"},
      {"wrong authority", kFloor, now, foreign, good, "hub.example", "unknown authority"},
      {"dates do not count", kLenient, now, client, expired, "hub.example", ""},
      {"the name does", kLenient, now, client, expired, "other.example", "another"},
      {"the authority does", kLenient, now, foreign, expired, "hub.example", "unknown authority"},
      {"a client's certificate", kFloor, now, with_cert(client, "client"), mutual(good),
       "hub.example", "", true},
      {"one where none is needed", kFloor, now, with_cert(client, "client"), optional(good),
       "hub.example", "", true},
      {"none where none is needed", kFloor, now, client, optional(good), "hub.example", "", true},
      {"a stranger's where none is needed", kFloor, now, with_cert(client, "stranger"),
       optional(good), "hub.example", "unknown authority", true},
  };
  for (int i = 0; i < 2 * static_cast<int>(std::size(cases)); ++i) {
    const Case& c = cases[i / 2];
    CAPTURE(std::string(c.name));
    CAPTURE(i % 2);
    const FixedClock clock(100);
    const Calendar calendar(clock, c.trust, c.floor);
    Pair pair(c.client, c.server, c.host, SIZE_MAX, i % 2 ? TlsVersion::k12 : TlsVersion::k13,
              &calendar);
    REQUIRE(pair.start().ok());
    pair.run();
    const TlsSession& end = c.at_server ? *pair.server : *pair.client;
    const bool opens = c.error[0] == '\0' && std::string(c.name) != "wrong name, expired";
    CHECK(end.open() == opens);
    CHECK_MESSAGE(end.error().find(c.error) != std::string::npos, end.error());
  }
}

TEST_CASE("tls: by the clock alone 1970 is too early") {
  const FixedClock clock(100);
  const Calendar calendar(clock, ClockTrust::kWall, WallTime(std::chrono::hours(24 * 365 * 56)));
  const TlsContextResult made = make_tls_context(client_options(), &calendar);
  CHECK(made.error.find("not valid yet") != std::string::npos);
}

TEST_CASE("tls: when a certificate file ends") {
  const auto end = certificate_end(data("expired.pem"));
  REQUIRE(end);
  CHECK(*end < std::chrono::system_clock::now());
  CHECK(*certificate_end(data("server.pem")) > std::chrono::system_clock::now());
  CHECK_FALSE(certificate_end(data("server-key.pem")));
  CHECK_FALSE(certificate_end(data("none.pem")));
  // Of the year 1600, and of it no more than its dates: nanoseconds do not reach so far.
  const std::string ancient = std::filesystem::temp_directory_path() /
                              ("petiole-ancient-" + std::to_string(process_id()) + ".pem");
  CHECK(write_file(ancient,
                   "-----BEGIN CERTIFICATE-----\n"
                   "MC0wKwIBATAAMAAwIhgPMTU5OTAxMDEwMDAwMDBaGA8xNjAwMDEwMTAwMDAwMFo=\n"
                   "-----END CERTIFICATE-----\n")
            .ok());
  CHECK(certificate_end(ancient) == WallTime::min());
  remove_file(ancient);
}

}  // namespace
}  // namespace petiole::test
