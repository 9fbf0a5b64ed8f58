// The few primitives of NATS authentication. wolfCrypt behind them; without PETIOLE_TLS those that
// need it answer kUnsupported.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "platform/status.h"

namespace petiole {

using Ed25519Seed = std::array<unsigned char, 32>;
using Ed25519Signature = std::array<unsigned char, 64>;

Result<Ed25519Signature> ed25519_sign(const Ed25519Seed& seed, std::string_view text);
Result<std::array<unsigned char, 32>> ed25519_public(const Ed25519Seed& seed);
Result<bool> ed25519_verify(const std::array<unsigned char, 32>& key, std::string_view text,
                            const Ed25519Signature& signature);
std::array<unsigned char, 32> sha256(std::string_view bytes);  // In every build.

std::string base64url(std::string_view bytes);                    // Unpadded. RFC 4648 section 5.
std::optional<std::string> base64_decode(std::string_view text);  // Either alphabet, padded or not.
std::string base32(std::string_view bytes);                       // Unpadded. RFC 4648 section 6.
std::optional<std::string> base32_decode(std::string_view text);

// True for equal strings, in a time that does not tell where they differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// bcrypt is slow by design: call it on a Worker.
bool is_bcrypt(std::string_view hash);
bool bcrypt_matches(std::string_view password, std::string_view hash);

}  // namespace petiole
