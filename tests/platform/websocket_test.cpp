#include "platform/websocket.h"

#include <doctest/doctest.h>

#include <random>

namespace petiole {
namespace {

WebSocketOptions options(bool compression = false) {
  WebSocketOptions made;
  made.host = "hub.example:443";
  made.path = "/leafnode";
  made.compression = compression;
  return made;
}

// A server with the limits of `o`.
std::unique_ptr<WebSocketSession> make_server(const WebSocketOptions& o) {
  WebSocketListenOptions made;
  made.compression = o.compression;
  made.message_bytes_max = o.message_bytes_max;
  return make_websocket_server(std::make_shared<const WebSocketListenOptions>(made));
}

std::unique_ptr<WebSocketSession> make_server(WebSocketListenOptions o) {
  return make_websocket_server(std::make_shared<const WebSocketListenOptions>(std::move(o)));
}

struct Pair {
  explicit Pair(const WebSocketOptions& c = options(), const WebSocketOptions& s = options(),
                std::size_t step_bytes = SIZE_MAX)
      : client(make_websocket_client(c)), server(make_server(s)), step(step_bytes) {
    client->start(to_server);
    server->start(to_client);
  }
  void run() {
    while (!to_server.empty() || !to_client.empty()) {
      move(to_server, *server, server_plain, to_client, server_status);
      move(to_client, *client, client_plain, to_server, client_status);
    }
  }
  void move(std::string& wire, WebSocketSession& end, std::string& plain, std::string& back,
            Status& status) {
    const std::string bytes = wire.substr(0, step);
    wire.erase(0, step);
    if (status.ok() && !bytes.empty()) status = end.receive(bytes, plain, back);
  }

