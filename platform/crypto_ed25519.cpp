// Ed25519 by wolfCrypt. RFC 8032.
#include <wolfssl/options.h>
// The options come first.
#include <wolfssl/wolfcrypt/ed25519.h>

#include "platform/crypto.h"

namespace petiole {
namespace {

// A key that frees itself.
class Key {
 public:
  Key() : ok_(wc_ed25519_init(&key_) == 0) {}
  ~Key() { wc_ed25519_free(&key_); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  bool ok() const { return ok_; }
  ed25519_key* get() { return &key_; }

 private:
  ed25519_key key_;
  bool ok_;
};

const byte* bytes_of(std::string_view text) { return reinterpret_cast<const byte*>(text.data()); }

constexpr Status kFailed{Errc::kUnsupported, "ed25519: the library failed"};

}  // namespace

Result<std::array<unsigned char, 32>> ed25519_public(const Ed25519Seed& seed) {
  Key key;
  std::array<unsigned char, 32> out{};
  if (!key.ok() || wc_ed25519_import_private_only(seed.data(), 32, key.get()) != 0 ||
      wc_ed25519_make_public(key.get(), out.data(), 32) != 0) {
    return kFailed;
  }
  return out;
}

Result<Ed25519Signature> ed25519_sign(const Ed25519Seed& seed, std::string_view text) {
  const auto open = ed25519_public(seed);
  if (!open.ok()) return open.status();
  Key key;
  Ed25519Signature signature{};
  word32 bytes = static_cast<word32>(signature.size());
  if (!key.ok() ||
      wc_ed25519_import_private_key(seed.data(), 32, open->data(), 32, key.get()) != 0 ||
      wc_ed25519_sign_msg(bytes_of(text), static_cast<word32>(text.size()), signature.data(),
                          &bytes, key.get()) != 0) {
    return kFailed;
  }
  return signature;
}

Result<bool> ed25519_verify(const std::array<unsigned char, 32>& key_bytes, std::string_view text,
                            const Ed25519Signature& signature) {
  Key key;
  if (!key.ok()) return kFailed;
  if (wc_ed25519_import_public(key_bytes.data(), 32, key.get()) != 0) return false;
  int valid = 0;
  const int failure =
      wc_ed25519_verify_msg(signature.data(), static_cast<word32>(signature.size()), bytes_of(text),
                            static_cast<word32>(text.size()), &valid, key.get());
  return failure == 0 && valid == 1;
}

}  // namespace petiole
