// Real sockets on a real loop, for the tests of platform/: a scripted protocol, a raw peer, fake
// layers, and waiting for conditions with a limit.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/asio_loop.h"
#include "platform/asio_network.h"
#include "platform/resolver.h"
#include "platform/s2_layer.h"
#include "platform/system.h"

namespace petiole::test {

using namespace std::chrono_literals;

// What a ScriptedProtocol did, and what it is to do; outlives the protocol.
struct Script {
  std::function<void(Wire&)> on_opened;
  std::function<Result<std::size_t>(std::string_view)> on_receive;  // Default: keeps all in input.
  std::function<std::size_t()> wanted;
  std::function<Status(Time)> on_tick;
  std::function<void()> on_drained;
  std::function<void(const CloseReason&)> on_closed;
  Time deadline = kNever;

  Wire* wire = nullptr;  // Null before opened and after closed.
  std::string input;
  int opened = 0, receives = 0, drained = 0, closed = 0, destroyed = 0;
  bool inside = false;  // A call is under way: none may come from inside another.
  bool nested = false;
  CloseReason reason;
};

std::unique_ptr<Protocol> make_scripted(Script& script);

// "XORs" every byte by `key` and opens after both sides have said hello ("<name>!").
// Then `answers` makes it send back every byte and pass none on.
std::unique_ptr<Layer> make_fake_layer(std::string name, char key, bool slow = false,
                                       bool answers = false);
inline constexpr char kFakeEnd = '\x04';  // As the last byte it gets: the peer's orderly end.

class FakeLayers final : public LayerFactory {
 public:
  LayerResult tls(const TlsOptions& options) override;
  LayerResult websocket(const WebSocketOptions& options) override;
  LayerResult websocket(std::shared_ptr<const WebSocketListenOptions> options) override;
  LayerResult compression(const CompressionOptions& options) override {  // The real one.
    return {make_s2_layer(std::make_shared<S2Encoder>(), options), {}, {}};
  }
  std::string tls_error;  // Set: tls() fails with it.
  bool slow = false;      // TLS says that its handshake is.
  bool answers = false;   // WebSocket takes every byte for a ping.
};

// The other end, on a plain socket of the system.
class RawPeer {
 public:
  explicit RawPeer(std::uint16_t port, int receive_buffer = 0);  // Connects to 127.0.0.1.
  explicit RawPeer(int descriptor) : descriptor_(descriptor) {}
  ~RawPeer() { close(); }
  RawPeer(RawPeer&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

  void send(std::string_view bytes);  // All of it; a test keeps it below the socket's buffer.
  std::size_t send_some(std::string_view bytes);
  void read();  // What is there now, to `text`.
  void end();   // Half close.
  void close();
  void reset();
  int descriptor() const { return descriptor_; }

  std::string text;
  bool ended = false;  // The stream's end was read.
  bool was_reset = false;

 private:
  int descriptor_ = -1;
};

struct NetFixture;

// Listens on 127.0.0.1 without accepting by itself.
class RawListener {
 public:
  explicit RawListener(int receive_buffer = 0);  // Of those who are accepted; 0: the system's.
  ~RawListener();
  std::uint16_t port() const { return port_; }
  RawPeer accept(NetFixture& net);  // Turns the loop until there is one.

 private:
  int descriptor_ = -1;
  std::uint16_t port_ = 0;
};

struct NetFixture {
  explicit NetFixture(HostResolver::Lookup lookup = HostResolver::lookup_by_system);

  // Turns the loop until `done`, at most for `span`; returns done().
  bool until(const std::function<bool()>& done, Duration span = 60s);
  // Listens on a free port; each accepted connection takes the next script.
  std::uint16_t serve(std::vector<Script*> scripts);
  // Two ends of a connection through the real stack.
  void connect(Script& client, Script& server, DialOptions options = {});

  SystemClock clock;
  ChunkPool chunks;
  AsioLoop loop{clock};
  FakeLayers layers;
  AsioNetwork network;
  std::deque<Script*> scripts;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::unique_ptr<Dial>> dials;
};

DialOptions dial_to(std::uint16_t port);
void say(Script& script, std::string_view bytes);

}  // namespace petiole::test
