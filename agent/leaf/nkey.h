// NKeys: Ed25519 keys in NATS's base32 text form. Wire: client-and-leaf 2.2.
#pragma once

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

std::string encode_nkey_public(unsigned char prefix, const std::array<unsigned char, 32>& key);

// Public key in text, and the signature over `nonce` as CONNECT wants it: unpadded base64url.
struct NkeyProof {
  std::string public_key;
  std::string signature;
};
Result<NkeyProof> sign_nonce(const NkeySeed& seed, std::string_view nonce);

}  // namespace petiole
