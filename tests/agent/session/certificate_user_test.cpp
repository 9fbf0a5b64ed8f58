#include "agent/auth/certificate_user.h"

#include <doctest/doctest.h>

namespace petiole::test {
namespace {

PeerCertificate box() {
  PeerCertificate certificate;
  certificate.emails = {"box@plant.example", "other@plant.example"};
  certificate.dns_names = {"box.plant.example"};
  certificate.uris = {"spiffe://plant/box"};
  certificate.subject = {
      {"DC", "example"}, {"DC", "plant"}, {"O", "Plant, Inc."}, {"OU", "Line 1"}, {"CN", "box"}};
  return certificate;
}

// Wire 2.1: names exactly, by kind; then the subject.
TEST_CASE("certificate user: what of a certificate names a user") {
  struct Case {
    const char* name;
    std::vector<std::string> users;
    const char* user;  // Null: none.
  };
  const Case cases[] = {
      {"an e-mail address goes first",
       {"box.plant.example", "box@plant.example"},
       "box@plant.example"},
      {"the second e-mail address", {"other@plant.example"}, "other@plant.example"},
      {"a DNS name", {"x", "box.plant.example"}, "box.plant.example"},
      {"a URI", {"spiffe://plant/box"}, "spiffe://plant/box"},
      {"a DNS name in other letters is another", {"BOX.plant.example"}, nullptr},
      {"the subject",
       {"CN=box,OU=Line 1,O=Plant\\, Inc.,DC=plant,DC=example"},
       "CN=box,OU=Line 1,O=Plant\\, Inc.,DC=plant,DC=example"},
      {"the subject in another order, with blanks",
       {"o=Plant\\2c Inc., cn=box, OU=Line 1, dc=plant, dc=example"},
       "o=Plant\\2c Inc., cn=box, OU=Line 1, dc=plant, dc=example"},
      {"the order that fits goes first",
       {"O=Plant\\, Inc.,CN=box,OU=Line 1,DC=plant,DC=example",
        "CN=box,OU=Line 1,O=Plant\\, Inc.,DC=plant,DC=example"},
       "CN=box,OU=Line 1,O=Plant\\, Inc.,DC=plant,DC=example"},
      {"a part of the subject", {"CN=box"}, nullptr},
      {"another value", {"CN=Box,OU=Line 1,O=Plant\\, Inc.,DC=plant,DC=example"}, nullptr},
      {"a common name alone", {"box"}, nullptr},
      {"no user at all", {}, nullptr},
      {"an empty user", {""}, nullptr},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const auto user = certificate_user(box(), c.users);
    CHECK(user.has_value() == (c.user != nullptr));
    if (user && c.user) CHECK(*user == c.user);
  }
}

TEST_CASE("certificate user: a certificate without names is nobody") {
  CHECK(!certificate_user({}, {"", "CN=", "x"}));
}

TEST_CASE("certificate user: the subject's text starts with the last attribute") {
  CHECK(subject_text(box()) == "CN=box,OU=Line 1,O=Plant\\, Inc.,DC=plant,DC=example");
}

}  // namespace
}  // namespace petiole::test
