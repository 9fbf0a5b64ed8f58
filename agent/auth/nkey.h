// NKeys: Ed25519 keys in NATS's base32 text form. Wire: client-and-leaf 2.2.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "platform/crypto.h"

namespace petiole {

// A private key with the letter of its kind: `U` user, `A` account, `O` operator and so on.
struct NkeySeed {
  Ed25519Seed bytes{};
  unsigned char prefix = 0;  // As in the public key's first byte; 20 << 3 is a user.
};

// CRC-16, polynomial 0x1021, start 0: the check at the end of every nkey.
std::uint16_t nkey_crc(std::string_view bytes);

// Reads `SU…`. Errors: kConfig with what is wrong.
Result<NkeySeed> decode_nkey_seed(std::string_view text);

// The 32 bytes of a public key; `prefix` is its first byte: 20 << 3 for `U`. Nothing: it is not
// one.
std::optional<std::array<unsigned char, 32>> decode_nkey_public(std::string_view text,
                                                                unsigned char prefix);
inline constexpr unsigned char kUserKey = 20 << 3, kAccountKey = 0, kOperatorKey = 14 << 3,
                               kServerKey = 13 << 3, kCurveKey = 23 << 3;

// Whether `signature`, in base 64, is the user `nkey`'s over the text of `nonce`.
bool is_signed_by(std::string_view nkey, std::string_view signature, std::string_view nonce);

std::string encode_nkey_public(unsigned char prefix, const std::array<unsigned char, 32>& key);

// Public key in text, and the signature over `nonce` as CONNECT wants it: unpadded base64url.
struct NkeyProof {
  std::string public_key;
  std::string signature;
};
Result<NkeyProof> sign_nonce(const NkeySeed& seed, std::string_view nonce);

}  // namespace petiole
