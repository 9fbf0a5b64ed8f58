// Stands in for ed25519.cpp in a build without PETIOLE_TLS.
#include "platform/crypto.h"

namespace petiole {
namespace {

constexpr Status kNone{Errc::kUnsupported, "nkeys need a build with PETIOLE_TLS"};

}  // namespace

Result<Ed25519Signature> ed25519_sign(const Ed25519Seed&, std::string_view) { return kNone; }

Result<std::array<unsigned char, 32>> ed25519_public(const Ed25519Seed&) { return kNone; }

Result<bool> ed25519_verify(const std::array<unsigned char, 32>&, std::string_view,
                            const Ed25519Signature&) {
  return kNone;
}

}  // namespace petiole
