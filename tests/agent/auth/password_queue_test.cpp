#include "agent/auth/password_queue.h"

#include <doctest/doctest.h>

#include "tests/support/sim.h"

namespace petiole::test {
namespace {

using namespace std::chrono_literals;

// bcrypt of "secret", cost 4.
const std::string kHash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

struct Desk {
  SimClock clock;
  SimLoop loop{clock};
  int computed = 0;
  SimWorker worker{loop, [this] { return ++computed, Duration(50ms); }};
  PasswordQueue queue{loop, worker};
  std::shared_ptr<int> peer = std::make_shared<int>();
  int right = 0, wrong = 0;
  bool ask(const std::string& password, std::weak_ptr<const void> whose) {
    return queue.ask(password, kHash, std::move(whose),
                     [this](bool matches) { ++(matches ? right : wrong); });
  }
};

TEST_CASE("passwords: right and wrong, one after the other") {
  Desk desk;
  CHECK(desk.ask("secret", desk.peer));
  CHECK(desk.ask("Secret", desk.peer));
  CHECK(desk.right + desk.wrong == 0);
  desk.loop.run_for(60ms);
  CHECK(desk.right == 1);
  CHECK(desk.wrong == 0);
  desk.loop.run_for(50ms);
  CHECK(desk.wrong == 1);
}

TEST_CASE("passwords: who asks the same is answered by one computation") {
  Desk desk;
  for (int i = 0; i < 1000; ++i) CHECK(desk.ask("secret", desk.peer));
  desk.loop.run_for(1s);
  CHECK(desk.right == 1000);
  CHECK(desk.computed == 1);
}

TEST_CASE("passwords: a storm is bounded, and the loop is free meanwhile") {
  Desk desk;
  std::size_t taken = 0;
  for (int i = 0; i < 3000; ++i) taken += desk.ask("x" + std::to_string(i), desk.peer);
  CHECK(taken == PasswordQueue::kWaitingMax);
  CHECK(desk.queue.waiting() == PasswordQueue::kWaitingMax);
  CHECK(desk.computed == 1);
}

TEST_CASE("passwords: for those that have gone nothing is computed") {
  Desk desk;
  auto gone = std::make_shared<int>();
  CHECK(desk.ask("first", desk.peer));
  while (desk.ask("x" + std::to_string(desk.queue.waiting()), gone)) continue;
  gone.reset();
  CHECK(desk.ask("secret", desk.peer));
  CHECK(desk.queue.waiting() == 2);
  desk.loop.run_for(1s);
  CHECK(desk.computed == 2);
  CHECK(desk.right == 1);
  CHECK(desk.wrong == 1);
}

TEST_CASE("passwords: the queue may go while the worker computes") {
  SimClock clock;
  SimLoop loop{clock};
  SimWorker worker{loop, [] { return Duration(50ms); }};
  auto queue = std::make_unique<PasswordQueue>(loop, worker);
  auto peer = std::make_shared<int>();
  CHECK(queue->ask("secret", kHash, peer, [](bool) { FAIL("nobody is there"); }));
  queue.reset();
  loop.run_for(1s);
}

}  // namespace
}  // namespace petiole::test
