#include "agent/auth/nkey.h"

#include <algorithm>
#include <optional>

namespace petiole {

namespace {

constexpr unsigned kSeedPrefix = 18u << 3;  // 'S'

unsigned byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

// Decodes and checks the CRC, which stands last, little-endian.
std::optional<std::string> decode_checked(std::string_view text, std::size_t bytes) {
  std::optional<std::string> raw = base32_decode(text);
  if (!raw || raw->size() != bytes + 2) return std::nullopt;
  const unsigned crc = byte_at(*raw, bytes) | (byte_at(*raw, bytes + 1) << 8);
  raw->resize(bytes);
  if (nkey_crc(*raw) != crc) return std::nullopt;
  return raw;
}

}  // namespace

std::uint16_t nkey_crc(std::string_view bytes) {
  unsigned crc = 0;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000u) ? (crc << 1) ^ 0x1021u : crc << 1;
    crc &= 0xffffu;
  }
  return static_cast<std::uint16_t>(crc);
}

Result<NkeySeed> decode_nkey_seed(std::string_view text) {
  const std::optional<std::string> raw = decode_checked(text, 34);
  if (!raw) return {Errc::kConfig, "not an nkey seed: wrong length, letters or check sum"};
  if ((byte_at(*raw, 0) & 0xf8u) != kSeedPrefix) return {Errc::kConfig, "not an nkey seed (SU…)"};
  NkeySeed seed;
  seed.prefix = static_cast<unsigned char>((byte_at(*raw, 0) & 7u) << 5 | byte_at(*raw, 1) >> 3);
  std::copy(raw->begin() + 2, raw->end(), seed.bytes.begin());
  return seed;
}

std::optional<std::array<unsigned char, 32>> decode_nkey_public(std::string_view text,
                                                                unsigned char prefix) {
  const std::optional<std::string> raw = decode_checked(text, 33);
  if (!raw || byte_at(*raw, 0) != prefix) return std::nullopt;
  std::array<unsigned char, 32> key{};
  std::copy(raw->begin() + 1, raw->end(), key.begin());
  return key;
}

bool is_signed_by(std::string_view nkey, std::string_view signature, std::string_view nonce) {
  const auto key = decode_nkey_public(nkey, kUserKey);
  const auto bytes = base64_decode(signature);
  Ed25519Signature raw{};
  if (!key || !bytes || bytes->size() != raw.size()) return false;
  std::copy(bytes->begin(), bytes->end(), raw.begin());
  const Result<bool> verified = ed25519_verify(*key, nonce, raw);
  return verified.ok() && *verified;
}

std::string encode_nkey_public(unsigned char prefix, const std::array<unsigned char, 32>& key) {
  std::string raw(1, static_cast<char>(prefix));
  raw.append(key.begin(), key.end());
  const std::uint16_t crc = nkey_crc(raw);
  raw.push_back(static_cast<char>(crc & 0xff));
  raw.push_back(static_cast<char>(crc >> 8));
  return base32(raw);
}

Result<NkeyProof> sign_nonce(const NkeySeed& seed, std::string_view nonce) {
  const auto key = ed25519_public(seed.bytes);
  if (!key.ok()) return key.status();
  const auto signature = ed25519_sign(seed.bytes, nonce);
  if (!signature.ok()) return signature.status();
  const std::string raw(signature->begin(), signature->end());
  return NkeyProof{encode_nkey_public(seed.prefix, *key), base64url(raw)};
}

}  // namespace petiole
