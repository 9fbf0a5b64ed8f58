// XSalsa20: a stream cipher with a nonce of 24 bytes. "Extending the Salsa20 nonce", D. J.
// Bernstein.
//
// Here because wolfCrypt has Salsa20's successor alone. What NaCl calls crypto_box is made of it.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace petiole {

using SalsaKey = std::array<unsigned char, 32>;
using SalsaNonce = std::array<unsigned char, 24>;

// A key from another one and 16 bytes.
SalsaKey hsalsa20(const SalsaKey& key, std::span<const unsigned char, 16> input);

// Exclusive or, in place, of `bytes` and the stream of key and nonce from its byte `offset` on.
void xsalsa20_xor(const SalsaKey& key, const SalsaNonce& nonce, std::size_t offset,
                  std::span<unsigned char> bytes);

}  // namespace petiole
