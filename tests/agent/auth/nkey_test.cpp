// Rules: wire/client-and-leaf.md section 2.2.
#include "agent/auth/nkey.h"

#include <doctest/doctest.h>

#include "tests/agent/auth/tokens.h"

namespace petiole::test {
namespace {

TEST_CASE("nkeys: the letter of each kind, and no key passes for one of another") {
  struct Case {
    unsigned char prefix;
    char letter;
  };
  constexpr Case kCases[] = {{kUserKey, 'U'},   {kAccountKey, 'A'}, {kOperatorKey, 'O'},
                             {kServerKey, 'N'}, {2 << 3, 'C'},      {kCurveKey, 'X'}};
  for (const Case& each : kCases) {
    CAPTURE(each.letter);
    std::array<unsigned char, 32> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i * 7);
    const std::string text = encode_nkey_public(each.prefix, bytes);
    CHECK(text.size() == 56);
    CHECK(text[0] == each.letter);
    for (const Case& other : kCases) {
      CHECK(decode_nkey_public(text, other.prefix).has_value() == (other.letter == each.letter));
    }
    CHECK(*decode_nkey_public(text, each.prefix) == bytes);
  }
}

TEST_CASE("nkeys: every character is under the check") {
  const std::string text = kJoe.text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = other[i] == 'B' ? 'C' : 'B';
    CAPTURE(other);
    CHECK_FALSE(decode_nkey_public(other, kUserKey));
  }
  for (const std::string& other :
       {text + "=", text.substr(1), text + "A", std::string("u") + text.substr(1)}) {
    CAPTURE(other);
    CHECK_FALSE(decode_nkey_public(other, kUserKey));
  }
}

TEST_CASE("nkeys: the check is CRC-16 of polynomial 0x1021 from 0") {
  CHECK(nkey_crc("123456789") == 0x31c3);
  CHECK(nkey_crc("") == 0);
}

TEST_CASE("nkeys: a signature over the text of the nonce, in base 64 of either alphabet") {
  const std::string nonce = "0123456789abcde", good = kJoe.sign(nonce);
  std::string standard = good;
  for (char& c : standard) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (standard.size() % 4 != 0) standard += '=';
  struct Case {
    const char* what;
    std::string key, signature, nonce;
    bool good;
  };
  const Case cases[] = {
      {"as it is to be", kJoe.text, good, nonce, true},
      {"the standard alphabet, padded", kJoe.text, standard, nonce, true},
      {"of another key", kJoe.text, kJane.sign(nonce), nonce, false},
      {"over another nonce", kJoe.text, good, "0123456789abcdf", false},
      {"by an account's key", kAcc.text, kAcc.sign(nonce), nonce, false},
      {"none", kJoe.text, "", nonce, false},
      {"cut", kJoe.text, good.substr(0, 40), nonce, false},
      {"longer", kJoe.text, good + "AAAA", nonce, false},
      {"no base 64", kJoe.text, "!" + good.substr(1), nonce, false},
      {"no key", "", good, nonce, false},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    CHECK(is_signed_by(each.key, each.signature, each.nonce) == each.good);
  }
}

}  // namespace
}  // namespace petiole::test
