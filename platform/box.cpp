// Curve25519 and Poly1305 by wolfCrypt.
#include "platform/box.h"

#include <wolfssl/options.h>
// The options come first.
#include <wolfssl/wolfcrypt/curve25519.h>
#include <wolfssl/wolfcrypt/poly1305.h>

#include <optional>

#include "platform/crypto.h"
#include "platform/xsalsa20.h"

namespace petiole {
namespace {

constexpr std::size_t kCheck = 16;
constexpr std::size_t kCheckKey = 32;  // The stream's first bytes.
constexpr Status kFailed{Errc::kUnsupported, "curve25519: the library failed"};
constexpr Status kNotOurs{Errc::kPermission, "the box does not open"};

// A key that frees itself.
class Key {
 public:
  Key() : ok_(wc_curve25519_init(&key_) == 0) {}
  ~Key() { wc_curve25519_free(&key_); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  bool ok() const { return ok_; }
  curve25519_key* get() { return &key_; }

 private:
  curve25519_key key_;
  bool ok_;
};

// RFC 7748: these bits of a secret are fixed.
BoxSecret clamp(BoxSecret secret) {
  secret[0] &= 248;
  secret[31] = static_cast<unsigned char>((secret[31] & 127) | 64);
  return secret;
}

// The key of the stream between the two.
Result<SalsaKey> shared_key(const BoxPublic& open, const BoxSecret& secret) {
  Key ours, theirs;
  const BoxSecret clamped = clamp(secret);
  SalsaKey raw{};
  word32 bytes = static_cast<word32>(raw.size());
  if (!ours.ok() || !theirs.ok() ||
      wc_curve25519_import_private_ex(clamped.data(), 32, ours.get(), EC25519_LITTLE_ENDIAN) != 0 ||
      wc_curve25519_import_public_ex(open.data(), 32, theirs.get(), EC25519_LITTLE_ENDIAN) != 0 ||
      wc_curve25519_shared_secret_ex(ours.get(), theirs.get(), raw.data(), &bytes,
                                     EC25519_LITTLE_ENDIAN) != 0) {
    return kFailed;
  }
  constexpr std::array<unsigned char, 16> kZero{};
  return hsalsa20(raw, kZero);
}

std::optional<std::string> check_of(std::string_view text, const SalsaKey& key,
                                    const BoxNonce& nonce) {
  std::array<unsigned char, kCheckKey> once{};
  xsalsa20_xor(key, nonce, 0, once);
  Poly1305 state;
  std::string check(kCheck, '\0');
  if (wc_Poly1305SetKey(&state, once.data(), kCheckKey) != 0 ||
      wc_Poly1305Update(&state, reinterpret_cast<const byte*>(text.data()),
                        static_cast<word32>(text.size())) != 0 ||
      wc_Poly1305Final(&state, reinterpret_cast<byte*>(check.data())) != 0) {
    return std::nullopt;
  }
  return check;
}

void hide(std::string& text, const SalsaKey& key, const BoxNonce& nonce) {
  xsalsa20_xor(key, nonce, kCheckKey, {reinterpret_cast<unsigned char*>(text.data()), text.size()});
}

}  // namespace

Result<BoxPublic> box_public(const BoxSecret& secret) {
  const BoxSecret clamped = clamp(secret);
  BoxPublic open{};
  if (wc_curve25519_make_pub(32, open.data(), 32, clamped.data()) != 0) return kFailed;
  return open;
}

Result<std::string> box_seal(std::string_view text, const BoxNonce& nonce, const BoxPublic& to,
                             const BoxSecret& from) {
  const Result<SalsaKey> key = shared_key(to, from);
  if (!key.ok()) return key.status();
  std::string hidden(text);
  hide(hidden, *key, nonce);
  const auto check = check_of(hidden, *key, nonce);
  if (!check) return kFailed;
  return *check + hidden;
}

Result<std::string> box_open(std::string_view sealed, const BoxNonce& nonce, const BoxPublic& from,
                             const BoxSecret& to) {
  if (sealed.size() < kCheck) return kNotOurs;
  const Result<SalsaKey> key = shared_key(from, to);
  if (!key.ok()) return key.status();
  const auto check = check_of(sealed.substr(kCheck), *key, nonce);
  if (!check) return kFailed;
  if (!equal_in_constant_time(*check, sealed.substr(0, kCheck))) return kNotOurs;
  std::string text(sealed.substr(kCheck));
  hide(text, *key, nonce);
  return text;
}

}  // namespace petiole
