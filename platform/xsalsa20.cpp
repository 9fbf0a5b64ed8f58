#include "platform/xsalsa20.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace petiole {

namespace {

using Words = std::array<std::uint32_t, 16>;

constexpr std::size_t kBlock = 64;
constexpr std::uint32_t kSigma[] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};

std::uint32_t load(const unsigned char* at) {
  return std::uint32_t{at[0]} | std::uint32_t{at[1]} << 8 | std::uint32_t{at[2]} << 16 |
         std::uint32_t{at[3]} << 24;
}

void store(unsigned char* at, std::uint32_t word) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<unsigned char>(word >> (8 * i));
}

// Constants on the diagonal, the key around the sixteen bytes of input.
Words lay_out(const SalsaKey& key, const unsigned char* input) {
  Words x{};
  for (std::size_t i = 0; i < 4; ++i) {
    x[5 * i] = kSigma[i];
    x[1 + i] = load(key.data() + 4 * i);
    x[6 + i] = load(input + 4 * i);
    x[11 + i] = load(key.data() + 16 + 4 * i);
  }
  return x;
}

void quarter(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d) {
  b ^= std::rotl(a + d, 7);
  c ^= std::rotl(b + a, 9);
  d ^= std::rotl(c + b, 13);
  a ^= std::rotl(d + c, 18);
}

void twenty_rounds(Words& x) {
  for (int i = 0; i < 10; ++i) {
    quarter(x[0], x[4], x[8], x[12]);
    quarter(x[5], x[9], x[13], x[1]);
    quarter(x[10], x[14], x[2], x[6]);
    quarter(x[15], x[3], x[7], x[11]);
    quarter(x[0], x[1], x[2], x[3]);
    quarter(x[5], x[6], x[7], x[4]);
    quarter(x[10], x[11], x[8], x[9]);
    quarter(x[15], x[12], x[13], x[14]);
  }
}

std::array<unsigned char, kBlock> block(const SalsaKey& key, const unsigned char* nonce,
                                        std::uint64_t number) {
  std::array<unsigned char, 16> input{};
  std::copy_n(nonce, 8, input.begin());
  for (std::size_t i = 0; i < 8; ++i) input[8 + i] = static_cast<unsigned char>(number >> (8 * i));
  const Words start = lay_out(key, input.data());
  Words x = start;
  twenty_rounds(x);
  std::array<unsigned char, kBlock> out{};
  for (std::size_t i = 0; i < 16; ++i) store(out.data() + 4 * i, x[i] + start[i]);
  return out;
}

}  // namespace

SalsaKey hsalsa20(const SalsaKey& key, std::span<const unsigned char, 16> input) {
  Words x = lay_out(key, input.data());
  twenty_rounds(x);
  SalsaKey out{};
  for (std::size_t i = 0; i < 4; ++i) {
    store(out.data() + 4 * i, x[5 * i]);
    store(out.data() + 16 + 4 * i, x[6 + i]);
  }
  return out;
}

void xsalsa20_xor(const SalsaKey& key, const SalsaNonce& nonce, std::size_t offset,
                  std::span<unsigned char> bytes) {
  const SalsaKey own = hsalsa20(key, std::span(nonce).first<16>());
  std::size_t at = offset % kBlock;
  std::uint64_t number = offset / kBlock;
  while (!bytes.empty()) {
    const auto stream = block(own, nonce.data() + 16, number++);
    const std::size_t count = std::min(bytes.size(), kBlock - at);
    for (std::size_t i = 0; i < count; ++i) bytes[i] ^= stream[at + i];
    bytes = bytes.subspan(count);
    at = 0;
  }
}

}  // namespace petiole
