// Listeners with layers, on real sockets: when the protocol is made, and what ends before it.
#include <doctest/doctest.h>

#include "tests/platform/net_fixture.h"

namespace petiole::test {
namespace {

std::string coded(std::string text, int key) {
  for (char& c : text) c = static_cast<char>(c ^ key);
  return text;
}

struct Served : NetFixture {
  // Listens with TLS and, perhaps, WebSocket of the fake kind.
  std::uint16_t start(bool websocket, Duration timeout = 5s) {
    ListenOptions options{.host = "127.0.0.1"};
    options.tls.emplace().timeout = timeout;
    if (websocket) options.websocket.emplace().timeout = timeout;
    auto listener = network.listen(options, [this](const PeerInfo& peer) {
      ++made;
      known = peer;
      return refuses ? nullptr : make_scripted(script);
    });
    REQUIRE(listener.ok());
    const std::uint16_t port = (*listener)->port();
    listeners.push_back(std::move(*listener));
    return port;
  }

  Script script;
  int made = 0;
  bool refuses = false;
  PeerInfo known;
};

TEST_CASE("listener: of those who come at once a turn lets in a few") {
  std::deque<Script> scripts(6);
  NetFixture net;
  std::vector<Script*> all;
  int opened = 0;
  for (Script& script : scripts) {
    script.on_opened = [&](Wire&) {
      const Time begin = net.clock.now();
      while (net.clock.now() < begin + 100us) {
      }
      ++opened;
    };
    all.push_back(&script);
  }
  const std::uint16_t port = net.serve(all);
  std::vector<RawPeer> peers;
  for (std::size_t i = 0; i < all.size(); ++i) peers.emplace_back(port);
  int most = 0;
  while (opened < 6) {
    const int before = opened;
    net.loop.turn();
    most = std::max(most, opened - before);
  }
  CHECK(most == 1);
}

TEST_CASE("listener: the protocol is made when all layers are open, for any cut") {
  const std::string hello = "tls!" + coded("ws!", 1) + coded("CONNECT", 3);
  for (std::size_t cut = 1; cut < hello.size(); ++cut) {
    Served net;
    RawPeer peer(net.start(true));
    peer.send(hello.substr(0, cut));
    CHECK(net.until([&] { return peer.read(), peer.text.starts_with("tls!"); }));
    peer.send(hello.substr(cut));
    CHECK(net.until([&] { return net.script.input == "CONNECT"; }));
    CHECK(net.made == 1);
    CHECK(net.known.tls_version == "tlsws");
    CHECK_FALSE(net.script.nested);
    say(net.script, "INFO");
    CHECK(net.until([&] { return peer.read(), peer.text.ends_with(coded("INFO", 3)); }));
    net.script.wire->close({});
    CHECK(net.until([&] { return peer.read(), peer.ended; }));
    CHECK(net.until([&] { return net.script.closed == 1; }));
  }
}

TEST_CASE("listener: who gets no further costs no protocol, and is gone in time") {
  struct Case {
    const char *name, *sent;
  };
  for (const Case& c :
       {Case{"silent", ""}, Case{"stops", "tl"}, Case{"not a hello", "GET / HTTP"}}) {
    CAPTURE(c.name);
    Served net;
    RawPeer peer(net.start(true, 100ms));
    peer.send(c.sent);
    CHECK(net.until([&] { return peer.read(), peer.ended || peer.was_reset; }));
    CHECK(net.until([&] { return net.network.open_connections() == 0; }));
    CHECK(net.made == 0);
  }
}

TEST_CASE("listener: a drip of bytes does not buy time") {
  Served net;
  RawPeer peer(net.start(true, 200ms));
  peer.send("tls!");
  const std::string rest = coded("ws", 1);
  const Time start = net.clock.now();
  std::size_t sent = 0;
  CHECK(net.until([&] {
    const auto due = static_cast<std::size_t>((net.clock.now() - start) / Duration(50ms));
    if (sent < rest.size() && sent < due) peer.send_some(rest.substr(sent++, 1));
    peer.read();
    return peer.ended || peer.was_reset;
  }));
  CHECK(net.clock.now() - start < 2s);
  CHECK(net.made == 0);
}

TEST_CASE("listener: a peer that is refused is closed in order") {
  Served net;
  net.refuses = true;
  RawPeer peer(net.start(false));
  peer.send("tls!");
  CHECK(net.until([&] { return peer.read(), peer.ended; }));
  CHECK(peer.text == "tls!" + coded("bye", 1));
  CHECK(net.until([&] { return net.network.open_connections() == 0; }));
}

TEST_CASE("listener: after its end nobody is let in who was on the way") {
  Served net;
  RawPeer peer(net.start(true));
  peer.send("tls!");
  CHECK(net.until([&] { return peer.read(), peer.text.starts_with("tls!"); }));
  net.listeners.clear();
  peer.send(coded("ws!", 1));
  CHECK(net.until([&] { return peer.read(), peer.ended || peer.was_reset; }));
  CHECK(net.made == 0);
}

// What the server's part of a handshake computes is done on another thread.
TEST_CASE("listener: slow layers are computed elsewhere, and the loop goes on") {
  Served net;
  net.layers.slow = true;
  const std::uint16_t port = net.start(true);
  std::vector<RawPeer> peers;
  for (int i = 0; i < 20; ++i) peers.emplace_back(port);
  for (RawPeer& peer : peers) peer.send("tls!" + coded("ws!", 1));
  CHECK(net.until([&] { return net.made == 20; }));
  CHECK(net.known.tls_version == "tlsws");
}

TEST_CASE("listener: a network that goes away waits for no handshake") {
  std::vector<RawPeer> peers;
  {
    Served net;
    net.layers.slow = true;
    const std::uint16_t port = net.start(true);
    for (int i = 0; i < 20; ++i) peers.emplace_back(port);
    for (RawPeer& peer : peers) peer.send("tls!");
    CHECK(net.until([&] { return net.network.open_connections() == 20; }));
  }
  for (RawPeer& peer : peers) {
    peer.read();
    CHECK((peer.ended || peer.was_reset));
  }
}

TEST_CASE("listener: what comes in one read with the handshake's last and with the end is taken") {
  for (const bool websocket : {false, true}) {
    Served net;
    net.layers.slow = true;
    RawPeer peer(net.start(websocket));
    const std::string said =
        websocket ? coded("ws!", 1) + coded("CONNECT", 3) : coded("CONNECT", 1);
    peer.send("tls!" + said + coded(std::string(1, kFakeEnd), 1));
    CHECK(net.until([&] { return net.script.closed == 1; }));
    CHECK(net.script.input == "CONNECT");
    CHECK(net.script.reason.code == Errc::kClosed);
    CHECK(net.script.reason.text == "closed by the peer");
  }
}

TEST_CASE("listener: addresses of both families, and names") {
  for (const char* host : {"::1", "localhost", "0.0.0.0", "::"}) {
    CAPTURE(host);
    NetFixture net;
    Script server, client;
    auto listener =
        net.network.listen({.host = host}, [&](const PeerInfo&) { return make_scripted(server); });
    REQUIRE(listener.ok());
    DialOptions options;
    options.host = std::string_view(host) == "localhost" ? "127.0.0.1" : "::1";
    options.port = (*listener)->port();
    const auto dial = net.network.dial(options, make_scripted(client));
    CHECK(net.until([&] { return server.opened == 1 && client.opened == 1; }));
    if (std::string_view(host) == "0.0.0.0") {
      RawPeer four(options.port);
      CHECK(net.until([&] { return server.opened == 2; }));
    }
  }
}

TEST_CASE("listener: an address that is not this machine's is called so") {
  NetFixture net;
  Script server;
  const auto listener = net.network.listen({.host = "192.0.2.1"},
                                           [&](const PeerInfo&) { return make_scripted(server); });
  CHECK_FALSE(listener.ok());
  CHECK(listener.status().text() == "this machine does not have that address");
}

TEST_CASE("listener: of one that was accepted the kernel holds no more than was asked for") {
  NetFixture net;
  Script servers[2];
  std::uint64_t held[2];
  for (const bool limited : {false, true}) {
    Script& server = servers[limited];
    const ListenOptions options{.host = "127.0.0.1",
                                .unsent_bytes_max = limited ? std::size_t{16 << 10} : 0};
    const auto listener =
        net.network.listen(options, [&](const PeerInfo&) { return make_scripted(server); });
    REQUIRE(listener.ok());
    RawPeer peer((*listener)->port(), 4096);
    CHECK(net.until([&] { return server.opened == 1; }));
    say(server, std::string(16 << 20, 'x'));
    CHECK(net.until([&] { return server.wire->blocked_since() != kNever; }));
    CHECK_FALSE(net.until([&] { return server.wire->output().empty(); }, 50ms));
    held[limited] = server.wire->stats().bytes_written;
  }
  CHECK(held[true] < held[false] / 4);
}

}  // namespace
}  // namespace petiole::test
