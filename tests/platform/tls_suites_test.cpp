// Which cipher suite two ends settle on, and the AES that libsodium does for wolfSSL.
#include <doctest/doctest.h>

#include <random>
#include <string>

#include "platform/client_hello.h"
#include "platform/crypto_aes.h"
#include "platform/tls_wolfssl.h"
// The options come first.
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

namespace petiole {
namespace {

constexpr const char* kChacha = "TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kAes128 = "TLS_AES_128_GCM_SHA256";
constexpr const char* kAes256 = "TLS_AES_256_GCM_SHA384";

TlsOptions server_options() {
  TlsOptions options;
  options.server = true;
  options.verify = false;
  options.cert_file = PETIOLE_TEST_DATA "/tls/server.pem";
  options.key_file = PETIOLE_TEST_DATA "/tls/server-key.pem";
  return options;
}

// A client that offers suites in an order of its own, as wolfSSL lists them: some of both versions,
// or wolfSSL keeps those that it had of the other.
struct Talk {
  explicit Talk(const char* offer, const TlsOptions& server_side = server_options(),
                int version = TLS1_3_VERSION) {
    TlsOptions options;
    options.verify = false;
    const TlsContextResult made = make_tls_context(options);
    REQUIRE_MESSAGE(made.context, made.error);
    REQUIRE(wolfSSL_CTX_set_cipher_list(made.context->get(), offer) == WOLFSSL_SUCCESS);
    wolfSSL_CTX_set_max_proto_version(made.context->get(), version);
    client = make_tls_session(made.context, {});
    const TlsContextResult accepts = make_tls_context(server_side);
    REQUIRE_MESSAGE(accepts.context, accepts.error);
    server = make_tls_session(accepts.context, {});
    REQUIRE(client->start(to_server).ok());
    hello = to_server;
  }

  bool run() {
    bool good = true;
    while (good && !(to_server.empty() && to_client.empty())) {
      const std::string up = std::exchange(to_server, {}), down = std::exchange(to_client, {});
      good =
          server->receive(up, heard, to_client).ok() && client->receive(down, told, to_server).ok();
    }
    return good && client->open() && server->open();
  }

