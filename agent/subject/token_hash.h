// A fast hash of short texts. The seed keeps a peer from choosing texts that collide.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace petiole {

// Multiply, fold and multiply over eight bytes at a time. One multiplication is not enough: what
// the top bit of a word changes then does not depend on the seed, and the next word can take it
// back.
inline std::uint32_t token_hash(std::uint64_t seed, std::string_view text) {
  constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15;
  std::uint64_t state = seed ^ (text.size() * kFactor);
  const auto mix = [&state](std::uint64_t word) {
    state = (state ^ word) * kFactor;
    state = (state ^ state >> 32) * kFactor;
  };
  std::uint64_t word = 0;
  while (text.size() >= sizeof(word)) {
    std::memcpy(&word, text.data(), sizeof(word));
    mix(word);
    text.remove_prefix(sizeof(word));
  }
  word = 0;
  if (!text.empty()) std::memcpy(&word, text.data(), text.size());
  mix(word);
  return static_cast<std::uint32_t>(state ^ (state >> 29));
}

// The same for hash tables whose keys peers choose: std::hash has no seed, and texts that it takes
// for one are made in no time.
struct TokenHash {
  using is_transparent = void;
  std::uint64_t seed = 0;
  std::size_t operator()(std::string_view text) const;
};

}  // namespace petiole
