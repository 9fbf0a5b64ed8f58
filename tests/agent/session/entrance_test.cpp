#include "agent/session/entrance.h"

#include <doctest/doctest.h>

#include "tests/support/sim.h"

namespace petiole::test {
namespace {

using Then = Entrance::Step::Then;

struct Door {
  explicit Door(bool allow_clear = false, bool proxy_header = false) {
    tls.enabled = true;
    options.tls = &tls;
    options.allow_clear = allow_clear;
    options.proxy_header = proxy_header;
  }
  Entrance::Step open() {
    entrance = make_entrance(options);
    return entrance->opened(now);
  }
  Entrance::Step give(std::string_view input) { return entrance->receive(input, now, wire); }
  // When nothing arrives, until something happens.
  Entrance::Step wait() {
    now = entrance->deadline();
    return entrance->tick(now);
  }

  ChunkPool chunks;
  FakeWire wire{chunks};
  TlsListenConfig tls;
  EntranceOptions options;
  std::unique_ptr<Entrance> entrance;
  Time now{};
};

constexpr std::string_view kHello = "\x16\x03\x01";

TEST_CASE("entrance: nothing to pass without TLS and PROXY headers") {
  CHECK(make_entrance({}) == nullptr);
}

TEST_CASE("entrance: INFO, then TLS; the protocol begins when the handshake is done") {
  Door door;
  CHECK(door.open().greet);
  CHECK(door.give("").then == Then::kWait);
  const Entrance::Step step = door.give(kHello);
  CHECK(step.then == Then::kSecure);
  CHECK(step.used == 0);
  CHECK(!step.greet);
  CHECK(door.entrance->deadline() == kNever);
  const Entrance::Step last = door.give("");
  CHECK(last.then == Then::kOpen);
  CHECK(!last.greet);
}

TEST_CASE("entrance: who speaks in clear, or not at all, is told that TLS is required") {
  for (const bool silent : {false, true}) {
    Door door;
    door.open();
    const Time start = door.now;
    const Entrance::Step step = silent ? door.wait() : door.give("CONNECT {}\r\n");
    CHECK(step.then == Then::kEnd);
    CHECK(step.text == std::string("Secure Connection - TLS Required"));
    CHECK(step.reason == std::string("TLS Handshake Failure"));
    if (silent) CHECK(door.now - start == door.tls.options.timeout);
  }
}

TEST_CASE("entrance: the first byte decides where both are allowed") {
  for (const bool tls : {false, true}) {
    Door door(true);
    CHECK(door.open().greet);
    CHECK(door.give(tls ? kHello : "PING\r\n").then == (tls ? Then::kSecure : Then::kOpen));
  }
  Door silent(true);
  silent.open();
  CHECK(silent.wait().then == Then::kOpen);
}

TEST_CASE("entrance: handshake_first says nothing before TLS, whatever comes") {
  for (const std::string_view first : {kHello, std::string_view("CONNECT {}\r\n")}) {
    Door door;
    door.tls.handshake_first = true;
    CHECK(!door.open().greet);
    const Entrance::Step step = door.give(first);
    CHECK(step.then == Then::kSecure);
    CHECK(!step.greet);
    const Entrance::Step last = door.give("");
    CHECK(last.then == Then::kOpen);
    CHECK(last.greet);
  }
  Door silent;
  silent.tls.handshake_first = true;
  silent.open();
  CHECK(silent.wait().then == Then::kEnd);
}

TEST_CASE("entrance: handshake_first with a delay greets who waits for INFO") {
  Door door;
  door.tls.handshake_first = true;
  door.tls.fallback = 50ms;
  CHECK(!door.open().greet);
  const Time start = door.now;
  CHECK(door.wait().greet);
  CHECK(door.now - start == 50ms);
  CHECK(door.give(kHello).then == Then::kSecure);
  CHECK(!door.give("").greet);

  Door first;
  first.tls.handshake_first = true;
  first.tls.fallback = 50ms;
  first.open();
  CHECK(first.give(kHello).then == Then::kSecure);
  CHECK(first.give("").greet);
}

TEST_CASE("entrance: the peer's time is the same however it is used up") {
  Door door;
  door.tls.options.timeout = 2s;
  door.open();
  door.now += 500ms;
  door.give(kHello);
  CHECK(door.entrance->tls_options(door.now).timeout == 1500ms);
}

TEST_CASE("entrance: a limit on handshakes holds within a second") {
  const auto limit = std::make_shared<HandshakeLimit>(2);
  Door doors[4];
  for (int i = 0; i < 4; ++i) {
    doors[i].options.limit = limit;
    if (i == 3) doors[i].now += 1s;
    doors[i].open();
    const Entrance::Step step = doors[i].give(kHello);
    CHECK(step.then == (i == 2 ? Then::kEnd : Then::kSecure));
    if (i == 2) {
      CHECK(step.text == std::string("Connection throttling is active. Please try again later."));
    }
  }
}

TEST_CASE("entrance: a PROXY header, any cut of it, then the protocol or TLS") {
  const std::string header = "PROXY TCP4 192.0.2.1 192.0.2.2 50000 4222\r\n";
  for (std::size_t cut = 0; cut < header.size(); ++cut) {
    Door door(true, true);
    CHECK(door.open().greet);
    CHECK(door.give(std::string_view(header).substr(0, cut)).then == Then::kWait);
    const Entrance::Step step = door.give(header + std::string(kHello));
    CHECK(step.used == header.size());
    CHECK(step.then == Then::kSecure);
    CHECK(door.wire.peer().address == "192.0.2.1");
    CHECK(door.wire.peer().port == 50000);
  }
  Door plain(false, true);
  plain.options.tls = nullptr;
  CHECK(plain.open().greet);
  const Entrance::Step alone = plain.give(header);
  CHECK(alone.used == header.size());
  CHECK(alone.then == Then::kOpen);
}

TEST_CASE("entrance: a PROXY header need not come, but a broken one is the end") {
  Door without(false, true);
  without.options.tls = nullptr;
  without.open();
  const Entrance::Step step = without.give("PING\r\n");
  CHECK(step.used == 0);
  CHECK(step.then == Then::kOpen);
  CHECK(without.wire.peer().address == "127.0.0.1");

  Door broken(false, true);
  broken.open();
  const Entrance::Step end = broken.give("PROXY TCP4 x\r\n");
  CHECK(end.then == Then::kEnd);
  CHECK(end.text == nullptr);
  CHECK(end.reason == std::string("Protocol Violation"));

  Door silent(false, true);
  silent.open();
  CHECK(silent.wait().then == Then::kEnd);
}

}  // namespace
}  // namespace petiole::test
