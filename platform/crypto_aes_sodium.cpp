#include <sodium.h>
#include <wolfssl/options.h>
// The options come first.
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/cryptocb.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#include "platform/crypto_aes.h"

namespace petiole {
namespace {

static_assert(kNoAesDevice == INVALID_DEVID);
constexpr int kAesDevice = 1;  // Any number; no other device is registered.

// A key made ready for records. Made anew for each: it takes a tenth of a short record's time, and
// wolfSSL does not say when it forgets a key.
class Key {
 public:
  explicit Key(const Aes& aes) {
    crypto_aead_aes256gcm_beforenm(&state_, reinterpret_cast<const unsigned char*>(aes.devKey));
  }
  ~Key() { sodium_memzero(&state_, sizeof state_); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  const crypto_aead_aes256gcm_state* get() const { return &state_; }

 private:
  crypto_aead_aes256gcm_state state_;
};

// TLS has no other sizes; wolfSSL's own code does what has.
bool is_tls_record(const Aes& aes, word32 nonce_bytes, word32 tag_bytes) {
  return aes.keylen == crypto_aead_aes256gcm_KEYBYTES &&
         nonce_bytes == crypto_aead_aes256gcm_NPUBBYTES &&
         tag_bytes == crypto_aead_aes256gcm_ABYTES;
}

int encrypt(const wc_CryptoInfo& info) {
  const auto& job = info.cipher.aesgcm_enc;
  if (!is_tls_record(*job.aes, job.ivSz, job.authTagSz)) return CRYPTOCB_UNAVAILABLE;
  const Key key(*job.aes);
  crypto_aead_aes256gcm_encrypt_detached_afternm(job.out, job.authTag, nullptr, job.in, job.sz,
                                                 job.authIn, job.authInSz, nullptr, job.iv,
                                                 key.get());
  return 0;
}

int decrypt(const wc_CryptoInfo& info) {
  const auto& job = info.cipher.aesgcm_dec;
  if (!is_tls_record(*job.aes, job.ivSz, job.authTagSz)) return CRYPTOCB_UNAVAILABLE;
  const Key key(*job.aes);
  const int result = crypto_aead_aes256gcm_decrypt_detached_afternm(
      job.out, nullptr, job.in, job.sz, job.authTag, job.authIn, job.authInSz, job.iv, key.get());
  return result == 0 ? 0 : AES_GCM_AUTH_E;
}

int answer(int, wc_CryptoInfo* info, void*) {
  if (info->algo_type != WC_ALGO_TYPE_CIPHER || info->cipher.type != WC_CIPHER_AES_GCM) {
    return CRYPTOCB_UNAVAILABLE;
  }
  return info->cipher.enc != 0 ? encrypt(*info) : decrypt(*info);
}

}  // namespace

int register_aes_device() {
  if (sodium_init() < 0 || crypto_aead_aes256gcm_is_available() == 0) return kNoAesDevice;
  return wc_CryptoCb_RegisterDevice(kAesDevice, answer, nullptr) == 0 ? kAesDevice : kNoAesDevice;
}

}  // namespace petiole
