// Runs a fuzz target over its seeds, without a fuzzer: replay FOLDER
//
// Each seed is given whole, cut short, and with bits turned over: enough to see that the target
// still builds and that its properties hold where its seeds reach.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int kTurnedOver = 20;  // Variants of a seed.

void run(const std::string& input) {
  // A copy of exact size, so that a sanitizer sees a read past the end.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void run_variants(const std::string& seed, std::mt19937& random) {
  run(seed);
  const std::size_t step = seed.size() / 50 + 1;
  for (std::size_t size = 0; size < seed.size(); size += step) run(seed.substr(0, size));
  for (int i = 0; i < kTurnedOver && !seed.empty(); ++i) {
    std::string turned = seed;
    char& byte = turned[random() % turned.size()];
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1u << random() % 8));
    run(turned);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> paths;
  if (argc > 1 && std::filesystem::is_directory(argv[1])) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) paths.push_back(entry);
  }
  std::sort(paths.begin(), paths.end());
  std::mt19937 random(1);
  run({});
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    std::printf("%s\n", path.filename().c_str());
    std::fflush(stdout);
    run_variants({std::istreambuf_iterator<char>(file), {}}, random);
  }
  if (paths.empty()) run_variants("Not a seed, but better than none.", random);
  std::printf("%zu seeds\n", paths.size());
  return 0;
}
