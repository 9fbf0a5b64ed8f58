#include <doctest/doctest.h>

#include "platform/layer_stack.h"
#include "platform/proxy_layer.h"
#include "tests/platform/net_fixture.h"

namespace petiole::test {
namespace {

std::vector<LayerStack::Entry> fake_entries() {
  std::vector<LayerStack::Entry> entries;
  entries.push_back({make_fake_layer("tls", 1), Stage::kTls, 5s});
  entries.push_back({make_fake_layer("ws", 2), Stage::kWebSocket, 5s});
  return entries;
}

std::string coded(std::string text, int key) {
  for (char& c : text) c = static_cast<char>(c ^ key);
  return text;
}

TEST_CASE("layer stack: each layer starts when the one below is open; any cut gives the same") {
  const std::string input = "tls!" + coded("ws!", 1) + coded("hello", 3);
  for (std::size_t cut = 0; cut <= input.size(); ++cut) {
    LayerScratch scratch;
    LayerStack stack(scratch, fake_entries());
    std::string plain, wire;
    CHECK(stack.start(wire).ok());
    CHECK(wire == "tls!");
    CHECK(stack.receive(std::string_view(input).substr(0, cut), plain, wire).ok());
    CHECK(stack.receive(std::string_view(input).substr(cut), plain, wire).ok());
    CHECK(stack.open());
    CHECK(plain == "hello");
    CHECK(wire == "tls!" + coded("ws!", 1));
    wire.clear();
    CHECK(stack.send("abc", wire).ok());
    CHECK(wire == coded("abc", 3));
    wire.clear();
    stack.shut_down({}, wire);
    CHECK(wire == coded("bye", 3) + coded("bye", 1));
  }
}

// A client over wss that publishes and closes: frames and TLS's end in one read.
TEST_CASE("layer stack: what came before the end of a layer goes up; any cut gives the same") {
  const std::string input =
      "tls!" + coded("ws!", 1) + coded("hello", 3) + coded(std::string(1, kFakeEnd), 1);
  for (std::size_t cut = 0; cut < input.size(); ++cut) {
    LayerScratch scratch;
    LayerStack stack(scratch, fake_entries());
    std::string plain, wire;
    CHECK(stack.start(wire).ok());
    CHECK(stack.receive(std::string_view(input).substr(0, cut), plain, wire).ok());
    CHECK(stack.receive(std::string_view(input).substr(cut), plain, wire).code() == Errc::kClosed);
    CHECK(stack.open());
    CHECK(plain == "hello");
    CHECK(stack.error() == "closed by the peer");
  }
}

TEST_CASE("layer stack: the error is that of the layer that failed") {
  LayerScratch scratch;
  LayerStack stack(scratch, fake_entries());
  std::string plain, wire;
  CHECK(stack.start(wire).ok());
  CHECK_FALSE(stack.receive("tls!" + coded("nonsense", 1), plain, wire).ok());
  CHECK(stack.error() == "not a ws");
  CHECK(stack.opened() == 1);
}

struct ProxyCase {
  const char* name;
  std::string answer;
  bool open;
  const char* error;
};

TEST_CASE("proxy layer: answers, cut anywhere") {
  const ProxyCase cases[] = {
      {"success", "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nINFO", true, ""},
      {"old success", "HTTP/1.0 200 OK\r\n\r\nINFO", true, ""},
      {"refusal", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", false,
       "the proxy refused: HTTP/1.1 407 Proxy Authentication Required"},
      {"not HTTP", "SSH-2.0-OpenSSH\r\n\r\n", false, "the proxy refused: SSH-2.0-OpenSSH"},
      {"control characters", "HTTP/1.1 500 \x1b[31m\r\n\r\n", false,
       "the proxy refused: HTTP/1.1 500 ?[31m"},
      {"endless", "HTTP/1.1 200 OK\r\n" + std::string(9000, 'x'), false,
       "the proxy's answer is too long"},
  };
  for (const ProxyCase& c : cases) {
    CAPTURE(c.name);
    for (std::size_t cut = 0; cut <= std::min<std::size_t>(c.answer.size(), 80); ++cut) {
      const auto layer = make_proxy_layer({}, "hub", 7422);
      std::string plain, wire;
      const std::string_view answer = c.answer;
      Status status = layer->receive(answer.substr(0, cut), plain, wire);
      if (status.ok()) status = layer->receive(answer.substr(cut), plain, wire);
      CHECK(status.ok() == c.open);
      CHECK(layer->open() == c.open);
      CHECK(layer->error() == c.error);
      CHECK(plain == (c.open ? "INFO" : ""));
    }
  }
}

TEST_CASE("proxy layer: the request names the peer and carries the credentials") {
  std::string wire;
  ProxyOptions proxy;
  make_proxy_layer(proxy, "hub.example", 7422)->start(wire);
  CHECK(wire == "CONNECT hub.example:7422 HTTP/1.1\r\nHost: hub.example:7422\r\n\r\n");
  wire.clear();
  proxy.user = "Aladdin";
  proxy.password = "open sesame";
  make_proxy_layer(proxy, "fe80::1", 1)->start(wire);
  CHECK(wire ==
        "CONNECT [fe80::1]:1 HTTP/1.1\r\nHost: [fe80::1]:1\r\n"
        "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
}

TEST_CASE("connection: handshakes of the layers come before opened, bytes pass through them") {
  NetFixture net;
  RawListener hub;
  DialOptions options = dial_to(hub.port());
  options.tls.emplace();
  options.websocket.emplace();
  std::vector<Stage> stages;
  options.reached = [&](Stage stage) { stages.push_back(stage); };
  Script client;
  const auto dial = net.network.dial(options, make_scripted(client));
  RawPeer peer = hub.accept(net);
  CHECK(net.until([&] { return peer.read(), peer.text == "tls!"; }));
  CHECK(client.opened == 0);
  peer.send("tls!");
  CHECK(net.until([&] { return peer.read(), peer.text == "tls!" + coded("ws!", 1); }));
  CHECK(client.opened == 0);
  peer.send(coded("ws!", 1) + coded("INFO", 3));
  CHECK(net.until([&] { return client.input == "INFO"; }));
  CHECK(client.wire->peer().tls_version == "tlsws");
  const std::vector<Stage> all{Stage::kResolve, Stage::kConnect, Stage::kTls, Stage::kWebSocket};
  CHECK(stages == all);
  peer.text.clear();
  say(client, "CONNECT");
  client.wire->close({});
  CHECK(net.until([&] { return peer.read(), peer.ended; }));
  CHECK(peer.text == coded("CONNECT", 3) + coded("bye", 3) + coded("bye", 1));
}

TEST_CASE("connection: a failed or silent handshake is told with its stage") {
  struct Case {
    const char* answer;
    Errc code;
    const char* text;
  };
  for (const Case& c :
       {Case{"what?", Errc::kTls, "not a tls"}, Case{"tls", Errc::kTimeout, "no answer in time"}}) {
    NetFixture net;
    RawListener hub;
    DialOptions options = dial_to(hub.port());
    options.tls.emplace().timeout = 50ms;
    options.timeout = 100ms;
    Script client;
    const auto dial = net.network.dial(options, make_scripted(client));
    RawPeer peer = hub.accept(net);
    peer.send(c.answer);
    CHECK(net.until([&] { return client.closed == 1; }));
    CHECK(client.opened == 0);
    CHECK(client.reason.stage == Stage::kTls);
    CHECK(client.reason.code == c.code);
    CHECK(client.reason.text == c.text);
  }
}

// A connection that is open, over a layer that answers each byte of its peer by itself.
struct AnsweringLayer {
  NetFixture net;
  RawListener hub;
  Script client;
  std::unique_ptr<Dial> dial;
  RawPeer peer;

  AnsweringLayer() : dial(start()), peer(hub.accept(net)) {
    peer.send("ws!");
    CHECK(net.until([&] { return client.opened == 1; }));
  }

  std::unique_ptr<Dial> start() {
    net.layers.answers = true;
    DialOptions options = dial_to(hub.port());
    options.websocket.emplace();
    return net.network.dial(options, make_scripted(client));
  }
};

TEST_CASE("connection: a peer that makes a layer answer and reads nothing is heard no more") {
  AnsweringLayer link;
  const std::string pings(64 * 1024, 'p');
  constexpr std::size_t kSystemBuffers = 80 << 20;  // Of both ends, at most: tcp_rmem may be 32 MB.
  std::size_t sent = 0;
  int full = 0;  // Turns in a row in which the peer could send nothing.
  CHECK(link.net.until([&] {
    const std::size_t count = link.peer.send_some(pings);
    sent += count;
    full = count == 0 ? full + 1 : 0;
    return full == 100 || sent > 2 * kSystemBuffers;
  }));
  CHECK(sent <= kSystemBuffers);
  // It reads: all is heard and answered.
  CHECK(link.net.until([&] { return link.peer.read(), link.peer.text.size() == sent + 3; }));
}

// A record of TLS that takes longer than a silence may, a ping of WebSocket.
TEST_CASE("connection: bytes that a layer keeps to itself are a sign of life") {
  AnsweringLayer link;
  const int before = link.client.receives;
  link.peer.send("p");
  CHECK(link.net.until([&] { return link.client.receives > before; }));
  CHECK(link.client.input.empty());
}

// As on a bare socket, whose end is not read before what stands in front of it.
TEST_CASE("connection: what a peer sent before its orderly end waits for a protocol that pauses") {
  for (const bool whole : {true, false}) {
    NetFixture net;
    RawListener hub;
    DialOptions options = dial_to(hub.port());
    options.tls.emplace();
    Script client;
    client.on_receive = [&](std::string_view input) -> Result<std::size_t> {
      client.input.append(input.substr(0, 3));  // One message at a time.
      client.wire->pause_reading();
      return std::size_t{3};
    };
    const auto dial = net.network.dial(options, make_scripted(client));
    RawPeer peer = hub.accept(net);
    peer.send("tls!");
    CHECK(net.until([&] { return client.opened == 1; }));
    peer.send(coded(std::string(whole ? "onetwo" : "onetwo+") + kFakeEnd, 1));
    CHECK(net.until([&] { return client.input == "one"; }));
    say(client, "for nobody");
    REQUIRE_FALSE(net.until([&] { return client.closed == 1; }, 20ms));
    client.wire->resume_reading();
    CHECK(net.until([&] { return client.input == "onetwo"; }));
    REQUIRE_FALSE(net.until([&] { return client.closed == 1; }, 20ms));
    client.on_receive = [](std::string_view) -> Result<std::size_t> { return std::size_t{0}; };
    client.wire->resume_reading();
    CHECK(net.until([&] { return client.closed == 1; }));
    CHECK(client.reason.code == Errc::kClosed);
    CHECK(client.reason.text == "closed by the peer");
    CHECK_FALSE(client.nested);
  }
}

TEST_CASE("connection: keys that cannot be loaded fail the dial, with the file's name") {
  NetFixture net;
  net.layers.tls_error = "/etc/x.pem: no such file";
  RawListener hub;
  DialOptions options = dial_to(hub.port());
  options.tls.emplace();
  Script client;
  const auto dial = net.network.dial(options, make_scripted(client));
  CHECK(net.until([&] { return client.closed == 1; }));
  CHECK(client.reason.stage == Stage::kTls);
  CHECK(client.reason.text == "/etc/x.pem: no such file");
}

// INFO in clear, TLS behind it, wherever the stream is cut.
TEST_CASE("connection: start_tls in mid-stream") {
  const std::string stream = "INFO\ntls!" + coded("hello", 1);
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    NetFixture net;
    RawListener hub;
    Script client;
    client.on_receive = [&](std::string_view input) -> Result<std::size_t> {
      if (client.wire->peer().tls_version.empty()) {
        if (!input.starts_with("INFO\n")) return std::size_t{0};
        client.wire->output().append("clear");
        CHECK(client.wire->start_tls({}).ok());
        say(client, "CONNECT");
        return std::size_t{5};
      }
      client.input.append(input);
      return input.size();
    };
    const auto dial = net.network.dial(dial_to(hub.port()), make_scripted(client));
    RawPeer peer = hub.accept(net);
    peer.send(stream.substr(0, cut));
    CHECK(net.until(
        [&] { return client.wire != nullptr && client.wire->stats().bytes_read == cut; }));
    peer.send(stream.substr(cut));
    CHECK(net.until([&] { return client.input == "hello"; }));
    CHECK(net.until([&] { return peer.read(), peer.text.size() == 16; }));
    CHECK(peer.text == "cleartls!" + coded("CONNECT", 1));
    CHECK_FALSE(client.nested);
  }
}

TEST_CASE("connection: start_tls that fails closes with its stage") {
  NetFixture net;
  Script client, server;
  net.connect(client, server);
  CHECK(client.wire->start_tls({}).ok());
  say(server, "plain text");
  CHECK(net.until([&] { return client.closed == 1; }));
  CHECK(client.reason.stage == Stage::kTls);
  CHECK(client.reason.code == Errc::kTls);
  CHECK(server.input == "tls!");
}

TEST_CASE("connection: a large exchange over layers, with a slow reader") {
  NetFixture net;
  RawListener hub;
  DialOptions options = dial_to(hub.port());
  options.tls.emplace();
  Script client;
  const auto dial = net.network.dial(options, make_scripted(client));
  RawPeer peer = hub.accept(net);
  peer.send("tls!");
  CHECK(net.until([&] { return client.opened == 1; }));
  const std::string much(12 << 20, 'm');
  say(client, much);
  CHECK_FALSE(net.until([&] { return client.wire->output().empty(); }, 50ms));
  CHECK(client.wire->output().size() > 1 << 20);  // Not encoded far ahead.
  CHECK(net.until([&] { return peer.read(), peer.text.size() == much.size() + 4; }));
  CHECK((peer.text == "tls!" + coded(much, 1)));
}

TEST_CASE("connection: over layers, too, it is blocked since the peer last took some") {
  NetFixture net;
  RawListener hub;
  DialOptions options = dial_to(hub.port());
  options.tls.emplace();
  options.unsent_bytes_max = 16 << 10;
  Script client;
  const auto dial = net.network.dial(options, make_scripted(client));
  RawPeer peer = hub.accept(net);
  peer.send("tls!");
  CHECK(net.until([&] { return client.opened == 1; }));
  say(client, std::string(12 << 20, 'm'));
  CHECK(net.until([&] { return client.wire->blocked_since() != kNever; }));
  int taken = 0, old = 0;
  CHECK(net.until([&] {
    const Time begin = net.clock.now();
    const std::uint64_t before = client.wire->stats().bytes_written;
    peer.read();
    net.loop.turn();
    const bool some = client.wire->stats().bytes_written != before;
    taken += some;
    old += some && client.wire->blocked_since() < begin;
    return client.wire->output().empty();
  }));
  CHECK(taken > 10);
  CHECK(old == 0);
}

}  // namespace
}  // namespace petiole::test
