#include "agent/auth/server_keys.h"

#include <algorithm>
#include <span>

namespace petiole {

namespace {

constexpr std::string_view kVersion = "xkv1";

template <std::size_t kBytes>
std::array<unsigned char, kBytes> random_bytes(Entropy& entropy) {
  std::array<unsigned char, kBytes> bytes{};
  entropy.fill(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

constexpr Status kNoKey{Errc::kConfig, "not a public xkey: X…"};

}  // namespace

// Without Ed25519 the id only reads as a key.
ServerKeys make_server_keys(Entropy& entropy) {
  ServerKeys keys;
  keys.sign.prefix = kServerKey;
  keys.sign.bytes = random_bytes<32>(entropy);
  const auto open = ed25519_public(keys.sign.bytes);
  keys.id = encode_nkey_public(kServerKey, open.ok() ? *open : keys.sign.bytes);
  keys.box = random_bytes<32>(entropy);
  const auto box = box_public(keys.box);
  if (box.ok()) keys.xkey = encode_nkey_public(kCurveKey, *box);
  return keys;
}

Result<std::string> seal_for(std::string_view text, std::string_view peer, const ServerKeys& keys,
                             Entropy& entropy) {
  const auto to = decode_nkey_public(peer, kCurveKey);
  if (!to) return kNoKey;
  const auto nonce = random_bytes<24>(entropy);
  const Result<std::string> box = box_seal(text, nonce, *to, keys.box);
  if (!box.ok()) return box;
  std::string sealed(kVersion);
  sealed.append(nonce.begin(), nonce.end());
  return sealed + *box;
}

Result<std::string> open_from(std::string_view sealed, std::string_view peer,
                              const ServerKeys& keys) {
  BoxNonce nonce{};
  if (!sealed.starts_with(kVersion) || sealed.size() <= kVersion.size() + nonce.size()) {
    return {Errc::kPermission, "not sealed by an xkey"};
  }
  const auto from = decode_nkey_public(peer, kCurveKey);
  if (!from) return kNoKey;
  sealed.remove_prefix(kVersion.size());
  std::copy_n(sealed.begin(), nonce.size(), nonce.begin());
  return box_open(sealed.substr(nonce.size()), nonce, *from, keys.box);
}

}  // namespace petiole