  std::unique_ptr<TlsSession> client, server;
  std::string to_server, to_client, hello, heard, told;
};

bool has_device() { return register_aes_device() != kNoAesDevice; }

TEST_CASE("tls suites: a server takes AES where it is fast, ChaCha20 from those who want it") {
  struct Case {
    std::string offer;
    const char* with_device;
    const char* without;
    bool prefers_chacha;
    int version = TLS1_3_VERSION;
  };
  const std::string newer = "TLS13-CHACHA20-POLY1305-SHA256", aes128 = "TLS13-AES128-GCM-SHA256",
                    aes256 = "TLS13-AES256-GCM-SHA384", older = ":ECDHE-ECDSA-AES128-GCM-SHA256";
  constexpr const char* kOldAes = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
  constexpr const char* kOldChacha = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
  for (const Case& c : {
           Case{aes128 + ":" + aes256 + ":" + newer + older, kAes256, kChacha, false},
           Case{newer + ":" + aes128 + ":" + aes256 + older, kChacha, kChacha, true},
           Case{aes128 + ":" + newer + older, kChacha, kChacha, false},
           Case{aes128 + older, kAes128, kAes128, false},
           Case{aes256 + older, kAes256, kAes256, false},
           Case{aes256 + older + ":ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384",
                kOldAes, kOldChacha, false, TLS1_2_VERSION},
           Case{newer + ":ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384", kOldChacha,
                kOldChacha, true, TLS1_2_VERSION},
       }) {
    CAPTURE(c.offer);
    Talk talk(c.offer.c_str(), server_options(), c.version);
    CHECK(prefers_chacha(talk.hello) == c.prefers_chacha);
    REQUIRE(talk.run());
    CHECK(talk.server->cipher() == std::string(has_device() ? c.with_device : c.without));
    CHECK(talk.client->cipher() == talk.server->cipher());
    const std::string text(100'000, 'x');
    CHECK(talk.client->send(text, talk.to_server).ok());
    CHECK(talk.server->send("INFO {}\r\n", talk.to_client).ok());
    CHECK(talk.run());
    CHECK(talk.heard == text);
    CHECK(talk.told == "INFO {}\r\n");
  }
}

TEST_CASE("tls suites: what the configuration chooses holds for every client") {
  TlsOptions options = server_options();
  options.cipher_suites = {kAes128, kAes256};
  Talk talk(
      "TLS13-CHACHA20-POLY1305-SHA256:TLS13-AES256-GCM-SHA384:TLS13-AES128-GCM-SHA256:"
      "ECDHE-ECDSA-AES128-GCM-SHA256",
      options);
  CHECK(prefers_chacha(talk.hello));
  REQUIRE(talk.run());
  CHECK(talk.server->cipher() == kAes128);
}

TEST_CASE("tls suites: a hello that is cut or changed anywhere is looked at within its bytes") {
  const Talk talk("TLS13-CHACHA20-POLY1305-SHA256:TLS13-AES128-GCM-SHA256");
  bool told = false;
  for (std::size_t end = 0; end <= talk.hello.size(); ++end) {
    const std::string exact = talk.hello.substr(0, end);  // Its end is the end of its memory.
    CHECK((prefers_chacha(exact) || !told));              // Told once, it stays so.
    told = prefers_chacha(exact);
    for (std::size_t at = 0; at < end; ++at) {
      std::string changed = exact;
      changed[at] = '\xff';
      (void)prefers_chacha(changed);
    }
  }
  CHECK(told);
  CHECK_FALSE(prefers_chacha("GET / HTTP/1.1\r\n\r\n"));
}

// The same by the device and by wolfSSL's own code, which must read what the other wrote.
struct Gcm {
  Gcm(int device, const std::string& key) {
    REQUIRE(wc_AesInit(&aes, nullptr, device) == 0);
    REQUIRE(wc_AesGcmSetKey(&aes, bytes(key), static_cast<word32>(key.size())) == 0);
  }
  ~Gcm() { wc_AesFree(&aes); }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;

  static const byte* bytes(const std::string& text) {
    return reinterpret_cast<const byte*>(text.data());
  }
  static byte* bytes(std::string& text) { return reinterpret_cast<byte*>(text.data()); }

  // The tag stands behind the text.
  std::string seal(const std::string& plain, const std::string& nonce, const std::string& about) {
    std::string sealed(plain.size() + 16, '\0');
    REQUIRE(wc_AesGcmEncrypt(&aes, bytes(sealed), bytes(plain), static_cast<word32>(plain.size()),
                             bytes(nonce), static_cast<word32>(nonce.size()),
                             bytes(sealed) + plain.size(), 16, bytes(about),
                             static_cast<word32>(about.size())) == 0);
    return sealed;
  }
  // In place, as wolfSSL opens a record.
  int open(std::string& sealed, const std::string& nonce, const std::string& about) {
    const std::size_t size = sealed.size() - 16;
    const std::string tag = sealed.substr(size);
    sealed.resize(size);
    return wc_AesGcmDecrypt(&aes, bytes(sealed), bytes(sealed), static_cast<word32>(size),
                            bytes(nonce), static_cast<word32>(nonce.size()), bytes(tag), 16,
                            bytes(about), static_cast<word32>(about.size()));
  }

  Aes aes{};
};

TEST_CASE("tls suites: the device's AES-GCM is wolfSSL's") {
  const int device = register_aes_device();
  if (device == kNoAesDevice) MESSAGE("no fast AES in this build or processor");
  std::mt19937 random(7);
  const auto some = [&](std::size_t count) {
    std::string text(count, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
  };
  for (const std::size_t key_bytes : {16, 32}) {     // The device leaves 16 to wolfSSL,
    for (const std::size_t nonce_bytes : {12, 8}) {  // and nonces that TLS has not.
      for (const std::size_t size : {0, 1, 15, 16, 17, 127, 128, 129, 1000, 16384, 16401}) {
        CAPTURE(key_bytes);
        CAPTURE(nonce_bytes);
        CAPTURE(size);
        const std::string key = some(key_bytes), nonce = some(nonce_bytes), about = some(13);
        const std::string plain = some(size);
        Gcm ours(device, key), theirs(kNoAesDevice, key);
        const std::string sealed = ours.seal(plain, nonce, about);
        CHECK(sealed == theirs.seal(plain, nonce, about));
        std::string opened = sealed;
        CHECK(ours.open(opened, nonce, about) == 0);
        CHECK(opened == plain);
        for (const std::size_t at : {std::size_t{0}, size / 2, size, size + 15}) {
          std::string changed = sealed;
          changed[at] = static_cast<char>(changed[at] ^ 1);
          CHECK(ours.open(changed, nonce, about) == AES_GCM_AUTH_E);
        }
        opened = sealed;
        CHECK(ours.open(opened, nonce, about + "x") == AES_GCM_AUTH_E);
      }
    }
  }
}

}  // namespace
}  // namespace petiole
