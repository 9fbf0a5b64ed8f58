#include "tests/platform/net_fixture.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace petiole::test {

namespace {

class ScriptedProtocol final : public Protocol {
 public:
  explicit ScriptedProtocol(Script& script) : script_(script) {}
  ~ScriptedProtocol() override { ++script_.destroyed; }

  void opened(Wire& wire, Time) override {
    const Call call(script_);
    ++script_.opened;
    script_.wire = &wire;
    if (script_.on_opened) script_.on_opened(wire);
  }
  Result<std::size_t> receive(std::string_view input, Time) override {
    const Call call(script_);
    ++script_.receives;
    if (script_.on_receive) return script_.on_receive(input);
    script_.input.append(input);
    return input.size();
  }
  std::size_t wanted() const override { return script_.wanted ? script_.wanted() : 0; }
  Status tick(Time now) override {
    const Call call(script_);
    return script_.on_tick ? script_.on_tick(now) : Status();
  }
  Time deadline() const override { return script_.deadline; }
  void drained(Time) override {
    const Call call(script_);
    ++script_.drained;
    if (script_.on_drained) script_.on_drained();
  }
  void closed(const CloseReason& reason, Time) override {
    const Call call(script_);
    ++script_.closed;
    script_.reason = reason;
    if (script_.on_closed) script_.on_closed(reason);
    script_.wire = nullptr;
  }

 private:
  struct Call {
    explicit Call(Script& script) : script_(script) {
      if (script.inside) script.nested = true;
      script.inside = true;
    }
    ~Call() { script_.inside = false; }
    Script& script_;
  };

  Script& script_;
};

class FakeLayer final : public Layer {
 public:
  FakeLayer(std::string name, char key, bool slow, bool answers)
      : name_(std::move(name)), key_(key), slow_(slow), answers_(answers) {}

  void start(std::string& wire) override { wire += name_ + '!'; }
  Status receive(std::string_view bytes, std::string& plain, std::string& wire) override {
    while (!bytes.empty() && hello_.size() <= name_.size()) {
      hello_ += bytes.front();
      bytes.remove_prefix(1);
      if (!(name_ + '!').starts_with(hello_)) {
        error_ = "not a " + name_;
        return {Errc::kTls, "not the layer's hello"};
      }
    }
    answers_ ? void(wire.append(bytes)) : code(bytes, plain);
    if (!plain.ends_with(kFakeEnd)) return {};
    plain.pop_back();
    error_ = "closed by the peer";
    return {Errc::kClosed, "closed by the peer"};
  }
  Status send(std::string_view plain, std::string& wire) override {
    code(plain, wire);
    return {};
  }
  void shut_down(const CloseReason&, std::string& wire) override { code("bye", wire); }
  bool open() const override { return hello_ == name_ + '!'; }
  bool slow() const override { return slow_ && !open(); }
  void describe(PeerInfo& peer) const override { peer.tls_version += name_; }
  std::string error() const override { return error_; }

 private:
  void code(std::string_view from, std::string& to) const {
    for (const char c : from) to += static_cast<char>(c ^ key_);
  }

  std::string name_, hello_, error_;
  char key_;
  bool slow_, answers_;
};

sockaddr_in local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

std::unique_ptr<Protocol> make_scripted(Script& script) {
  return std::make_unique<ScriptedProtocol>(script);
}

std::unique_ptr<Layer> make_fake_layer(std::string name, char key, bool slow, bool answers) {
  return std::make_unique<FakeLayer>(std::move(name), key, slow, answers);
}

LayerResult FakeLayers::tls(const TlsOptions&) {
  if (!tls_error.empty()) return {nullptr, {Errc::kTls, "no TLS"}, tls_error};
  return {make_fake_layer("tls", 1, slow), {}, {}};
}

LayerResult FakeLayers::websocket(const WebSocketOptions&) {
  return {make_fake_layer("ws", 2, false, answers), {}, {}};
}

LayerResult FakeLayers::websocket(std::shared_ptr<const WebSocketListenOptions>) {
  return {make_fake_layer("ws", 2), {}, {}};
}

RawPeer::RawPeer(std::uint16_t port, int receive_buffer)
    : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer != 0) {
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  const sockaddr_in address = local(port);
  REQUIRE(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
          0);
}

void RawPeer::send(std::string_view bytes) { REQUIRE(send_some(bytes) == bytes.size()); }

std::size_t RawPeer::send_some(std::string_view bytes) {
  const ssize_t count =
      ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

void RawPeer::read() {
  char buffer[64 * 1024];
  while (descriptor_ >= 0 && !ended && !was_reset) {
    const ssize_t count = ::recv(descriptor_, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) was_reset = true;
    if (count == 0) ended = true;
    if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
  }
}

void RawPeer::end() { ::shutdown(descriptor_, SHUT_WR); }

void RawPeer::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void RawPeer::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  close();
}

RawListener::RawListener(int receive_buffer)
    : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  if (receive_buffer != 0) {
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  }
  sockaddr_in address = local(0);
  socklen_t length = sizeof(address);
  REQUIRE(::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), length) == 0);
  REQUIRE(::listen(descriptor_, 16) == 0);
  ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
}

RawListener::~RawListener() { ::close(descriptor_); }

RawPeer RawListener::accept(NetFixture& net) {
  int accepted = -1;
  REQUIRE(net.until([&] {
    accepted = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
    return accepted >= 0;
  }));
  return RawPeer(accepted);
}

NetFixture::NetFixture(HostResolver::Lookup lookup)
    : network(loop, chunks, layers, std::make_unique<HostResolver>(loop, std::move(lookup))) {}

bool NetFixture::until(const std::function<bool()>& done, Duration span) {
  const Time end = clock.now() + span;
  std::unique_ptr<Timer> wake;
  wake = loop.make_timer([&] { wake->arm(clock.now() + 1ms); });
  wake->arm(clock.now() + 1ms);
  bool met = done();  // Asked once a turn: it may have effects.
  while (!met && clock.now() < end) {
    loop.turn();
    met = done();
  }
  return met;
}

std::uint16_t NetFixture::serve(std::vector<Script*> next) {
  scripts.assign(next.begin(), next.end());
  auto listener = network.listen({.host = "127.0.0.1"}, [this](const PeerInfo&) {
    if (scripts.empty()) return std::unique_ptr<Protocol>();
    Script* script = scripts.front();
    scripts.pop_front();
    return make_scripted(*script);
  });
  REQUIRE(listener.ok());
  listeners.push_back(std::move(*listener));
  return listeners.back()->port();
}

void NetFixture::connect(Script& client, Script& server, DialOptions options) {
  options.host = "127.0.0.1";
  options.port = serve({&server});
  dials.push_back(network.dial(options, make_scripted(client)));
  REQUIRE(until([&] { return client.opened == 1 && server.opened == 1; }));
}

DialOptions dial_to(std::uint16_t port) {
  DialOptions options;
  options.host = "127.0.0.1";
  options.port = port;
  return options;
}

void say(Script& script, std::string_view bytes) {
  script.wire->output().append(bytes);
  script.wire->wake();
}

}  // namespace petiole::test
