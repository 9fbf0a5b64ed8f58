// The loop and its connections alone: echo throughput, round trips, memory of an idle connection.
//
// Both ends share one loop and one thread, so a figure holds the cost of both. Prints the best of
// five runs: noise only ever adds time. `--small` runs a little of each.
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "platform/asio_loop.h"
#include "platform/asio_network.h"
#include "platform/connection.h"
#include "platform/system.h"

namespace petiole {
namespace {

class NoLayers final : public LayerFactory {
 public:
  LayerResult tls(const TlsOptions&) override { return {nullptr, {Errc::kUnsupported, ""}, ""}; }
  LayerResult websocket(const WebSocketOptions&) override {
    return {nullptr, {Errc::kUnsupported, ""}, ""};
  }
  LayerResult websocket(std::shared_ptr<const WebSocketListenOptions>) override {
    return {nullptr, {Errc::kUnsupported, ""}, ""};
  }
  LayerResult compression(const CompressionOptions&) override {
    return {nullptr, {Errc::kUnsupported, ""}, ""};
  }
};

// Sends back what it gets; or only counts it.
class Echo : public Protocol {
 public:
  explicit Echo(std::uint64_t& counter, bool answers) : counter_(counter), answers_(answers) {}
  void opened(Wire& wire, Time now) override {
    wire_ = &wire;
    deadline_ = now + std::chrono::minutes(2);
    ++counter_;
  }
  Result<std::size_t> receive(std::string_view input, Time now) override {
    counter_ += input.size();
    deadline_ = now + std::chrono::minutes(2);  // As a session does with each sign of life.
    if (answers_) {
      wire_->output().append(input);
      wire_->wake();
    }
    return input.size();
  }
  Status tick(Time now) override { return deadline_ = now + std::chrono::minutes(2), Status(); }
  Time deadline() const override { return deadline_; }
  void closed(const CloseReason&, Time) override { wire_ = nullptr; }
  Wire* wire() const { return wire_; }

 private:
  std::uint64_t& counter_;
  bool answers_;
  Wire* wire_ = nullptr;
  Time deadline_ = kNever;
};

struct Bench {
  SystemClock clock;
  ChunkPool chunks;
  AsioLoop loop{clock};
  NoLayers layers;
  AsioNetwork network{loop, chunks, layers};
  std::uint64_t served = 0, got = 0;
  std::unique_ptr<Listener> listener;
  std::vector<Echo*> clients;

  Bench() {
    auto result = network.listen({.host = "127.0.0.1"}, [this](const PeerInfo&) {
      return std::make_unique<Echo>(served, true);
    });
    if (!result.ok()) std::exit(1);
    listener = std::move(*result);
  }

  void connect(std::size_t count) {
    DialOptions options;
    options.host = "127.0.0.1";
    options.port = listener->port();
    const std::uint64_t opened = served + count, dialled = got + count;
    for (std::size_t i = 0; i < count; ++i) {
      auto echo = std::make_unique<Echo>(got, false);
      clients.push_back(echo.get());
      network.dial(options, std::move(echo));
    }
    while (served < opened || got < dialled) loop.turn();
  }

  // Sends `bytes` in each of `rounds` rounds and waits for them to come back.
  double echo(std::size_t bytes, std::size_t rounds) {
    const std::string message(bytes, 'x');
    const Time start = clock.now();
    for (std::size_t i = 0; i < rounds; ++i) {
      const std::uint64_t end = got + bytes;
      clients[0]->wire()->output().append(message);
      clients[0]->wire()->wake();
      while (got < end) loop.turn();
    }
    return static_cast<double>((clock.now() - start).count());
  }
};

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void bench_echo(const char* name, std::size_t bytes, std::size_t rounds) {
  Bench bench;
  bench.connect(1);
  double best = 1e18;
  for (int run = 0; run < 5; ++run) best = std::min(best, bench.echo(bytes, rounds));
  const double each = best / static_cast<double>(rounds);
  std::printf("%-34s %10.1f ns/op %10.1f MB/s\n", name, each,
              static_cast<double>(bytes) * 1000 / each);
}

// The protocol of this bench included. Over it, the memory of an idle client is not what it was.
constexpr std::size_t kIdleBytesMax = 900;

// What malloc has handed out, halved: each connection here has two ends. False: over the bound.
bool bench_memory(std::size_t count) {
  Bench bench;
  bench.connect(100);  // Warm: pools and vectors have their first size.
  const std::size_t before = ::mallinfo2().uordblks;
  bench.connect(count);
  const std::size_t used = ::mallinfo2().uordblks - before;
  std::printf("%-34s %10zu B, of which Connection %zu, protocol %zu\n", "idle connection, heap",
              used / (2 * count), sizeof(Connection), sizeof(Echo));

  const double start = processor_seconds();
  const std::size_t deadlines = 20 * count;
  for (std::size_t i = 0; i < deadlines; ++i) {  // Signs of life that move the deadline.
    bench.clients[i % bench.clients.size()]->wire()->wake();
    if (i % count == count - 1) bench.loop.turn();
  }
  std::printf("%-34s %10.1f ns\n", "wake, flush nothing, see deadline",
              (processor_seconds() - start) * 1e9 / static_cast<double>(deadlines));
  return used / (2 * count) <= kIdleBytesMax;
}

}  // namespace
}  // namespace petiole

int main(int argc, char** argv) {
  const bool small = argc > 1 && std::strcmp(argv[1], "--small") == 0;
  const std::size_t scale = small ? 1 : 20;
  petiole::bench_echo("echo 16 B, one at a time", 16, 1000 * scale);
  petiole::bench_echo("echo 64 KiB", 64 * 1024, 100 * scale);
  petiole::bench_echo("echo 4 MiB", 4 << 20, 2 * scale);
  return petiole::bench_memory(small ? 500 : 4000) ? 0 : 1;
}
