#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <asio/ip/tcp.hpp>

#include <condition_variable>
#include <mutex>

#include "tests/platform/net_fixture.h"

namespace petiole::test {
namespace {

asio::ip::address address(const char* text) { return asio::ip::make_address(text); }

TEST_CASE("dial: a refused one is told in a later turn, with the stage") {
  NetFixture net;
  std::uint16_t port = 0;
  {
    RawListener gone;
    port = gone.port();
  }
  Script client;
  const auto dial = net.network.dial(dial_to(port), make_scripted(client));
  CHECK(client.closed == 0);
  CHECK(net.until([&] { return client.destroyed == 1; }));
  CHECK(client.closed == 1);
  CHECK(client.opened == 0);
  CHECK(client.reason.stage == Stage::kConnect);
  CHECK(client.reason.code == Errc::kNetwork);
  CHECK(client.reason.text == "connection refused");
}

TEST_CASE("dial: an unknown name is told with the resolver's words") {
  NetFixture net([](const std::string&) { return LookupResult{{}, "Name or service not known"}; });
  Script client;
  DialOptions options = dial_to(1);
  options.host = "hub.invalid";
  const auto dial = net.network.dial(options, make_scripted(client));
  CHECK(net.until([&] { return client.closed == 1; }));
  CHECK(client.reason.stage == Stage::kResolve);
  CHECK(client.reason.text == "Name or service not known");
}

TEST_CASE("dial: localhost is this machine by both families, whatever the system knows") {
  for (const char* host : {"localhost", "localhost."}) {
    CAPTURE(std::string(host));
    const LookupResult found = HostResolver::lookup_by_system(host);
    REQUIRE(found.addresses.size() == 2);
    CHECK(found.addresses[0] == address("127.0.0.1"));
    CHECK(found.addresses[1] == address("::1"));
  }
}

// A look-up that ends when it is let go. Lives until its threads are done with it.
struct Gate {
  std::mutex mutex;
  std::condition_variable wake;
  bool open = false;
  int entered = 0;
  int left = 0;
  int entries() {
    const std::lock_guard lock(mutex);
    return entered;
  }
  LookupResult pass() {
    std::unique_lock lock(mutex);
    ++entered;
    wake.notify_all();
    wake.wait(lock, [this] { return open; });
    ++left;
    return {{address("127.0.0.1")}, {}};
  }
  void release() {
    const std::lock_guard lock(mutex);
    open = true;
    wake.notify_all();
  }
};

TEST_CASE("dial: look-ups that hang hold up neither the loop, nor other dials, nor the end") {
  const auto gate = std::make_shared<Gate>();
  Script hung[9], again, other, server;
  {
    NetFixture net([gate](const std::string& host) {
      return host == "good" ? LookupResult{{address("127.0.0.1")}, {}} : gate->pass();
    });
    DialOptions options = dial_to(net.serve({&server}));
    options.timeout = 50ms;
    for (int i = 0; i < 7; ++i) {
      options.host = "hung" + std::to_string(i);
      net.dials.push_back(net.network.dial(options, make_scripted(hung[i])));
    }
    options.host = "hung0";  // Joins the look-up that is under way.
    net.dials.push_back(net.network.dial(options, make_scripted(again)));
    options.host = "good";
    net.dials.push_back(net.network.dial(options, make_scripted(other)));
    CHECK(net.until([&] { return other.opened == 1; }));
    CHECK(net.until([&] { return again.closed == 1 && hung[6].closed == 1; }));
    CHECK(hung[0].reason.code == Errc::kTimeout);
    CHECK(hung[0].reason.stage == Stage::kResolve);
    for (int i = 7; i < 9; ++i) {
      options.host = "hung" + std::to_string(i);
      net.dials.push_back(net.network.dial(options, make_scripted(hung[i])));
    }
    CHECK(net.until([&] { return hung[8].closed == 1; }));
    CHECK(hung[8].reason.text == "too many names are being looked up");
  }
  std::unique_lock lock(gate->mutex);
  gate->open = true;
  gate->wake.notify_all();
}

TEST_CASE("dial: all addresses are tried, in turn") {
  RawListener hub;
  NetFixture net([&](const std::string&) {
    return LookupResult{{address("127.0.0.2"), address("::1"), address("127.0.0.1")}, {}};
  });
  Script client;
  DialOptions options = dial_to(hub.port());
  options.host = "hub";
  const auto dial = net.network.dial(options, make_scripted(client));
  CHECK(net.until([&] { return client.opened == 1; }));
  CHECK(client.wire->peer().address == "127.0.0.1");
}

TEST_CASE("dial: of more addresses than one dial tries each has its turn") {
  RawListener hub;
  NetFixture net([&](const std::string&) {
    LookupResult many;
    for (int i = 0; i < 16; ++i) {
      const std::string nobody = "127.0.1." + std::to_string(i + 1);
      many.addresses.push_back(address(i == 11 ? "127.0.0.1" : nobody.c_str()));
    }
    return many;
  });
  DialOptions options = dial_to(hub.port());
  options.host = "hub";
  std::vector<std::size_t> reach;
  for (options.turn = 0; options.turn < 20; ++options.turn) {
    Script client;
    const auto dial = net.network.dial(options, make_scripted(client));
    CHECK(net.until([&] { return client.opened + client.closed > 0; }));
    if (client.opened == 1) reach.push_back(options.turn);
    dial->cancel();
    CHECK(net.until([&] { return client.destroyed == 1; }));
  }
  CHECK(reach == std::vector<std::size_t>{4, 5, 6, 7, 8, 9, 10, 11});
}

// Each look-up takes longer than a dial may.
TEST_CASE("dial: an answer that came too late for one is there for the next") {
  const auto gate = std::make_shared<Gate>();
  Script late, next, third, server;
  NetFixture net([gate](const std::string&) { return gate->pass(); });
  DialOptions options = dial_to(net.serve({&server}));
  options.host = "slow";
  options.timeout = 50ms;
  net.dials.push_back(net.network.dial(options, make_scripted(late)));
  CHECK(net.until([&] { return late.closed == 1; }));
  CHECK(late.reason.stage == Stage::kResolve);
  gate->release();
  CHECK_FALSE(net.until([&] { return server.opened == 1; }, 50ms));
  {
    const std::lock_guard lock(gate->mutex);
    gate->open = false;
  }
  net.dials.push_back(net.network.dial(options, make_scripted(next)));
  CHECK(net.until([&] { return next.opened == 1; }));
  net.dials.push_back(net.network.dial(options, make_scripted(third)));  // It is asked anew.
  CHECK(net.until([&] { return third.closed == 1; }));
  CHECK(net.until([&] { return gate->entries() == 2; }));
  gate->release();
}

// A listener whose queue is full drops what comes: it looks like a host that is not there.
struct BlackHole {
  BlackHole() {
    for (int i = 0; i < 40; ++i) {
      const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      sockaddr_storage to{};
      socklen_t length = sizeof(to);
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&to), &length);
      ::connect(descriptor, reinterpret_cast<sockaddr*>(&to), length);
      fill.emplace_back(descriptor);
    }
  }
  int listener = make();
  std::vector<RawPeer> fill;
  std::uint16_t port = 0;
  ~BlackHole() { ::close(listener); }

