// NaCl's crypto_box: what only the owner of a key can read, and only the owner of another can have
// written. Curve25519, XSalsa20, Poly1305. nacl.cr.yp.to/box.html
//
// Without PETIOLE_TLS everything answers kUnsupported.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "platform/status.h"

namespace petiole {

using BoxSecret = std::array<unsigned char, 32>;
using BoxPublic = std::array<unsigned char, 32>;
using BoxNonce = std::array<unsigned char, 24>;

Result<BoxPublic> box_public(const BoxSecret& secret);

// 16 bytes of a check and the hidden text. A nonce may be used once between two keys.
Result<std::string> box_seal(std::string_view text, const BoxNonce& nonce, const BoxPublic& to,
                             const BoxSecret& from);
// kPermission: not from the owner of `from`, not for us, or changed on the way.
Result<std::string> box_open(std::string_view sealed, const BoxNonce& nonce, const BoxPublic& from,
                             const BoxSecret& to);

}  // namespace petiole
