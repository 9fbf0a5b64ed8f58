// One line a case. `run(n)` does n operations; the best of five runs is reported: noise only ever
// adds time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>

namespace petiole::test {

template <class Run>
double bench(const char* name, std::size_t n, Run run) {
  double best = 1e300;
  for (int round = 0; round < 5; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    run(n);
    const std::chrono::duration<double, std::nano> span = std::chrono::steady_clock::now() - begin;
    best = std::min(best, span.count() / static_cast<double>(n));
  }
  std::printf("%-34s %10.1f ns/op\n", name, best);
  return best;
}

}  // namespace petiole::test
