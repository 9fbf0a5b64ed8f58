#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "tests/platform/net_fixture.h"

namespace petiole::test {
namespace {

// Lines of "<length>:<bytes>", to be torn anywhere. Counts what it got; wants what it lacks.
struct Frames {
  std::vector<std::string> got;
  std::size_t wanted = 0;

  Result<std::size_t> receive(std::string_view input) {
    std::size_t used = 0;
    wanted = 0;
    while (true) {
      const std::size_t colon = input.find(':', used);
      if (colon == input.npos) return used;
      const std::size_t size = std::stoul(std::string(input.substr(used, colon - used)));
      if (input.size() - colon - 1 < size) {
        wanted = colon + 1 - used + size;
        return used;
      }
      got.emplace_back(input.substr(colon + 1, size));
      used = colon + 1 + size;
    }
  }
  void attach(Script& script) {
    script.on_receive = [this](std::string_view input) { return receive(input); };
    script.wanted = [this] { return wanted; };
  }
};

std::string frame(std::size_t size, char fill) {
  return std::to_string(size) + ':' + std::string(size, fill);
}

TEST_CASE("connection: bytes go both ways, a message in one turn") {
  NetFixture net;
  Script client, server;
  net.connect(client, server);
  say(client, "hello");
  say(server, "welcome");
  CHECK(net.until([&] { return server.input == "hello" && client.input == "welcome"; }));
  CHECK(client.wire->stats().bytes_written == 5);
  CHECK(client.wire->stats().bytes_read == 7);
  CHECK(server.wire->peer().address == "127.0.0.1");
}

TEST_CASE("connection: operations torn anywhere arrive whole") {
  NetFixture net;
  Script server;
  Frames frames;
  frames.attach(server);
  RawPeer peer(net.serve({&server}));
  std::string all;
  for (std::size_t i = 0; i < 60; ++i) all += frame(i * i * 7, static_cast<char>('a' + i % 26));
  std::size_t sent = 0, step = 1;
  CHECK(net.until([&] {
    const std::size_t bytes = std::min(all.size() - sent, step = step * 5 % 9973 + 1);
    sent += peer.send_some(std::string_view(all).substr(sent, bytes));
    return frames.got.size() == 60;
  }));
  for (std::size_t i = 0; i < frames.got.size(); ++i) {
    REQUIRE(frames.got[i] == std::string(i * i * 7, static_cast<char>('a' + i % 26)));
  }
}

TEST_CASE("connection: large operations are read into place") {
  NetFixture net;
  Script client, server;
  Frames frames;
  frames.attach(server);
  net.connect(client, server);
  for (const std::size_t size : {70'000U, 1U << 20, 5U << 20}) {
    const std::string bytes = frame(size, 'x') + frame(3, 'y');
    say(client, bytes);
    server.receives = 0;
    CHECK(net.until([&] { return frames.got.size() == 2; }));
    CHECK(frames.got[0] == std::string(size, 'x'));
    CHECK(frames.got[1] == "yyy");
    frames.got.clear();
  }
}

TEST_CASE("connection: an operation without an end is refused") {
  NetFixture net;
  Script client, server;
  server.on_receive = [](std::string_view) -> Result<std::size_t> { return std::size_t{0}; };
  net.connect(client, server);
  say(client, std::string(1 << 20, 'x'));
  CHECK(net.until([&] { return server.closed == 1; }));
  CHECK(server.reason.code == Errc::kTooLarge);
}

TEST_CASE("connection: an error of the protocol sends the output, then closes") {
  NetFixture net;
  Script server;
  server.on_receive = [&](std::string_view) -> Result<std::size_t> {
    server.wire->output().append("-ERR 'no'\r\n");
    return {Errc::kProtocol, "no"};
  };
  RawPeer peer(net.serve({&server}));
  peer.send("nonsense");
  CHECK(net.until([&] { return peer.read(), peer.ended; }));
  CHECK(peer.text == "-ERR 'no'\r\n");
  CHECK(net.until([&] { return server.destroyed == 1; }));
  CHECK(server.reason.code == Errc::kProtocol);
  CHECK(server.reason.text == "no");
  CHECK(server.closed == 1);
}

TEST_CASE("connection: the last words reach a peer that is still sending") {
  NetFixture net;
  Script server;
  server.on_receive = [&](std::string_view) -> Result<std::size_t> {
    server.wire->output().append("-ERR 'too much'\r\n");
    return {Errc::kTooLarge, "too much"};
  };
  RawPeer peer(net.serve({&server}));
  const std::string much(300'000, 'x');
  peer.send_some(much);
  CHECK(net.until([&] { return server.closed == 1; }));
  peer.send_some(much);  // Unread when the server closes: without a linger that is a reset.
  CHECK(net.until([&] { return peer.read(), peer.ended || peer.was_reset; }));
  CHECK_FALSE(peer.was_reset);
  CHECK(peer.text == "-ERR 'too much'\r\n");
  peer.close();
  CHECK(net.until([&] { return net.network.open_connections() == 0; }));
}

TEST_CASE("connection: a peer that does not close is left after a second") {
  NetFixture net;
  Script server;
  server.on_opened = [](Wire& wire) { wire.close({}); };
  RawPeer peer(net.serve({&server}));
  CHECK(net.until([&] { return server.destroyed == 1; }, 900ms));  // The protocol at once.
  CHECK(server.reason.code == Errc::kOk);
  CHECK(net.until([&] { return net.network.open_connections() == 0; }, 3s));
}

TEST_CASE("connection: close sends all that was written, however much") {
  NetFixture net;
  Script server;
  const auto large = std::make_shared<const std::string>(3 << 20, 'x');
  server.on_opened = [&](Wire& wire) {
    wire.output().append_shared(large);
    wire.output().append("end");
    wire.close({Errc::kOk, "done"});
  };
  RawPeer peer(net.serve({&server}));
  CHECK(net.until([&] { return peer.read(), peer.ended; }));
  CHECK(peer.text.size() == large->size() + 3);
  CHECK(peer.text.ends_with("end"));
}

TEST_CASE("connection: abort sends nothing more and resets") {
  NetFixture net;
  Script server;
  RawPeer peer(net.serve({&server}));
  CHECK(net.until([&] { return server.opened == 1; }));
  say(server, "never sent");
  server.wire->abort({Errc::kSlowConsumer, "slow"});
  CHECK(server.closed == 0);  // Not from inside the call.
  CHECK(net.until([&] { return server.destroyed == 1; }));
  CHECK(server.reason.code == Errc::kSlowConsumer);
  CHECK(net.until([&] { return peer.read(), peer.was_reset; }));
  CHECK(peer.text.empty());
}

TEST_CASE("connection: a peer that ends its side still gets the answer") {
  NetFixture net;
  Script server;
  server.on_receive = [&](std::string_view input) -> Result<std::size_t> {
    say(server, "PONG\r\n");
    return input.size();
  };
  RawPeer peer(net.serve({&server}));
  peer.send("PING\r\n");
  peer.end();
  CHECK(net.until([&] { return peer.read(), peer.ended; }));
  CHECK(peer.text == "PONG\r\n");
  CHECK(net.until([&] { return server.destroyed == 1; }));
  CHECK(server.reason.code == Errc::kClosed);
}

TEST_CASE("connection: a reset is told with the system's words") {
  NetFixture net;
  Script server;
  RawPeer peer(net.serve({&server}));
  CHECK(net.until([&] { return server.opened == 1; }));
  peer.reset();
  CHECK(net.until([&] { return server.closed == 1; }));
  CHECK(server.reason.code == Errc::kNetwork);
  CHECK(server.reason.text == "connection reset by peer");
}

TEST_CASE("connection: what a peer said before it cut us off is still heard") {
  NetFixture net;
  Script server;
  RawPeer peer(net.serve({&server}));
  CHECK(net.until([&] { return server.opened == 1; }));
  server.wire->pause_reading();
  say(server, "unread");
  CHECK(net.until([&] { return server.wire->stats().bytes_written == 6; }));
  peer.send("-ERR 'go away'");
  peer.close();  // With bytes unread: a reset follows what was sent.
  server.wire->resume_reading();
  say(server, "more");
  CHECK(net.until([&] { return server.closed == 1; }));
  CHECK(server.input == "-ERR 'go away'");
}

TEST_CASE("connection: a peer that sends without a pause gets a bounded part of each turn") {
  NetFixture net;
  Script script;
  int reads = 0;
  std::size_t largest = 0;
  Duration cost{};
  script.on_receive = [&](std::string_view input) -> Result<std::size_t> {
    const Time begin = net.clock.now();
    while (net.clock.now() < begin + cost) {
    }
    ++reads;
    largest = std::max(largest, input.size());
    return input.size();
  };
  RawPeer peer(net.serve({&script}));
  CHECK(net.until([&] { return script.opened == 1; }));
  const std::string much(1 << 20, 'x');
  const auto turns = [&](int count) {
    int most = 0;
    for (int i = 0; i < count; ++i) {
      while (peer.send_some(much) != 0) {
      }
      reads = 0;
      net.loop.turn();
      most = std::max(most, reads);
    }
    return most;
  };
  const int most = turns(50);
  CHECK(most >= 1);
  CHECK(most <= 4);
  cost = 200us;  // Longer than a turn should take: one read, and of less and less.
  turns(5);
  largest = 0;
  CHECK(turns(20) == 1);
  CHECK(largest > 0);
  CHECK(largest <= 8 * 1024);
  cost = {};
  CHECK(net.until([&] { return peer.send_some(much), largest > 8 * 1024; }));
}

TEST_CASE("connection: beside a short question the rest is read in smaller pieces") {
  NetFixture net;
  Script busy, quiet;
  std::size_t largest = 0;
  Duration cost = 200us;  // Longer than a turn should take, however little is read.
  busy.on_receive = [&](std::string_view input) -> Result<std::size_t> {
    const Time begin = net.clock.now();
    while (net.clock.now() < begin + cost) {
    }
    largest = std::max(largest, input.size());
    return input.size();
  };
  const std::uint16_t port = net.serve({&busy, &quiet});
  RawPeer talker(port);
  CHECK(net.until([&] { return busy.opened == 1; }));
  RawPeer asker(port);
  CHECK(net.until([&] { return quiet.opened == 1; }));
  const std::string much(1 << 20, 'x');
  const auto largest_of = [&](int turns, bool ask) {
    largest = 0;
    for (int i = 0; i < turns; ++i) {
      while (talker.send_some(much) != 0) {
      }
      if (ask) asker.send("?");
      net.loop.turn();
    }
    return std::exchange(largest, 0);
  };
  largest_of(10, true);
  CHECK(largest_of(20, true) <= 4 * 1024);
  CHECK(quiet.receives > 0);
  const Time asked = net.clock.now();
  CHECK(net.until([&] { return net.clock.now() > asked + 50ms; }));
  largest_of(5, false);
  CHECK(largest_of(20, false) == 8 * 1024);
}

TEST_CASE("connection: an answer goes out before the rest is read") {
  NetFixture net;
  Script busy, quiet;
  const std::uint16_t port = net.serve({&quiet, &busy});
  RawPeer asker(port);
  CHECK(net.until([&] { return quiet.opened == 1; }));
  RawPeer talker(port);
  CHECK(net.until([&] { return busy.opened == 1; }));
  quiet.on_receive = [&](std::string_view input) -> Result<std::size_t> {
    say(quiet, "answer");
    return input.size();
  };
  int reads = 0, answers = 0;  // Turns in which both had something, the question first.
  busy.on_receive = [&](std::string_view input) -> Result<std::size_t> {
    if (quiet.receives > reads) {
      reads = quiet.receives;
      asker.read();
      answers += asker.text == "answer" ? 1 : 0;
      asker.text.clear();
    }
    return input.size();
  };
  const std::string much(256 * 1024, 'x');
  CHECK(net.until([&] {
    reads = quiet.receives;
    asker.read();
    asker.text.clear();
    asker.send("?");
    while (talker.send_some(much) != 0) {
    }
    net.loop.turn();
    return answers == 10;
  }));
}

TEST_CASE("connection: a peer that does not read holds up its own output alone") {
  NetFixture net;
  Script slow, quick;
  const std::uint16_t port = net.serve({&slow, &quick});
  RawPeer idle(port, 4096);
  CHECK(net.until([&] { return slow.opened == 1; }));
  RawPeer reader(port);
  CHECK(net.until([&] { return quick.opened == 1; }));
  const std::string much(16 << 20, 'x');
  CHECK(slow.wire->blocked_since() == kNever);
  say(slow, much);
  say(quick, much);
  CHECK(net.until([&] { return reader.read(), reader.text.size() == much.size(); }));
  CHECK(slow.wire->output().size() > 1 << 20);
  const Time since = slow.wire->blocked_since();
  CHECK(since != kNever);
  CHECK(since <= net.clock.now());
  CHECK(quick.wire->blocked_since() == kNever);

  slow.wire->notify_below(1000);
  CHECK(slow.drained == 0);
  CHECK(net.until([&] { return idle.read(), idle.text.size() == much.size(); }));
  CHECK(net.until([&] { return slow.drained == 1; }));
  CHECK(slow.wire->blocked_since() == kNever);
  CHECK(slow.drained == 1);
}

TEST_CASE("connection: notify_below is told also when the output is below already") {
  NetFixture net;
  Script client, server;
  net.connect(client, server);
  client.on_drained = [&] { say(client, "refill"); };
  client.wire->notify_below(10);
  CHECK(client.drained == 0);
  CHECK(net.until([&] { return server.input == "refill"; }));
  CHECK(client.drained == 1);
}

TEST_CASE("connection: a paused one gets nothing, then what is held, in order") {
  NetFixture net;
  Script client, server;
  int lines = 0;
  server.on_receive = [&](std::string_view input) -> Result<std::size_t> {
    const std::size_t end = input.find('\n');
    if (end == input.npos) return std::size_t{0};
    server.input.append(input.substr(0, end + 1));
    if (++lines % 2 == 1) server.wire->pause_reading();
    return end + 1;
  };
  net.connect(client, server);
  say(client, "a\nb\nc\n");
  CHECK(net.until([&] { return lines == 1; }));
  say(client, "d\n");
  CHECK_FALSE(net.until([&] { return lines > 1; }, 30ms));
  server.wire->resume_reading();
  CHECK(lines == 1);  // In a later turn.
  // Who takes one line a call is offered the rest with what comes later: here the fourth line.
  CHECK(net.until([&] { return lines == 3; }));
  CHECK(server.input == "a\nb\nc\n");
  CHECK_FALSE(server.nested);
}

TEST_CASE("connection: deadlines are kept, also when they move") {
  NetFixture net;
  Script client, server;
  std::vector<Time> ticks;
  client.on_tick = [&](Time now) {
    ticks.push_back(now);
    client.deadline = ticks.size() == 2 ? kNever : now + 20ms;
    return Status();
  };
  net.connect(client, server);
  const Time start = net.clock.now();
  client.deadline = start + 10s;
  client.wire->wake();
  CHECK_FALSE(net.until([&] { return !ticks.empty(); }, 5ms));
  client.deadline = start + 30ms;  // Earlier.
  client.wire->wake();
  CHECK(net.until([&] { return ticks.size() == 2; }));
  CHECK(ticks[0] >= start + 30ms);
  CHECK(ticks[1] >= ticks[0] + 20ms);
  CHECK_FALSE(net.until([&] { return ticks.size() > 2; }, 30ms));
}

TEST_CASE("connection: an error from tick closes") {
  NetFixture net;
  Script client, server;
  client.on_tick = [&](Time) { return Status(Errc::kTimeout, "ping time-out"); };
  net.connect(client, server);
  client.deadline = net.clock.now();
  client.wire->wake();
  CHECK(net.until([&] { return client.closed == 1 && server.closed == 1; }));
  CHECK(client.reason.code == Errc::kTimeout);
  CHECK(client.reason.text == "ping time-out");
}

// Where a protocol may end its connection, and how.
TEST_CASE("connection: closing from inside any call is safe and told once") {
  enum Place { kOpened, kReceive, kTick, kDrained, kClosed };
  for (const Place place : {kOpened, kReceive, kTick, kDrained, kClosed}) {
    for (const bool abort : {false, true}) {
      NetFixture net;
      Script client, server;
      const auto end = [&] {
        say(server, "bye");
        abort ? server.wire->abort({}) : server.wire->close({});
        server.wire->close({Errc::kProtocol, "ignored"});
        server.wire->abort(abort ? Status() : Status(Errc::kOk, ""));
        server.wire->resume_reading();
        server.wire->notify_below(1);
        server.wire->wake();
      };
      server.on_opened = [&](Wire& wire) {
        if (place == kOpened) end();
        if (place == kDrained) wire.notify_below(100);
      };
      server.on_receive = [&](std::string_view input) -> Result<std::size_t> {
        if (place == kReceive) end();
        CHECK(input.front() == 'x');  // Still there after the end.
        return place == kReceive ? std::size_t{0} : input.size();
      };
      server.on_tick = [&](Time) { return server.deadline = kNever, end(), Status(); };
      server.on_drained = end;
      server.on_closed = [&](const CloseReason&) {
        if (place == kClosed) end();
      };
      if (place == kTick) server.deadline = net.clock.now();
      RawPeer peer(net.serve({&server}));
      peer.send(std::string(1000, 'x'));
      if (place == kClosed) peer.end();
      CHECK(net.until([&] { return server.destroyed == 1; }));
      CHECK(server.closed == 1);
      CHECK_FALSE(server.nested);
      peer.close();
      CHECK(net.until([&] { return net.network.open_connections() == 0; }));
    }
  }
}

TEST_CASE("connection: the network may go while connections are open") {
  Script server, client;
  {
    NetFixture net;
    net.connect(client, server);
    say(client, "x");
    server.wire->pause_reading();
    server.wire->resume_reading();
  }
  CHECK(server.destroyed == 1);
  CHECK(client.destroyed == 1);
  CHECK(server.closed == 0);
}

}  // namespace
}  // namespace petiole::test
