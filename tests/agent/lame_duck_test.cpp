// Clients of a server that is about to leave.
#include "agent/lame_duck.h"

#include <doctest/doctest.h>

#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

TEST_CASE_FIXTURE(ServerFixture, "lame duck: one that takes no last words holds up nobody") {
  config.lame_duck_grace = 1s;
  config.lame_duck_duration = 11s;
  auto stuck = connect(), other = connect();
  bool done = false;
  LameDuck duck(server(), [&] { done = true; });
  machine.loop.run_for(1s);
  CHECK(stuck->wire.closed);  // Its connection still waits for it to take what was written.
  CHECK_FALSE(other->wire.closed);
  machine.loop.run_for(2s);
  CHECK(other->wire.closed);
  machine.loop.run_for(2s);
  CHECK(done);
}

}  // namespace
}  // namespace petiole::test
