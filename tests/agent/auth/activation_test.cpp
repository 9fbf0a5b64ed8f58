// Private exports, and the tokens by which others may import them. nats-server accounts.go,
// checkActivation; jwt v2 imports.go.
#include <doctest/doctest.h>

#include "agent/auth/jwt.h"
#include "agent/routing/import_rules.h"
#include "tests/agent/auth/tokens.h"

namespace petiole::test {
namespace {

WallTime at(std::int64_t since_1970) { return WallTime(std::chrono::seconds(since_1970)); }

std::string in_quotes(const std::string& text) { return '"' + text + '"'; }

// That `by` lets `whom` import "secret.>".
std::string activation(const Key& by, const Key& whom, const std::string& nats = {},
                       const std::string& claims = {}, const std::string& kind = "stream") {
  return token("activation", whom, by,
               "\"subject\":\"secret.>\",\"kind\":" + in_quotes(kind) + "," + nats, claims);
}

AccountClaims exporter(const std::string& more = {}) {
  return *decode_account(account_token(
      "\"signing_keys\":[" + in_quotes(kAccSigner.text) +
      "],\"exports\":[{\"type\":\"stream\",\"subject\":\"secret.>\",\"token_req\":true" + more +
      "}],"));
}

Result<AccountClaims> importer(const std::string& token_text,
                               const std::string& subject = "secret.a",
                               const std::string& type = "stream") {
  return decode_account(account_token(
      "\"imports\":[{\"type\":" + in_quotes(type) + ",\"subject\":" + in_quotes(subject) +
          ",\"account\":" + in_quotes(kAcc.text) + ",\"token\":" + in_quotes(token_text) + "}],",
      kOtherAcc));
}

bool approved(const std::string& token_text, Moment now = at(5000),
              const AccountClaims& from = exporter(), const std::string& subject = "secret.a") {
  const Result<AccountClaims> to = importer(token_text, subject);
  REQUIRE(to.ok());
  return is_approved(from.config, from.config.exports.at(0), to->subject, to->config.imports.at(0),
                     now);
}

TEST_CASE("activation: what a token must say") {
  CHECK(approved(activation(kAcc, kOtherAcc)));
  CHECK_FALSE(approved(""));
  CHECK_FALSE(approved(activation(kOtherAcc, kOtherAcc)));  // By the importer itself.
  CHECK_FALSE(approved(activation(kAcc, kSys)));            // For another.
  CHECK_FALSE(approved(activation(kAcc, kOtherAcc, "", "", "service")));
  CHECK_FALSE(approved(activation(kAcc, kOtherAcc), at(5000), exporter(), "other"));
  CHECK_FALSE(approved(activation(kAcc, kOtherAcc), at(5000), exporter(), ">"));
}

TEST_CASE("activation: signing keys of the exporter, with its name") {
  const std::string named = "\"issuer_account\":" + in_quotes(kAcc.text) + ",";
  CHECK(approved(activation(kAccSigner, kOtherAcc, named)));
  CHECK_FALSE(approved(activation(kAccSigner, kOtherAcc)));
  CHECK_FALSE(approved(activation(kScoped, kOtherAcc, named)));
  CHECK_FALSE(approved(
      activation(kAccSigner, kOtherAcc, "\"issuer_account\":" + in_quotes(kSys.text) + ",")));
}

TEST_CASE("activation: its time, and revocations") {
  const std::string expires = activation(kAcc, kOtherAcc, "", R"("exp":6000,)");
  CHECK(approved(expires, at(5999)));
  CHECK_FALSE(approved(expires, at(6000)));
  CHECK(approved(expires, Moment(at(6000), true)));
  CHECK_FALSE(approved(activation(kAcc, kOtherAcc, "", R"("nbf":6000,)")));
  const std::string good = activation(kAcc, kOtherAcc);  // Issued at 1000.
  const auto revoked = [&](const std::string& whom, const std::string& when) {
    return !approved(good, at(5000),
                     exporter(",\"revocations\":{" + in_quotes(whom) + ":" + when + "}"));
  };
  CHECK(revoked(kOtherAcc.text, "1000"));
  CHECK_FALSE(revoked(kOtherAcc.text, "999"));
  CHECK_FALSE(revoked(kSys.text, "1000"));
  CHECK(revoked("*", "1000"));
}

TEST_CASE("activation: what is no such token spoils the account's") {
  CHECK_FALSE(importer("x.y.z").ok());
  CHECK_FALSE(importer(user_token()).ok());
  CHECK_FALSE(decode_activation(account_token()).ok());
  CHECK_FALSE(decode_activation(token("activation", kOtherAcc, kAcc, R"("kind":"x",)")).ok());
  CHECK_FALSE(decode_activation(token("activation", kOtherAcc, kAcc, R"("kind":1,)")).ok());
}

}  // namespace
}  // namespace petiole::test
