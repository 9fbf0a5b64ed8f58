#include <doctest/doctest.h>

#include <random>

#include "platform/crc32c.h"
#include "platform/s2_layer.h"
#include "tests/platform/net_fixture.h"

namespace petiole::test {
namespace {

using Bytes = std::string;

Bytes block(const Bytes& plain) {
  S2Encoder encoder;
  Bytes made;
  encoder.encode(plain, made);
  return made;
}

// Text of a few letters, with what came before in it again and again.
Bytes sample(std::mt19937& random, std::size_t size, unsigned letters) {
  Bytes text;
  while (text.size() < size) {
    if (text.size() > 10 && random() % 4 == 0) {
      text += text.substr(random() % text.size(), random() % 300);
    } else {
      text.push_back(static_cast<char>(random() % letters));
    }
  }
  text.resize(size);
  return text;
}

struct Known {
  const char* name;
  Bytes block, plain;
};

// By hand, from the format: wire document, client-and-leaf 3.6.
TEST_CASE("s2: each element is read") {
  const Known known[] = {
      {"nothing", Bytes("\0", 1), ""},
      {"a literal", Bytes("\x03\x08") + "abc", "abc"},
      {"a literal, length in a byte", Bytes("\x46\xf0\x45") + Bytes(70, 'a'), Bytes(70, 'a')},
      {"a literal, length in two", Bytes("\x46\xf4\x45\x00", 4) + Bytes(70, 'a'), Bytes(70, 'a')},
      {"a literal, length in three", Bytes("\x46\xf8\x45\0\0", 5) + Bytes(70, 'a'), Bytes(70, 'a')},
      {"a literal, length in four", Bytes("\x46\xfc\x45\0\0\0", 6) + Bytes(70, 'a'),
       Bytes(70, 'a')},
      {"a short copy", Bytes("\x07\x08") + "abc\x01\x03", "abcabca"},
      {"a copy", Bytes("\x06\x08") + "abc" + Bytes("\x0a\x03\x00", 3), "abcabc"},
      {"a far copy", Bytes("\x06\x08") + "abc" + Bytes("\x0b\x03\0\0\0", 5), "abcabc"},
      {"a repeat", Bytes("\x0b\x08") + "abc\x01\x03" + Bytes("\x01\x00", 2), "abcabcabcab"},
      {"a repeat, a byte more", Bytes("\x11\x08") + "abc\x01\x03" + Bytes("\x15\x00\x02", 3),
       "abcabcabcabcabcab"},
      {"a repeat, two more",
       Bytes("\x89\x02\x00", 2) + Bytes("\x00", 1) + "a" + Bytes("\x01\x01", 2) +
           Bytes("\x19\x00\x00\x00", 4),
       Bytes(265, 'a')},
      {"a repeat, three more",
       Bytes("\x89\x80\x04", 3) + Bytes("\x00", 1) + "a" + Bytes("\x01\x01", 2) +
           Bytes("\x1d\x00\x00\x00\x00", 5),
       Bytes(65545, 'a')},
  };
  for (const Known& each : known) {
    CAPTURE(each.name);
    Bytes plain = "before";
    CHECK(decode_s2(each.block, kS2BlockBytesMax, plain).ok());
    CHECK(plain == "before" + each.plain);
    // Cut anywhere it is no block.
    for (std::size_t cut = 0; cut < each.block.size(); ++cut) {
      Bytes part;
      CHECK_FALSE(decode_s2(each.block.substr(0, cut), kS2BlockBytesMax, part).ok());
    }
  }
}

TEST_CASE("s2: damaged blocks are refused") {
  const Known damaged[] = {
      {"no length", "", ""},
      {"an endless length", Bytes(10, '\xff'), ""},
      {"more than is allowed", Bytes("\x81\x80\x80\x02\x00", 5) + "a", ""},
      {"more than it says", Bytes("\x02\x08") + "abc", ""},
      {"less than it says", Bytes("\x04\x08") + "abc", ""},
      {"a copy of what was not", Bytes("\x07\x08") + "abc\x01\x04", ""},
      {"a copy from nowhere", Bytes("\x06\x08") + "abc" + Bytes("\x0a\x00\x00", 3), ""},
      {"a repeat of nothing", Bytes("\x07\x08") + "abc" + Bytes("\x01\x00", 2), ""},
  };
  for (const Known& each : damaged) {
    CAPTURE(each.name);
    Bytes plain;
    CHECK_FALSE(decode_s2(each.block, kS2BlockBytesMax, plain).ok());
  }
}

TEST_CASE("s2: what is packed comes out again, and what repeats is short") {
  std::mt19937 random(1);
  S2Encoder encoder;
  for (std::size_t size :
       {1, 2, 3, 4, 5, 60, 61, 256, 257, 1000, 2100, 16384, 40000, 65535, 65536}) {
    for (const unsigned letters : {1u, 2u, 5u, 256u}) {
      const Bytes text = sample(random, size, letters);
      Bytes made, plain;
      encoder.encode(text, made);
      CAPTURE(size);
      CAPTURE(letters);
      CHECK(decode_s2(made, size, plain).ok());
      CHECK((plain == text));
      CHECK(made.size() <= size + size / 60 + 10);
    }
  }
  CHECK(block(Bytes(65536, 'x')).size() < 20);
  Bytes messages;
  for (int i = 0; i < 200; ++i) {
    messages += "LMSG plant.line1.sensor." + std::to_string(i % 9) + " 19\r\n{\"temperature\":2" +
                std::to_string(i % 7) + "}\r\n";
  }
  CHECK(block(messages).size() * 4 < messages.size());
}

Bytes chunk(char type, const Bytes& body, const Bytes& plain) {
  const std::uint32_t sum = crc32c(0, plain);
  const std::uint32_t masked = ((sum >> 15) | (sum << 17)) + 0xa282ead8;
  Bytes made{type};
  for (int i = 0; i < 3; ++i) made.push_back(static_cast<char>((body.size() + 4) >> (8 * i)));
  for (int i = 0; i < 4; ++i) made.push_back(static_cast<char>(masked >> (8 * i)));
  return made + body;
}

Bytes begin() { return Bytes("\xff\x06\x00\x00", 4) + "S2sTwO"; }

struct Layers {
  explicit Layers(CompressionOptions options = {}) {
    layer = make_s2_layer(std::make_shared<S2Encoder>(), options);
  }
  Status receive(std::string_view bytes) {
    Bytes wire;
    Status status = layer->receive(bytes, plain, wire);
    while (status.ok() && layer->more()) status = layer->receive({}, plain, wire);
    CHECK(wire.empty());
    return status;
  }
  std::unique_ptr<Layer> layer;
  Bytes plain;
};

TEST_CASE("s2 layer: each kind of chunk; any cut gives the same") {
  const Bytes padding = Bytes("\xfe\x03\x00\x00", 4) + "xyz";
  const Bytes stream = begin() + chunk(1, "raw", "raw") + padding +
                       chunk(0, block("packed packed packed"), "packed packed packed") + begin() +
                       Bytes("\xff\x06\x00\x00", 4) + "sNaPpY" + chunk(1, "", "");
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    for (std::size_t second = cut; second <= stream.size(); second += 7) {
      Layers end;
      CHECK(end.receive(stream.substr(0, cut)).ok());
      CHECK(end.receive(stream.substr(cut, second - cut)).ok());
      CHECK(end.receive(stream.substr(second)).ok());
      CHECK(end.plain == "rawpacked packed packed");
    }
  }
}

TEST_CASE("s2 layer: what is no stream is refused, with what the peer said") {
  struct Case {
    const char* name;
    Bytes stream;
    Errc code;
    const char* error;
  };
  const Case cases[] = {
      {"in clear", "-ERR 'maximum connections exceeded'\r\n", Errc::kProtocol,
       "not an S2 stream: -ERR 'maximum connections exceeded'"},
      {"no beginning", chunk(1, "raw", "raw"), Errc::kProtocol, nullptr},
      {"another beginning", Bytes("\xff\x06\x00\x00", 4) + "S3sTwO", Errc::kProtocol,
       "S2: not the beginning of a stream"},
      {"a wrong sum", begin() + chunk(1, "raw", "war"), Errc::kProtocol, "S2: wrong checksum"},
      {"an unknown chunk", begin() + chunk(2, "raw", "raw"), Errc::kProtocol, "S2: unknown chunk"},
      {"too short", begin() + Bytes("\x01\x02\x00\x00zz", 6), Errc::kProtocol,
       "S2: chunk too short"},
      {"too long", begin() + Bytes("\x01\xff\xff\xff", 4), Errc::kTooLarge, "S2: chunk too large"},
      {"too much", begin() + chunk(0, block(Bytes(65536, 'x')), Bytes(65536, 'x')), Errc::kTooLarge,
       "S2: block too large"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.name);
    Layers end({CompressionLevel::kPacked, 60'000});
    CHECK(end.receive(each.stream).code() == each.code);
    if (each.error) CHECK(end.layer->error() == each.error);
    CHECK(end.plain.empty());
    CHECK_FALSE(end.receive(begin()).ok());  // It is over.
  }
}

TEST_CASE("s2 layer: a few bytes that stand for many come out in steps") {
  constexpr std::size_t kBlock = 1 << 20;
  Bytes bomb = begin();
  const Bytes plain(kBlock, 'x');
  // 1 MiB in a dozen bytes: a literal and repeats.
  Bytes body = Bytes("\x80\x80\x40", 3) + Bytes("\x00", 1) + "x" + Bytes("\x01\x01", 2);
  const std::size_t rest = kBlock - 5 - 65540;
  body += Bytes("\x1d\x00", 2);
  for (int i = 0; i < 3; ++i) body.push_back(static_cast<char>(rest >> (8 * i)));
  for (int i = 0; i < 100; ++i) bomb += chunk(0, body, plain);
  CHECK(bomb.size() < 4000);
  Layers end;
  Bytes wire;
  CHECK(end.layer->receive(bomb, end.plain, wire).ok());
  std::size_t steps = 1, bytes = 0;
  for (; end.layer->more(); ++steps) {
    CHECK(end.plain.size() <= 512 * 1024);  // Of a block of a megabyte a part, too.
    bytes += end.plain.size();
    end.plain.clear();
    CHECK(end.layer->receive({}, end.plain, wire).ok());
  }
  CHECK(bytes + end.plain.size() == 100 * kBlock);
  CHECK(steps >= 200);
}

TEST_CASE("s2 layer: what one sends the other receives, packed or not") {
  std::mt19937 random(7);
  Layers from, to;
  Bytes all;
  for (int i = 0; i < 60; ++i) {
    const bool packed = i % 3 != 0;
    from.layer->adjust({packed ? CompressionLevel::kPacked : CompressionLevel::kRaw, 1 << 20});
    const Bytes text = sample(random, 1 + random() % 150'000, i % 2 ? 3 : 256);
    Bytes wire;
    CHECK(from.layer->send(text, wire).ok());
    if (!packed) CHECK(wire.size() > text.size());
    all += text;
    CHECK(to.receive(wire).ok());
  }
  CHECK((to.plain == all));
}

// INFO in clear, S2 behind it, wherever the stream is cut; over a bare socket, and over TLS.
TEST_CASE("connection: compression in mid-stream, and a protocol that pauses") {
  for (const bool over_tls : {false, true}) {
    const auto coded = [&](Bytes text) {
      if (over_tls)
        for (char& c : text) c = static_cast<char>(c ^ 1);
      return text;
    };
    const Bytes stream = coded("INFO\n" + begin() + chunk(1, "hello ", "hello ") +
                               chunk(0, block(Bytes(3000, 'x')), Bytes(3000, 'x')));
    for (std::size_t cut = 1; cut < stream.size(); ++cut) {
      NetFixture net;
      RawListener hub;
      Script client;
      bool compressed = false;
      client.on_receive = [&](std::string_view input) -> Result<std::size_t> {
        if (!compressed) {
          if (!input.starts_with("INFO\n")) return std::size_t{0};
          client.wire->output().append("clear");
          CHECK(client.wire->compress({}).ok());
          compressed = true;
          say(client, "CONNECT");
          return std::size_t{5};
        }
        client.input.append(input);
        return input.size();
      };
      DialOptions options = dial_to(hub.port());
      if (over_tls) options.tls.emplace();
      const auto dial = net.network.dial(options, make_scripted(client));
      RawPeer peer = hub.accept(net);
      if (over_tls) peer.send("tls!");
      CHECK(net.until([&] { return client.opened == 1; }));
      peer.send(stream.substr(0, cut));
      const std::size_t shaken = over_tls ? 4 : 0;
      CHECK(net.until([&] { return client.wire->stats().bytes_read == cut + shaken; }));
      peer.send(stream.substr(cut));
      CHECK(net.until([&] { return client.input == "hello " + Bytes(3000, 'x'); }));
      const Bytes said =
          (over_tls ? "tls!" : "") + coded("clear" + begin() + chunk(1, "CONNECT", "CONNECT"));
      CHECK(net.until([&] { return peer.read(), peer.text.size() == said.size(); }));
      CHECK(peer.text == said);
      CHECK_FALSE(client.nested);
    }
  }
}

// 20 MB out of 4,000 bytes: not read in one go, and not while the protocol pauses.
TEST_CASE("connection: what inflates waits for a protocol that pauses, and comes whole") {
  NetFixture net;
  RawListener hub;
  Script client;
  std::size_t got = 0, calls = 0;
  bool pause = false;
  client.on_receive = [&](std::string_view input) -> Result<std::size_t> {
    got += input.size();
    ++calls;
    if (pause) client.wire->pause_reading();
    return input.size();
  };
  const auto dial = net.network.dial(dial_to(hub.port()), make_scripted(client));
  RawPeer peer = hub.accept(net);
  CHECK(net.until([&] { return client.opened == 1; }));
  CHECK(client.wire->compress({}).ok());
  Bytes stream = begin();
  const Bytes part(65536, 'x');
  for (int i = 0; i < 320; ++i) stream += chunk(0, block(part), part);
  pause = true;
  peer.send(stream);
  peer.end();
  CHECK(net.until([&] { return got > 0; }));
  const std::size_t before = calls;
  CHECK_FALSE(net.until([&] { return calls > before || client.closed != 0; }, 30ms));
  CHECK(got < 2 << 20);
  pause = false;
  client.wire->resume_reading();
  CHECK(net.until([&] { return client.closed == 1; }));
  CHECK(got == 320u * 65536);
  CHECK(client.reason.code == Errc::kClosed);
  CHECK(calls >= 20);
}

// Others have their turn between two steps: what is posted runs once a turn, among their events.
TEST_CASE("connection: what inflates leaves others their turn") {
  NetFixture net;
  RawListener hub;
  Script client;
  std::size_t got = 0;
  client.on_receive = [&](std::string_view input) -> Result<std::size_t> {
    got += input.size();
    return input.size();
  };
  const auto dial = net.network.dial(dial_to(hub.port()), make_scripted(client));
  RawPeer peer = hub.accept(net);
  CHECK(net.until([&] { return client.opened == 1; }));
  CHECK(client.wire->compress({}).ok());
  Bytes stream = begin();
  const Bytes part(65536, 'x');
  for (int i = 0; i < 320; ++i) stream += chunk(0, block(part), part);
  peer.send(stream);
  std::size_t most = 0;
  while (got < 320u * 65536) {
    const std::size_t before = got;
    net.loop.turn();
    most = std::max(most, got - before);
  }
  CHECK(most <= 4u << 20);
}

// nats-server's blocks are of a megabyte: minutes, where the link is slow.
TEST_CASE("connection: each part of a block is a sign of life") {
  NetFixture net;
  RawListener hub;
  Script client;
  const auto dial = net.network.dial(dial_to(hub.port()), make_scripted(client));
  RawPeer peer = hub.accept(net);
  CHECK(net.until([&] { return client.opened == 1; }));
  CHECK(client.wire->compress({}).ok());
  const Bytes part(65536, 'x');
  const Bytes stream = begin() + chunk(1, part, part);
  std::size_t sent = 0;
  while (sent < stream.size()) {
    const int before = client.receives;
    peer.send(std::string_view(stream).substr(sent, 10'000));
    sent += 10'000;
    CHECK(net.until([&] { return client.receives > before; }));
    if (sent < stream.size()) CHECK(client.input.empty());
  }
  CHECK(net.until([&] { return client.input == part; }));
}

}  // namespace
}  // namespace petiole::test
