#include "platform/crypto.h"

#include <doctest/doctest.h>

#include <random>

namespace petiole {
namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += "0123456789abcdef"[static_cast<unsigned char>(byte) >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

template <std::size_t kBytes>
std::string hex(const std::array<unsigned char, kBytes>& bytes) {
  return hex({reinterpret_cast<const char*>(bytes.data()), kBytes});
}

template <std::size_t kBytes>
std::array<unsigned char, kBytes> from_hex(std::string_view text) {
  std::array<unsigned char, kBytes> bytes{};
  for (std::size_t i = 0; i < kBytes; ++i) {
    bytes[i] =
        static_cast<unsigned char>(std::stoi(std::string(text.substr(2 * i, 2)), nullptr, 16));
  }
  return bytes;
}

TEST_CASE("sha256: the examples of FIPS 180-4 and every length around a block") {
  CHECK(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hex(sha256(std::string(1000000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK(hex(sha256(std::string(64, 'a'))) ==
        "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

TEST_CASE("base 64 and base 32: the examples of RFC 4648") {
  struct Case {
    const char *plain, *base64, *base32;
  };
  constexpr Case kCases[] = {
      {"", "", ""},
      {"f", "Zg", "MY"},
      {"fo", "Zm8", "MZXQ"},
      {"foo", "Zm9v", "MZXW6"},
      {"foob", "Zm9vYg", "MZXW6YQ"},
      {"fooba", "Zm9vYmE", "MZXW6YTB"},
      {"foobar", "Zm9vYmFy", "MZXW6YTBOI"},
  };
  for (const Case& c : kCases) {
    CHECK(base64url(c.plain) == c.base64);
    CHECK(base32(c.plain) == c.base32);
    CHECK(base64_decode(c.base64) == std::string(c.plain));
    CHECK(base32_decode(c.base32) == std::string(c.plain));
  }
  CHECK(base64url("\xfb\xff") == "-_8");
  CHECK(base64_decode("-_8") == base64_decode("+/8="));
  CHECK(base64_decode("Zg==") == std::string("f"));
  CHECK(base32_decode("MY======") == std::string("f"));
}

TEST_CASE("base 64 and base 32: what is not an encoding is refused") {
  for (const char* text : {"Z", "Zg=", "Zh", "Z g", "Zg==x", "=", "Zm9v!"}) {
    CHECK_MESSAGE(!base64_decode(text), text);
  }
  for (const char* text : {"M", "MZ", "my", "M1======", "MZXW6YTBO", "MZX"}) {
    CHECK_MESSAGE(!base32_decode(text), text);
  }
}

TEST_CASE("base 64 and base 32: any bytes come back") {
  std::mt19937 random(3);
  for (int i = 0; i < 500; ++i) {
    std::string bytes(random() % 50, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    CHECK(base64_decode(base64url(bytes)) == bytes);
    CHECK(base32_decode(base32(bytes)) == bytes);
  }
}

TEST_CASE("secrets: equal or not") {
  CHECK(equal_in_constant_time("", ""));
  CHECK(equal_in_constant_time("secret", "secret"));
  CHECK(!equal_in_constant_time("secret", "secreT"));
  CHECK(!equal_in_constant_time("secret", "secret1"));
}

TEST_CASE("bcrypt: known hashes") {
  struct Case {
    const char *password, *hash;
  };
  // From crypt_blowfish's self-test; the last from Go's.
  constexpr Case kCases[] = {
      {"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
      {"U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"},
      {"U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"},
      {"", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"},
      {"\xff\xff\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"},
      {"\xff\xff\xa3", "$2b$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e"},
      {"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 "
       "are ignored",
       "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"},
      {"allmine", "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga"},
  };
  for (const Case& c : kCases) {
    CHECK_MESSAGE(bcrypt_matches(c.password, c.hash), c.hash);
    CHECK_MESSAGE(!bcrypt_matches(std::string("x") + c.password, c.hash), c.hash);
  }
}

TEST_CASE("bcrypt: what is not a hash never matches") {
  CHECK(is_bcrypt("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
  for (const char* text :
       {"", "secret", "$2a$05$", "$2c$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW1"}) {
    CHECK_MESSAGE(!is_bcrypt(text), text);
    CHECK_MESSAGE(!bcrypt_matches("U*U", text), text);
  }
  for (const char* text : {"$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                           "$2a$32$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
                           "$2a$05$CCCCCCCCCCCC!CCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}) {
    CHECK_MESSAGE(!bcrypt_matches("U*U", text), text);
  }
}

// RFC 8032, section 7.1, test 3.
constexpr const char* kSeed = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7";
constexpr const char* kPublic = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
constexpr const char* kSignature =
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";

TEST_CASE("ed25519: the example of RFC 8032, or a clear refusal in a build without it") {
  const auto seed = from_hex<32>(kSeed);
  const auto open = ed25519_public(seed);
  if (!open.ok()) {
    CHECK(open.code() == Errc::kUnsupported);
    return;
  }
  CHECK(hex(*open) == kPublic);
  auto signature = ed25519_sign(seed, "\xaf\x82");
  REQUIRE(signature.ok());
  CHECK(hex(*signature) == kSignature);
  CHECK(*ed25519_verify(*open, "\xaf\x82", *signature));
  CHECK(!*ed25519_verify(*open, "\xaf\x83", *signature));
  (*signature)[7] ^= 1;
  CHECK(!*ed25519_verify(*open, "\xaf\x82", *signature));
}

}  // namespace
}  // namespace petiole
