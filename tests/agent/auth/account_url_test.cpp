// JWTs of accounts from a server, on a simulated network.
#include "agent/auth/account_url.h"

#include <doctest/doctest.h>

#include "tests/support/sim_network.h"

namespace petiole::test {
namespace {

TEST_CASE("account server: who comes just after others have waited in vain has his own time") {
  SimClock clock;
  SimLoop loop(clock);
  SimEntropy entropy(1);
  SimLog log;
  SimWorker worker(loop, [] { return Duration{}; });
  ChunkPool chunks;
  SimNetwork network(loop, chunks, 1);
  network.host("resolver");
  network.block_both("box", "resolver");
  AccountServer server({.secure = false, .host = "resolver", .port = 80, .path = "/"}, {},
                       {loop, clock, network.host("box"), entropy, log, worker, chunks});
  const Time begin = clock.now();
  Duration first{}, second{};
  server.look_up("A", [&](const std::optional<std::string>&) {
    first = clock.now() - begin;
    server.look_up("A", [&](const std::optional<std::string>&) { second = clock.now() - begin; });
  });
  loop.run_for(std::chrono::seconds(10));
  CHECK(first == std::chrono::milliseconds(1900));
  CHECK(second == 2 * first);
}

}  // namespace
}  // namespace petiole::test