  int make() {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::listen(descriptor, 0) == 0);
    return descriptor;
  }
};

std::uint16_t port_of(int descriptor) {
  const auto endpoint = [&] {
    asio::ip::tcp::endpoint result;
    socklen_t length = static_cast<socklen_t>(result.capacity());
    ::getsockname(descriptor, result.data(), &length);
    return result;
  }();
  return endpoint.port();
}

TEST_CASE("dial: a host that does not answer times out") {
  BlackHole hole;
  NetFixture net;
  Script client;
  DialOptions options = dial_to(port_of(hole.listener));
  options.timeout = 100ms;
  const auto dial = net.network.dial(options, make_scripted(client));
  CHECK(net.until([&] { return client.closed == 1; }));
  CHECK(client.reason.stage == Stage::kConnect);
  CHECK(client.reason.code == Errc::kTimeout);
}

TEST_CASE("dial: cancel ends it at any time, once") {
  BlackHole hole;
  NetFixture net;
  Script connecting, open, server;
  auto dial = net.network.dial(dial_to(port_of(hole.listener)), make_scripted(connecting));
  CHECK_FALSE(net.until([&] { return connecting.closed == 1; }, 10ms));
  dial->cancel();
  dial->cancel();
  CHECK(connecting.closed == 0);
  CHECK(net.until([&] { return connecting.destroyed == 1; }));
  CHECK(connecting.reason.code == Errc::kOk);
  CHECK(connecting.closed == 1);

  dial = net.network.dial(dial_to(net.serve({&server})), make_scripted(open));
  CHECK(net.until([&] { return open.opened == 1 && server.opened == 1; }));
  dial->cancel();
  CHECK(net.until([&] { return open.destroyed == 1 && server.destroyed == 1; }));
  dial->cancel();
}

