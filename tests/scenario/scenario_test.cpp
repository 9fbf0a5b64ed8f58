// Whole agents on simulated time, network and disk, from a seed.
//
//   scenario_test --seed N         one run, with its trace
//   scenario_test --seeds A-B      all of them; the failing ones are printed
//   scenario_test --repeat A-B     each twice: both must be the same run
//   scenario_test --chain N        one run with a leaf behind the leaf, with its trace
//   scenario_test --chains A-B     all of them
//
// PETIOLE_SEEDS in the environment: so many of a range at most, for a build with sanitizers.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include "tests/scenario/world.h"

namespace petiole::test {
namespace {

struct Outcome {
  std::string broken;
  std::uint64_t hash = 0;
};

Outcome run_seed(std::uint64_t seed, bool chain, bool print) {
  World world(seed, chain, print);
  std::string broken = world.run();
  return {std::move(broken), world.hash()};
}

bool run_one(std::uint64_t seed, bool chain) {
  const Outcome outcome = run_seed(seed, chain, true);
  std::printf("seed %llu: %s\nhash %016llx\n", static_cast<unsigned long long>(seed),
              outcome.broken.empty() ? "ok" : outcome.broken.c_str(),
              static_cast<unsigned long long>(outcome.hash));
  return outcome.broken.empty();
}

// The seeds of open_faults.txt: "<seed> <what>", of chains "chain <seed> <what>".
std::set<std::uint64_t> read_open_faults(bool chain) {
  constexpr std::string_view kChain = "chain ";
  std::set<std::uint64_t> seeds;
  std::ifstream file(PETIOLE_OPEN_FAULTS);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#' || line.starts_with(kChain) != chain) continue;
    const char* const number = line.c_str() + (chain ? kChain.size() : 0);
    seeds.insert(std::strtoull(number, nullptr, 10));
  }
  return seeds;
}

int run_all(std::uint64_t first, std::uint64_t last, bool chain, bool repeat) {
  constexpr int kFailuresMax = 25;
  const std::set<std::uint64_t> open_faults = read_open_faults(chain);
  int failures = 0, known = 0;
  std::uint64_t seed = first;
  for (; seed <= last && failures < kFailuresMax; ++seed) {
    const Outcome outcome = run_seed(seed, chain, false);
    std::string broken = outcome.broken;
    if (broken.empty() && repeat && run_seed(seed, chain, false).hash != outcome.hash) {
      broken = "a second run of the seed was another run";
    }
    if (broken.empty()) continue;
    if (open_faults.contains(seed)) {
      ++known;
      std::printf("OPEN FAULT: seed %llu: %.100s\n", static_cast<unsigned long long>(seed),
                  broken.c_str());
      continue;
    }
    ++failures;
    std::printf("seed %llu: %s\n(rerun: scenario_test --%s %llu)\n\n",
                static_cast<unsigned long long>(seed), broken.c_str(), chain ? "chain" : "seed",
                static_cast<unsigned long long>(seed));
    std::fflush(stdout);
  }
  std::printf("%llu seeds, %d failed, %d open faults of open_faults.txt\n",
              static_cast<unsigned long long>(seed - first), failures, known);
  return failures == 0 ? 0 : 1;
}

// The last seed of `first`-`last` to be run.
std::uint64_t limited(std::uint64_t first, std::uint64_t last) {
  const char* count = std::getenv("PETIOLE_SEEDS");
  if (count == nullptr) return last;
  return std::min<std::uint64_t>(last, first + std::strtoull(count, nullptr, 10) - 1);
}

int usage() {
  std::fputs("scenario_test --seed N | --seeds A-B | --repeat A-B | --chain N | --chains A-B\n",
             stderr);
  return 2;
}

}  // namespace
}  // namespace petiole::test

int main(int argc, char** argv) {
  using namespace petiole::test;
  if (argc != 3) return usage();
  char* rest = nullptr;
  const std::uint64_t first = std::strtoull(argv[2], &rest, 10);
  const std::uint64_t last = *rest == '-' ? std::strtoull(rest + 1, nullptr, 10) : first;
  const auto is = [&](const char* option) { return std::strcmp(argv[1], option) == 0; };
  if (is("--seed") || is("--chain")) return run_one(first, is("--chain")) ? 0 : 1;
  if (!is("--seeds") && !is("--repeat") && !is("--chains")) return usage();
  return run_all(first, limited(first, last), is("--chains"), is("--repeat"));
}
