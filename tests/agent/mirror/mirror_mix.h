// What a run of mirror_mix_test is made of: which features meet, and under which rules.
#pragma once

#include <array>
#include <random>
#include <string>
#include <utility>

#include "tests/agent/mirror/mirror_world.h"

namespace petiole::test {

inline constexpr std::size_t kRules = 3;
inline constexpr std::array<const char*, kRules> kNames = {"t.a", "t.b", "t.c"};

struct MixDice {
  std::mt19937_64 random;
  std::uint64_t pick(std::uint64_t count) { return random() % count; }
  bool one_in(std::uint64_t count) { return pick(count) == 0; }
};

struct Mix {
  bool any = true, api = true, plain = false;
  bool ids = false, anew = false, others = false, refuses = false, crashes = true;
  bool full = false, fails = false, jumps = false, hubs = false;
  bool vanish = false, silent = false, few = false;
  bool purges = false;  // Not of the dice, for the seeds that are known.

  MirrorConfig rules(MixDice& dice) const;
  HubOptions hub(MixDice& dice) const;
  std::string describe(const MirrorConfig& config) const;
};

Mix make_mix(MixDice& dice);

}  // namespace petiole::test