// What is urgent next, a PONG perhaps, stands behind it.
TEST_CASE("dial: what the kernel has not sent yet is little, whoever writes a little at a time") {
  constexpr std::size_t kUnsentMax = 16 << 10, kPiece = 2 << 10;
  NetFixture net;
  RawListener listener(128 << 10);
  Script client;
  DialOptions options = dial_to(listener.port());
  options.unsent_bytes_max = kUnsentMax;
  auto dial = net.network.dial(options, make_scripted(client));
  RawPeer peer = listener.accept(net);
  REQUIRE(net.until([&] { return client.opened == 1; }));
  const std::string piece(kPiece, 'x');
  int turns = 0;  // Without room for more.
  CHECK(net.until([&] {
    const bool room = client.wire->output().empty();
    if (room) say(client, piece);
    turns = room ? 0 : turns + 1;
    return turns == 100;
  }));
  int arrived = 0;
  REQUIRE(::ioctl(peer.descriptor(), FIONREAD, &arrived) == 0);
  const std::size_t unsent = client.wire->stats().bytes_written - static_cast<std::size_t>(arrived);
  CHECK(unsent > 0);
  CHECK(unsent <= kUnsentMax + kPiece);
}

TEST_CASE("dial: what the peer acknowledges moves on though the socket takes no more yet") {
  NetFixture net;
  RawListener listener(4096);
  Script client;
  DialOptions options = dial_to(listener.port());
  options.unsent_bytes_max = 64 << 10;
  auto dial = net.network.dial(options, make_scripted(client));
  RawPeer peer = listener.accept(net);
  REQUIRE(net.until([&] { return client.opened == 1; }));
  say(client, std::string(1 << 20, 'x'));
  REQUIRE(net.until([&] { return client.wire->blocked_since() != kNever; }));
  client.on_tick = [&](Time now) { return client.deadline = now + 1ms, Status(); };
  client.deadline = net.clock.now();
  client.wire->wake();
  const auto still = [&] { return net.clock.now() > client.wire->blocked_since() + 300ms; };
  CHECK(net.until(still));  // The peer does not read.
  CHECK(net.until([&] {
    const Time since = client.wire->blocked_since();
    const std::uint64_t written = client.wire->stats().bytes_written;
    char some[512];
    (void)::recv(peer.descriptor(), some, sizeof(some), MSG_DONTWAIT);
    (void)net.until([&] { return client.wire->blocked_since() != since; }, 20ms);
    return client.wire->stats().bytes_written == written && client.wire->blocked_since() > since;
  }));
}

TEST_CASE("dial: the network may go while a dial is under way") {
  BlackHole hole;
  Script client, failed;
  {
    NetFixture net;
    net.dials.push_back(net.network.dial(dial_to(port_of(hole.listener)), make_scripted(client)));
    net.dials.push_back(net.network.dial(dial_to(1), make_scripted(failed)));
    CHECK_FALSE(net.until([&] { return client.closed == 1; }, 5ms));
  }
  CHECK(client.destroyed == 1);
  CHECK(client.closed == 0);
}

