// bcrypt: Provos and Mazières, "A Future-Adaptable Password Scheme", USENIX 1999. Checking only.
//
// A hash reads `$2b$12$`, 22 digits of salt, 31 digits of result. The letters a, b, x and y are
// read alike, as Go's bcrypt does.
#include <algorithm>
#include <cstdint>
#include <memory>

#include "platform/crypto.h"
#include "platform/pi_words.h"

namespace petiole {
namespace {

constexpr std::size_t kHashBytes = 60;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kResultBytes = 23;  // Of 24: the last one is not kept.
constexpr std::size_t kRounds = 16;
constexpr int kCostMin = 4, kCostMax = 31;

// bcrypt's own digits, in its own order.
constexpr std::string_view kDigits =
    "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

// Bytes read as big-endian words, round and round.
class WordCycle {
 public:
  explicit WordCycle(std::string_view bytes) : bytes_(bytes) {}
  std::uint32_t next() {
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i) {
      word = word << 8 | static_cast<unsigned char>(bytes_[at_]);
      at_ = at_ + 1 == bytes_.size() ? 0 : at_ + 1;
    }
    return word;
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

class Blowfish {
 public:
  Blowfish() { std::copy(std::begin(kPiWords), std::end(kPiWords), words_); }

  // Mixes in `key` and, with one, `salt`; the empty salt is all zeros.
  void expand(std::string_view key, std::string_view salt) {
    WordCycle keys(key);
    for (std::size_t i = 0; i < kKeys; ++i) words_[i] ^= keys.next();
    WordCycle salts(salt);
    std::uint32_t left = 0, right = 0;
    for (std::size_t i = 0; i < std::size(words_); i += 2) {
      if (!salt.empty()) {
        left ^= salts.next();
        right ^= salts.next();
      }
      encrypt(left, right);
      words_[i] = left;
      words_[i + 1] = right;
    }
  }

  void encrypt(std::uint32_t& left, std::uint32_t& right) const {
    for (std::size_t i = 0; i < kRounds; i += 2) {
      left ^= words_[i];
      right ^= mix(left);
      right ^= words_[i + 1];
      left ^= mix(right);
    }
    left ^= words_[kRounds];
    right ^= words_[kRounds + 1];
    std::swap(left, right);
  }

 private:
  static constexpr std::size_t kKeys = kRounds + 2;

  std::uint32_t mix(std::uint32_t x) const {
    const std::uint32_t* box = words_ + kKeys;
    return ((box[x >> 24] + box[256 + (x >> 16 & 255)]) ^ box[512 + (x >> 8 & 255)]) +
           box[768 + (x & 255)];
  }

  std::uint32_t words_[std::size(kPiWords)];  // The keys of the rounds, then four boxes.
};

std::optional<std::string> decode(std::string_view text, std::size_t bytes) {
  std::string out;
  std::uint32_t held = 0;
  int held_bits = 0;
  for (const char digit : text) {
    const std::size_t value = kDigits.find(digit);
    if (value == kDigits.npos) return std::nullopt;
    held = held << 6 | static_cast<std::uint32_t>(value);
    held_bits += 6;
    if (held_bits < 8 || out.size() == bytes) continue;
    held_bits -= 8;
    out += static_cast<char>(held >> held_bits & 0xff);
  }
  return out;
}

std::string digest(std::string_view key, std::string_view salt, int cost) {
  const auto cipher = std::make_unique<Blowfish>();  // 4 KiB.
  cipher->expand(key, salt);
  for (std::uint64_t round = 0; round < std::uint64_t{1} << cost; ++round) {
    cipher->expand(key, {});
    cipher->expand(salt, {});
  }
  std::string result;
  WordCycle text("OrpheanBeholderScryDoubt");
  for (int block = 0; block < 3; ++block) {
    std::uint32_t words[2] = {text.next(), text.next()};
    for (int i = 0; i < 64; ++i) cipher->encrypt(words[0], words[1]);
    for (const std::uint32_t word : words) {
      for (int shift = 24; shift >= 0; shift -= 8)
        result += static_cast<char>(word >> shift & 0xff);
    }
  }
  result.resize(kResultBytes);
  return result;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool is_bcrypt(std::string_view hash) {
  return hash.size() == kHashBytes && hash.starts_with("$2") &&
         std::string_view("abxy").find(hash[2]) != std::string_view::npos && hash[3] == '$' &&
         is_digit(hash[4]) && is_digit(hash[5]) && hash[6] == '$';
}

bool bcrypt_matches(std::string_view password, std::string_view hash) {
  if (!is_bcrypt(hash)) return false;
  const int cost = (hash[4] - '0') * 10 + (hash[5] - '0');
  const auto salt = decode(hash.substr(7, 22), kSaltBytes);
  const auto expected = decode(hash.substr(29), kResultBytes);
  if (cost < kCostMin || cost > kCostMax || !salt || !expected) return false;
  std::string key(password);
  key += '\0';  // The terminator is part of the key; bytes after the 72nd have no effect.
  return equal_in_constant_time(digest(key, *salt, cost), *expected);
}

}  // namespace petiole
