// What the codecs cost for 128-byte messages that come in batches of 64 KiB, and the memory of a
// session that waits. One line a case: the best of five runs, since noise only ever adds time.
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "platform/crypto.h"
#include "platform/json.h"
#include "platform/tls.h"
#include "platform/websocket.h"

namespace {

using namespace petiole;

constexpr std::size_t kMessageBytes = 128;
constexpr std::size_t kBatchBytes = 64 * 1024;
constexpr std::size_t kBatchMessages = kBatchBytes / kMessageBytes;

double now_ns() {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                 std::chrono::steady_clock::now().time_since_epoch())
                                 .count());
}

template <class F>
void bench(const char* name, std::size_t bytes, std::size_t n, F run) {
  double best = 1e300;
  for (int i = 0; i < 5; ++i) {
    const double start = now_ns();
    run(n);
    best = std::min(best, now_ns() - start);
  }
  const double each = best / static_cast<double>(n);
  std::printf("%-36s %9.1f ns/op %9.1f MB/s\n", name, each,
              static_cast<double>(bytes) * 1000 / each);
}

// Telemetry, as far as compression is concerned.
std::string batch() {
  std::string text;
  for (std::size_t i = 0; text.size() < kBatchBytes; ++i) {
    std::string line = "PUB plant.line" + std::to_string(i % 7) +
                       ".sensor 96\r\n{\"t\":" + std::to_string(1700000000 + i * 13) +
                       ",\"v\":" + std::to_string(i * i % 997);
    line.resize(kMessageBytes - 2, ' ');
    text += line + "\r\n";
  }
  return text;
}

struct Sockets {
  explicit Sockets(bool compression) {
    WebSocketOptions options;
    options.host = "h";
    options.compression = compression;
    client = make_websocket_client(options);
    WebSocketListenOptions listen;
    listen.compression = compression;
    server = make_websocket_server(std::make_shared<const WebSocketListenOptions>(listen));
    if (!client) return;
    std::string none;
    client->start(up);
    (void)server->receive(up, none, down);
    up.clear();
    (void)client->receive(down, none, up);
    down.clear();
  }
  std::unique_ptr<WebSocketSession> client, server;
  std::string up, down, plain;
};

void bench_websocket(std::size_t n, bool compression) {
  Sockets ends(compression);
  if (!ends.client) return;
  const std::string text = batch();
  const char* suffix = compression ? " deflate" : "";
  bench((std::string("websocket send 128 B") + suffix).c_str(), kMessageBytes, n,
        [&](std::size_t count) {
          for (std::size_t i = 0; i < count; i += kBatchMessages) {
            ends.up.clear();
            (void)ends.client->send(text, ends.up);
          }
        });
  const std::string wire = ends.up;
  bench((std::string("websocket receive 128 B") + suffix).c_str(), kMessageBytes, n,
        [&](std::size_t count) {
          for (std::size_t i = 0; i < count; i += kBatchMessages) {
            ends.plain.clear();
            (void)ends.server->receive(wire, ends.plain, ends.down);
          }
        });
  if (compression) return;
  std::string frames;
  for (std::size_t i = 0; i < kBatchMessages; ++i) {
    (void)ends.client->send(std::string_view(text).substr(i * kMessageBytes, kMessageBytes),
                            frames);
  }
  bench("websocket receive, a frame each", kMessageBytes, n, [&](std::size_t count) {
    for (std::size_t i = 0; i < count; i += kBatchMessages) {
      ends.plain.clear();
      (void)ends.server->receive(frames, ends.plain, ends.down);
    }
  });
}

struct Tls {
  Tls(const std::shared_ptr<TlsContext>& c, const std::shared_ptr<TlsContext>& s)
      : client(make_tls_session(c, "hub.example")), server(make_tls_session(s, {})) {
    (void)client->start(up);
    while (!up.empty() || !down.empty()) {
      const std::string sent = std::exchange(up, {}), got = std::exchange(down, {});
      if (!sent.empty()) (void)server->receive(sent, plain, down);
      if (!got.empty()) (void)client->receive(got, plain, up);
    }
    up = down = plain = {};
  }
  std::unique_ptr<TlsSession> client, server;
  std::string up, down, plain;
};

void bench_tls(std::size_t n) {
  TlsOptions options;
  options.insecure = true;
  const auto client = make_tls_context(options).context;
  options = {};
  options.server = true;
  options.verify = false;
  options.cert_file = PETIOLE_TEST_DATA "/tls/server.pem";
  options.key_file = PETIOLE_TEST_DATA "/tls/server-key.pem";
  const auto server = make_tls_context(options).context;
  if (!client || !server) return;
  const std::string text = batch();
  bench("tls handshake, both ends", 0, std::max<std::size_t>(n / 20000, 2), [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) Tls ends(client, server);
  });
  Tls ends(client, server);
  bench("tls send and receive 128 B", kMessageBytes, n, [&](std::size_t count) {
    for (std::size_t i = 0; i < count; i += kBatchMessages) {
      ends.up.clear();
      ends.plain.clear();
      (void)ends.client->send(text, ends.up);
      (void)ends.server->receive(ends.up, ends.plain, ends.down);
    }
  });
  constexpr std::size_t kSessions = 20;
  std::vector<std::unique_ptr<Tls>> idle;
  const std::size_t before = mallinfo2().uordblks;
  for (std::size_t i = 0; i < kSessions; ++i) idle.push_back(std::make_unique<Tls>(client, server));
  std::printf("%-36s %9zu B\n", "tls idle session, mean of both ends",
              (mallinfo2().uordblks - before) / (2 * kSessions));
}

void measure_websockets(bool compression) {
  constexpr std::size_t kSessions = 50;
  std::vector<std::unique_ptr<Sockets>> idle;
  const std::size_t before = mallinfo2().uordblks;
  for (std::size_t i = 0; i < kSessions; ++i) {
    idle.push_back(std::make_unique<Sockets>(compression));
    Sockets& s = *idle.back();
    if (!s.client) return;
    (void)s.client->send(std::string(100, 'x'), s.up);
    (void)s.server->receive(s.up, s.plain, s.down);
    s.up = s.down = s.plain = {};
  }
  std::printf("%-36s %9zu B\n",
              compression ? "websocket idle, deflate, both ends" : "websocket idle, both ends",
              (mallinfo2().uordblks - before) / kSessions);
}

}  // namespace

int main(int count, char** words) {
  const bool small = count > 1 && std::strcmp(words[1], "--small") == 0;
  const std::size_t n = small ? 4 * kBatchMessages : 2000 * kBatchMessages;
  bench_websocket(n, false);
  bench_websocket(small ? n : n / 20, true);
  measure_websockets(false);
  measure_websockets(true);
  bench_tls(small ? n : n / 4);
  const std::string text = batch();
  bench("sha256 of 64 KiB", text.size(), small ? 2 : 500, [&](std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) (void)sha256(text);
  });
  bench("bcrypt, cost 5", 0, small ? 1 : 5, [&](std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
      (void)bcrypt_matches("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
    }
  });
  return 0;
}
