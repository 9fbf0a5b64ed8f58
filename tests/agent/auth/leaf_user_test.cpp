// What a user's token says of a leaf that comes in with it.
// Rules: wire/client-and-leaf.md sections 2.3 and 3.3; nats-server client.go, applyAccountLimits.
#include <doctest/doctest.h>

#include "agent/leaf/accepting.h"
#include "tests/agent/auth/operator_fixture.h"

namespace petiole::test {
namespace {

struct Leaf {
  Leaf(OperatorFixture& at, LeafRegister& links)
      : hub(at), wire(hub.machine.chunks), session(hub.server(), links, nullptr) {
    session.opened(wire, hub.machine.clock.now());
    nonce = field(wire.take(), "nonce");
  }
  ~Leaf() { session.closed({}, hub.machine.clock.now()); }
  // Empty, or why the session ended it.
  std::string say(std::string_view text) {
    const auto used = session.receive(text, hub.machine.clock.now());
    hub.machine.loop.run_idle();
    return used.ok() ? std::string() : std::string(used.status().text());
  }
  std::string log_in(const std::string& jwt) {
    return say(R"(CONNECT {"name":"edge","version":"2.12.0","jwt":")" + jwt + R"(","sig":")" +
               kJoe.sign(nonce) + "\"}\r\n");
  }

  OperatorFixture& hub;
  FakeWire wire;
  AcceptingLeaf session;
  std::string nonce;
};

TEST_CASE_FIXTURE(OperatorFixture, "leaf user: a message is no larger than the token says") {
  preload(account_token());
  LeafRegister links(server());
  Leaf leaf(*this, links);
  REQUIRE(leaf.log_in(token("user", kJoe, kAcc, R"("subs":-1,"data":-1,"payload":4,)")) == "");
  REQUIRE(leaf.session.established());
  CHECK(leaf.say("LMSG a 4\r\n1234\r\n") == "");
  leaf.wire.take();
  CHECK(leaf.say("LMSG a 5\r\n") == "Maximum Payload Violation");
  CHECK(leaf.wire.take() == "-ERR 'Maximum Payload Violation'\r\n");
}

TEST_CASE_FIXTURE(OperatorFixture,
                  "leaf user: the token's limit holds over the account's, changed") {
  preload(account_token());
  LeafRegister links(server());
  Leaf leaf(*this, links);
  REQUIRE(leaf.log_in(token("user", kJoe, kAcc, R"("subs":-1,"data":-1,"payload":4,)")) == "");
  const std::string narrow = R"("limits":{"conn":-1,"leaf":-1,"subs":-1,"payload":3},)";
  REQUIRE(server().gate().book()->take(token("account", kAcc, kOp, narrow), kAcc.text).ok());
  machine.loop.run_idle();
  CHECK(leaf.say("LMSG a 3\r\n123\r\n") == "");
  CHECK(leaf.say("LMSG a 4\r\n") == "Maximum Payload Violation");
}

}  // namespace
}  // namespace petiole::test