  std::unique_ptr<WebSocketSession> client, server;
  std::size_t step;
  std::string to_server, to_client, server_plain, client_plain;
  Status client_status, server_status;
};

// One frame; masked as a client's with a key of zeros when `masked`.
std::string frame(int first, std::string_view payload, bool masked) {
  std::string out(1, static_cast<char>(first));
  const int mask = masked ? 0x80 : 0;
  const std::size_t size = payload.size();
  if (size < 126) {
    out += static_cast<char>(mask | static_cast<int>(size));
  } else if (size < 65536) {
    out += static_cast<char>(mask | 126);
    for (int shift = 8; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
  } else {
    out += static_cast<char>(mask | 127);
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
  }
  if (masked) out.append(4, '\0');
  return out.append(payload);
}

// A server that a client has opened.
struct Open : Pair {
  explicit Open(const WebSocketOptions& o = options()) : Pair(o, o) {
    run();
    REQUIRE(server->open());
  }
  Status give(std::string_view bytes) { return server->receive(bytes, server_plain, to_client); }
};

TEST_CASE("websocket: the upgrade request, and bytes both ways in one frame a send") {
  for (const bool compression : {false, true}) {
    Pair pair(options(compression), options(compression));
    CHECK(pair.to_server.starts_with("GET /leafnode HTTP/1.1\r\nHost: hub.example:443\r\n"));
    const bool offered =
        pair.to_server.find(
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
            "client_no_context_takeover\r\n") != std::string::npos;
    CHECK(offered == compression);
    pair.run();
    REQUIRE(pair.client->open());
    REQUIRE(pair.server->open());
    std::string text;
    for (int i = 0; i < 20000; ++i) text += "PUB a." + std::to_string(i % 100) + " 2\r\nhi\r\n";
    CHECK(pair.client->send(text, pair.to_server).ok());
    if (compression) {
      CHECK(pair.to_server.size() < text.size() / 5);
    } else {
      CHECK(pair.to_server.size() == text.size() + 14);
      CHECK(pair.to_server.starts_with("\x82\xff"));
    }
    CHECK(pair.server->send("INFO {}\r\n", pair.to_client).ok());
    CHECK(pair.to_client == frame(0x82, "INFO {}\r\n", false));  // Too small to compress.
    pair.run();
    CHECK(pair.server_plain == text);
    CHECK(pair.client_plain == "INFO {}\r\n");
    pair.client->shut_down({}, pair.to_server);
    pair.run();
    CHECK(pair.server_status.code() == Errc::kClosed);
    CHECK(pair.client_status.code() == Errc::kClosed);
    CHECK(pair.server->error() == "closed by the peer: 1000");
  }
}

TEST_CASE("websocket: compression only where both want it") {
  Pair pair(options(true), options(false));
  pair.run();
  REQUIRE(pair.client->open());
  CHECK(pair.client->send(std::string(1000, 'x'), pair.to_server).ok());
  CHECK(pair.to_server.size() > 1000);
  pair.run();
  CHECK(pair.server_plain == std::string(1000, 'x'));
}

TEST_CASE("websocket: any cut of the input gives the same result") {
  std::mt19937 random(1);
  std::string sent[6];
  for (std::string& text : sent) {
    text.resize(random() % 8000);
    for (char& c : text) c = static_cast<char>(random() % 4);
  }
  for (const bool compression : {false, true}) {
    for (const std::size_t step : {1, 2, 3, 7, 100, 1536, 4096, 70000}) {
      Pair pair(options(compression), options(compression), step);
      pair.run();
      REQUIRE(pair.client->open());
      std::string all;
      for (const std::string& text : sent) {
        all += text;
        CHECK(pair.client->send(text, pair.to_server).ok());
        CHECK(pair.server->send(text, pair.to_client).ok());
      }
      pair.run();
      CHECK(pair.server_plain == all);
      CHECK(pair.client_plain == all);
    }
  }
}

TEST_CASE("websocket: bytes that come with the end of the upgrade are not lost") {
  Pair pair;
  std::string plain;
  CHECK(pair.server->receive(pair.to_server, plain, pair.to_client).ok());
  CHECK(pair.server->send("INFO {}\r\n", pair.to_client).ok());
  CHECK(pair.client->receive(pair.to_client, plain, pair.to_server).ok());
  CHECK(plain == "INFO {}\r\n");
}

TEST_CASE("websocket: fragments, with control frames between them") {
  Open open;
  CHECK(open.give(frame(0x02, "one ", true) + frame(0x89, "ping", true) +
                  frame(0x00, "two ", true) + frame(0x8a, "pong", true) +
                  frame(0x80, "three", true))
            .ok());
  CHECK(open.server_plain == "one two three");
  CHECK(open.to_client == frame(0x8a, "ping", false));
}

TEST_CASE("websocket: what breaks the protocol closes with 1002") {
  struct Case {
    const char* name;
    std::string bytes;
  };
  const Case cases[] = {
      {"unmasked from a client", frame(0x82, "x", false)},
      {"reserved bit 1 without compression", frame(0xc2, "x", true)},
      {"reserved bit 2", frame(0xa2, "x", true)},
      {"reserved bit 3", frame(0x92, "x", true)},
      {"unknown opcode", frame(0x83, "x", true)},
      {"unknown control opcode", frame(0x8b, "x", true)},
      {"continuation of nothing", frame(0x80, "x", true)},
      {"a message within a message", frame(0x02, "x", true) + frame(0x82, "x", true)},
      {"fragmented ping", frame(0x09, "x", true)},
      {"long ping", frame(0x89, std::string(126, 'x'), true)},
      {"close with one byte", frame(0x88, "x", true)},
      {"close with a bad code", frame(0x88, std::string("\x03\xed", 2), true)},
      {"length not minimal", std::string("\x82\xfe\x00\x01\0\0\0\0x", 9)},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Open open;
    CHECK(open.give(c.bytes).code() == Errc::kProtocol);
    CHECK(open.to_client.starts_with(std::string("\x88\x02\x03\xea", 4)));
    CHECK(open.server_plain.size() <= 1);
    CHECK(open.server->send("x", open.to_client).code() == Errc::kProtocol);
    CHECK(!open.server->error().empty());
  }
  Open masked;  // To a client, frames come bare.
  CHECK(masked.client->receive(frame(0x82, "x", true), masked.client_plain, masked.to_server)
            .code() == Errc::kProtocol);
}

TEST_CASE("websocket: a message over the limit closes") {
  WebSocketOptions small = options(true);
  small.message_bytes_max = 1000;
  {
    Open open(small);
    CHECK(open.give(frame(0x82, std::string(1000, 'x'), true)).ok());
    CHECK(open.give(frame(0x82, std::string(1001, 'x'), true)).code() == Errc::kTooLarge);
    CHECK(open.to_client.starts_with(std::string("\x88\x02\x03\xf1", 4)));  // 1009
  }
  {
    Open open(small);  // The sum of the fragments counts.
    CHECK(open.give(frame(0x02, std::string(600, 'x'), true)).ok());
    CHECK(open.give(frame(0x80, std::string(600, 'x'), true)).code() == Errc::kTooLarge);
  }
  {
    Open open(small);  // So does what it inflates to.
    std::string bomb;
    Open sender(options(true));
    CHECK(sender.client->send(std::string(50000, 'x'), bomb).ok());
    CHECK(bomb.size() < 1000);
    CHECK(open.give(bomb).code() == Errc::kTooLarge);
    CHECK(open.server_plain.size() <= 1000);
  }
}

TEST_CASE("websocket: many bombs, each within the limit, do not add up") {
  WebSocketOptions one = options(true);
  one.message_bytes_max = 1 << 20;
  Open open(one);
  std::string bombs;
  for (int i = 0; i < 50; ++i) CHECK(open.client->send(std::string(1 << 20, 'x'), bombs).ok());
  CHECK(open.give(std::string_view(bombs).substr(0, 65536)).code() == Errc::kTooLarge);
  CHECK(open.server_plain.size() < (10u << 20));
}

TEST_CASE("websocket: compressed data that is none closes") {
  Open open(options(true));
  CHECK(open.give(frame(0xc2, "\xff\xff\xff\xff garbage", true)).code() == Errc::kProtocol);
  CHECK(open.server_plain.empty());
}

TEST_CASE("websocket: the reason of a close is told") {
  Open open;
  open.give(frame(0x88, std::string("\x03\xf0", 2) + "Authentication Failure", true)).ok();
  CHECK(open.server->error() == "closed by the peer: 1008 Authentication Failure");
  CHECK(open.to_client.starts_with(std::string("\x88\x02\x03\xf0", 4)));  // The echo.
}

TEST_CASE("websocket: a server refuses what is no upgrade for it") {
  const std::string head =
      "GET /leafnode HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, "
      "Upgrade\r\n";
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  struct Case {
    const char* name;
    std::string request;
    const char* answer;
  };
  const Case cases[] = {
      {"good", head + key + "Sec-WebSocket-Version: 13\r\n\r\n", "HTTP/1.1 101 "},
      {"no key", head + "Sec-WebSocket-Version: 13\r\n\r\n", "HTTP/1.1 400 "},
      {"other version", head + key + "Sec-WebSocket-Version: 8\r\n\r\n", "HTTP/1.1 400 "},
      {"plain HTTP", "GET /leafnode HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 "},
      {"no Host",
       "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key +
           "Sec-WebSocket-Version: 13\r\n\r\n",
       "HTTP/1.1 400 "},
      {"HTTP/1.0",
       "GET / HTTP/1.0\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + key +
           "Sec-WebSocket-Version: 13\r\n\r\n",
       "HTTP/1.1 400 "},
      {"other method", "POST / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 405 "},
      {"garbage", "\x16\x03\x01\r\n\r\n", "HTTP/1.1 400 "},
      {"endless", "GET /" + std::string(17000, 'a'), "HTTP/1.1 431 "},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    auto server = make_server(options());
    std::string plain, wire;
    const Status status = server->receive(c.request, plain, wire);
    CHECK_MESSAGE(wire.starts_with(c.answer), wire);
    CHECK(status.ok() == server->open());
    CHECK(status.ok() == (std::string_view(c.name) == "good"));
  }
  auto server = make_server(options());
  std::string plain, wire;
  CHECK(server
            ->receive("GET /x/leafnode?a=1 HTTP/1.1\r\nHost: h\r\nUpgrade: "
                      "websocket\r\nConnection: Upgrade\r\n" +
                          key + "Sec-WebSocket-Version: 13\r\n\r\n",
                      plain, wire)
            .ok());
  CHECK(wire.find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != wire.npos);
}

// nats-server websocket.go, checkOrigin; the cases are those of its documentation and tests.
TEST_CASE("websocket: the origin of a page") {
  struct Case {
    const char* name;
    bool same;
    std::vector<std::string> allowed;
    bool secure;
    const char *host, *origin;
    bool accepted;
  };
  const Case cases[] = {
      {"nothing is asked", false, {}, false, "h:1", "http://evil.example", true},
      {"no page", true, {"https://a.example"}, false, "h:1", nullptr, true},
      {"same", true, {}, false, "box.example:80", "http://BOX.example", true},
      {"same with TLS", true, {}, true, "box.example", "https://box.example:443", true},
      {"same host, other port", true, {}, false, "box.example:8080", "http://box.example", false},
      {"same host, other scheme",
       true,
       {},
       true,
       "box.example:443",
       "http://box.example:443",
       false},
      {"an IPv6 address", true, {}, false, "[::1]:8080", "http://[::1]:8080", true},
      {"listed",
       false,
       {"https://a.example", "http://b.example:8080"},
       false,
       "h",
       "http://b.example:8080",
       true},
      {"listed, default port",
       false,
       {"https://a.example:443"},
       false,
       "h",
       "https://A.example",
       true},
      {"not listed", false, {"https://a.example"}, false, "h", "https://b.example", false},
      {"listed with another scheme",
       false,
       {"https://a.example:80"},
       false,
       "h",
       "http://a.example",
       false},
      {"listed, but not the same",
       true,
       {"http://a.example"},
       false,
       "h",
       "http://a.example",
       false},
      {"no origin at all", true, {}, false, "h", "null", false},
      {"an origin that cannot be read",
       false,
       {"http://a.example"},
       false,
       "h",
       "http://[::1",
       false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    WebSocketListenOptions listen;
    listen.same_origin = c.same;
    listen.allowed_origins = c.allowed;
    listen.secure = c.secure;
    auto server = make_server(listen);
    std::string request = std::string("GET / HTTP/1.1\r\nHost: ") + c.host +
                          "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                          "Sec-WebSocket-Version: 13\r\n";
    if (c.origin) request += std::string("Origin: ") + c.origin + "\r\n";
    std::string plain, wire;
    const Status status = server->receive(request + "\r\n", plain, wire);
    CHECK(status.ok() == c.accepted);
    CHECK_MESSAGE(wire.starts_with(c.accepted ? "HTTP/1.1 101 " : "HTTP/1.1 403 Forbidden\r\n"),
                  wire);
  }
}

TEST_CASE("websocket: what the upgrade request says, any cut of it") {
  const std::string request =
      "GET /x/leafnode?a=1 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Cookie: a=1; jwt=eyJ.x ;session=\"q\"\r\nCookie: user=ann\r\nX-Forwarded-For: 10.1.2.3\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  WebSocketListenOptions listen;
  listen.cookies = {"jwt", "session", "user"};
  listen.headers = {{"X-Box", "7"}};
  for (std::size_t cut = 0; cut <= request.size(); ++cut) {
    auto server = make_server(listen);
    std::string plain, wire;
    REQUIRE(server->receive(request.substr(0, cut), plain, wire).ok());
    REQUIRE(server->receive(request.substr(cut), plain, wire).ok());
    REQUIRE(server->open());
    PeerInfo peer;
    server->describe(peer);
    CHECK(peer.websocket);
    REQUIRE(peer.upgrade);
    CHECK(peer.address.empty());
    CHECK(peer.upgrade->path == "/x/leafnode");
    const std::vector<std::pair<std::string, std::string>> cookies{
        {"jwt", "eyJ.x"}, {"session", "q"}, {"user", "ann"}};
    CHECK(peer.upgrade->cookies == cookies);
    CHECK(wire.find("X-Box: 7\r\n") != wire.npos);
  }
}

// Wire 3.7.
TEST_CASE("websocket: a server's close frame says why") {
  struct Case {
    Errc code;
    const char* text;
    int number;
  };
  const Case cases[] = {
      {Errc::kOk, "Server Shutdown", 1001},
      {Errc::kTimeout, "Stale Connection", 1001},
      {Errc::kProtocol, "Protocol Violation", 1002},
      {Errc::kPermission, "Authentication Failure", 1008},
      {Errc::kTooLarge, "Maximum Message Payload Exceeded", 1009},
  };
  for (const Case& c : cases) {
    Open open;
    open.server->shut_down({c.code, Stage::kOpen, c.text}, open.to_client);
    open.run();
    CHECK(open.client->error() == "closed by the peer: " + std::to_string(c.number) + " " + c.text);
  }
}

TEST_CASE("websocket: a client refuses what is no answer to its upgrade") {
  struct Case {
    const char *name, *answer, *error;
  };
  const Case cases[] = {
      {"not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
       "answered 404 Not Found"},
      {"wrong key",
       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
       "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
       ""},
      {"not HTTP", "INFO {\"server_id\":\"X\"}\r\n\r\n", "websocket: "},
      {"endless", nullptr, "websocket: "},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    auto client = make_websocket_client(options());
    std::string plain, wire;
    client->start(wire);
    const std::string answer =
        c.answer ? c.answer : "HTTP/1.1 101 x\r\nA: " + std::string(100000, 'a');
    CHECK(client->receive(answer, plain, wire).code() == Errc::kProtocol);
    CHECK(!client->open());
    CHECK(plain.empty());
    CHECK_MESSAGE(client->error().find(c.error) != std::string::npos, client->error());
  }
}

TEST_CASE("websocket: no header is split by what the user wrote") {
  WebSocketOptions bad = options();
  bad.headers = {{"X-A", "b\r\nX-C: d"}};
  auto client = make_websocket_client(bad);
  std::string plain, wire;
  client->start(wire);
  CHECK(wire.empty());
  CHECK(client->receive("x", plain, wire).code() == Errc::kConfig);
}

}  // namespace
}  // namespace petiole
