#include "platform/crypto.h"

#include <doctest/doctest.h>

#include <random>

#include "platform/box.h"
#include "platform/xsalsa20.h"

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

// The examples of "Cryptography in NaCl", D. J. Bernstein, 2009: sections 2 to 10.
constexpr std::string_view kAlice =
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
constexpr std::string_view kBob =
    "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
constexpr std::string_view kNonce = "69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37";
constexpr std::string_view kText =
    "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c"
    "61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f"
    "21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705";
constexpr std::string_view kSealed =
    "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1"
    "186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab9321645"
    "48e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b"
    "1f654cb45a74e355a5";

TEST_CASE("hsalsa20: the first and the second key") {
  const auto shared =
      from_hex<32>("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  constexpr std::array<unsigned char, 16> kZero{};
  const auto first = hsalsa20(shared, kZero);
  CHECK(hex(first) == "1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
  const auto nonce = from_hex<24>(kNonce);
  CHECK(hex(hsalsa20(first, std::span(nonce).first<16>())) ==
        "dc908dda0b9344a953629b733820778880f3ceb421bb61b91cbd4c3e66256ce4");
}

TEST_CASE("xsalsa20: the stream is the same from any place, in any pieces") {
  const auto key = from_hex<32>(kAlice);
  const auto nonce = from_hex<24>(kNonce);
  std::array<unsigned char, 300> whole{};
  xsalsa20_xor(key, nonce, 0, whole);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::array<unsigned char, 300> part{};
    xsalsa20_xor(key, nonce, at, std::span(part).subspan(at));
    CHECK(std::equal(part.begin() + static_cast<long>(at), part.end(),
                     whole.begin() + static_cast<long>(at)));
  }
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

TEST_CASE("box: the example; and what does not open") {
  const auto alice = from_hex<32>(kAlice), bob = from_hex<32>(kBob);
  const auto nonce = from_hex<24>(kNonce);
  const auto open_alice = box_public(alice), open_bob = box_public(bob);
  if (open_alice.status().code() == Errc::kUnsupported) return;  // A build without PETIOLE_TLS.
  CHECK(hex(*open_alice) == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  CHECK(hex(*open_bob) == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const auto bytes = from_hex<kText.size() / 2>(kText);
  const std::string text(bytes.begin(), bytes.end());
  const auto sealed = box_seal(text, nonce, *open_bob, alice);
  REQUIRE(sealed.ok());
  CHECK(hex(*sealed) == kSealed);
  const auto opened = box_open(*sealed, nonce, *open_alice, bob);
  REQUIRE(opened.ok());
  CHECK(*opened == text);
  CHECK_FALSE(box_open(*sealed, nonce, *open_bob, bob).ok());  // From another.
  CHECK_FALSE(box_open(*sealed, BoxNonce{}, *open_alice, bob).ok());
  CHECK_FALSE(box_open("", nonce, *open_alice, bob).ok());
  for (std::size_t i = 0; i < sealed->size(); ++i) {
    std::string changed = *sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(box_open(changed, nonce, *open_alice, bob).ok());
    CHECK_FALSE(box_open(sealed->substr(0, i), nonce, *open_alice, bob).ok());
  }
}

}  // namespace
}  // namespace petiole