TEST_CASE("dial: through a proxy, with the hub's first bytes right behind its answer") {
  NetFixture net;
  RawListener proxy;
  DialOptions options;
  options.host = "hub.example";
  options.port = 7422;
  options.proxy.emplace();
  options.proxy->host = "127.0.0.1";
  options.proxy->port = proxy.port();
  Script client;
  const auto dial = net.network.dial(options, make_scripted(client));
  RawPeer peer = proxy.accept(net);
  CHECK(net.until([&] { return peer.read(), peer.text.ends_with("\r\n\r\n"); }));
  CHECK(peer.text.starts_with("CONNECT hub.example:7422 HTTP/1.1\r\n"));
  CHECK(client.opened == 0);
  peer.send("HTTP/1.1 200 OK\r\n\r\nINFO {}");
  CHECK(net.until([&] { return client.input == "INFO {}"; }));
  peer.text.clear();
  say(client, "CONNECT {}");
  CHECK(net.until([&] { return peer.read(), peer.text == "CONNECT {}"; }));
}

TEST_CASE("dial: a proxy that refuses or is silent") {
  struct Case {
    const char* answer;
    Errc code;
    const char* text;
  };
  for (const Case& c : {Case{"HTTP/1.1 403 Forbidden\r\n\r\n", Errc::kNetwork,
                             "the proxy refused: HTTP/1.1 403 Forbidden"},
                        Case{"", Errc::kTimeout, "no answer in time"}}) {
    NetFixture net;
    RawListener proxy;
    DialOptions options;
    options.host = "hub";
    options.proxy.emplace();
    options.proxy->host = "127.0.0.1";
    options.proxy->port = proxy.port();
    options.proxy->timeout = 100ms;
    Script client;
    const auto dial = net.network.dial(options, make_scripted(client));
    RawPeer peer = proxy.accept(net);
    peer.send(c.answer);
    CHECK(net.until([&] { return client.closed == 1; }));
    CHECK(client.reason.stage == Stage::kProxy);
    CHECK(client.reason.code == c.code);
    CHECK(client.reason.text == c.text);
  }
}

TEST_CASE("listen: a port that is taken, and one that is free again") {
  NetFixture net;
  Script none;
  const std::uint16_t port = net.serve({});
  const auto accept = [](const PeerInfo&) { return std::unique_ptr<Protocol>(); };
  auto second = net.network.listen({.host = "127.0.0.1", .port = port}, accept);
  CHECK(second.code() == Errc::kBusy);
  net.listeners.clear();
  CHECK(net.network.listen({.host = "127.0.0.1", .port = port}, accept).ok());
  CHECK(net.network.listen({.host = "no such host.invalid"}, accept).code() == Errc::kNotFound);
  CHECK(net.network.listen({.host = "192.0.2.1"}, accept).code() == Errc::kNetwork);
}

TEST_CASE("listen: all addresses take both families") {
  NetFixture net;
  int accepted = 0;
  auto listener = net.network.listen({.host = "::"}, [&](const PeerInfo& peer) {
    CHECK((peer.address == "127.0.0.1" || peer.address == "::1"));
    ++accepted;
    return std::unique_ptr<Protocol>();
  });
  if (!listener.ok()) return;  // A machine without IPv6.
  RawPeer peer((*listener)->port());
  CHECK(net.until([&] { return accepted == 1; }));
  CHECK(net.until([&] { return peer.read(), peer.ended || peer.was_reset; }));  // Refused by null.
}

TEST_CASE("listen: without descriptors it waits, and accepts when there are some") {
  NetFixture net;
  std::vector<std::string> told;
  net.network.report_to([&](const std::string& line) { told.push_back(line); });
  Script server;
  const std::uint16_t port = net.serve({&server});
  RawPeer peer(port);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int next = ::dup(0);
  ::close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  CHECK_FALSE(net.until([&] { return server.opened == 1; }, 250ms));  // Tried twice, told once.
  CHECK(told == std::vector{"no connection can be accepted on port " + std::to_string(port) +
                            ": too many open files; it is tried again"});
  Script dialled;
  const auto dial = net.network.dial(dial_to(port), make_scripted(dialled));
  CHECK(net.until([&] { return dialled.closed == 1; }));
  CHECK(dialled.reason.text == "too many open files");
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(net.until([&] { return server.opened == 1; }));
}

}  // namespace
}  // namespace petiole::test
