#include "tests/bench/load_peer.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "platform/codec_layers.h"

namespace petiole::bench {

namespace {

// As the official clients flush: what has gathered, but no more than this at once.
constexpr std::size_t kSealBytes = 16 << 10;

int connect_to(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) fail("connect");
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

LayerResult make_layer(LayerFactory& factory, Door door) {
  if (door == Door::kWebSocket) {
    WebSocketOptions websocket;
    websocket.host = "127.0.0.1";
    return factory.websocket(websocket);
  }
  TlsOptions options;
  // As a client whose processor has instructions for AES: either server takes the first.
  options.cipher_suites = {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
  options.verify = false;
  options.insecure = true;
  return factory.tls(options);
}

}  // namespace

void fail(const char* what) {
  std::fprintf(stderr, "load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

Peer::Peer(const Address& address) : fd_(connect_to(address.port)), door_(address.door) {
  if (door_ == Door::kWebSocket) open_layer();
  read_until("\r\n");  // INFO.
  if (door_ == Door::kTls) open_layer();
  // What the official clients say.
  std::string login;
  if (!address.user.empty()) {
    login = ",\"user\":\"" + address.user + "\",\"pass\":\"" + address.user + '"';
  }
  write(
      "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":true,\"headers\":false,"
      "\"lang\":\"load\"" +
      login + "}\r\n");
  flush();
}

Peer::~Peer() { close(fd_); }

void Peer::open_layer() {
  factory_ = make_codec_layers();
  LayerResult made = make_layer(*factory_, door_);
  if (!made.layer) fail(made.error.c_str());
  layer_ = std::move(made.layer);
  std::string out;
  layer_->start(out);
  std::array<char, 65536> some;
  while (true) {
    send_all(out);
    if (layer_->open()) return;
    out.clear();
    const ssize_t done = recv(fd_, some.data(), some.size(), 0);
    if (done <= 0) fail("the server closed in a handshake");
    const std::string_view come(some.data(), static_cast<std::size_t>(done));
    if (!layer_->receive(come, held_, out).ok()) fail(layer_->error().c_str());
  }
}

void Peer::send_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
    if (done < 0) fail("send");
    text.remove_prefix(static_cast<std::size_t>(done));
  }
}

void Peer::write(std::string_view text) {
  if (!layer_) return send_all(text);
  std::string out;
  if (!layer_->send(text, out).ok()) fail(layer_->error().c_str());
  send_all(out);
}

void Peer::read_until(std::string_view text) {
  std::array<char, 65536> some;
  while (held_.find(text) == std::string::npos) {
    const ssize_t done = recv(fd_, some.data(), some.size(), 0);
    if (done <= 0) fail("the server closed");
    const std::string_view come(some.data(), static_cast<std::size_t>(done));
    if (!layer_) {
      held_.append(come);
      continue;
    }
    std::string answer;
    if (!layer_->receive(come, held_, answer).ok()) fail(layer_->error().c_str());
    send_all(answer);
  }
  held_.erase(0, held_.find(text) + text.size());
}

void Peer::flush() {
  write("PING\r\n");
  read_until("PONG\r\n");
}

void Peer::set_nonblocking() { fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK); }

void Peer::set_blocking() {
  fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) & ~O_NONBLOCK);
  send_all(std::string_view(sealed_).substr(sealed_at_));
  sealed_.clear();
  sealed_at_ = 0;
}

bool Peer::send_sealed() {
  while (sealed_at_ < sealed_.size()) {
    const ssize_t done =
        send(fd_, sealed_.data() + sealed_at_, sealed_.size() - sealed_at_, MSG_NOSIGNAL);
    if (done < 0 && errno == EAGAIN) return false;
    if (done < 0) fail("send");
    sealed_at_ += static_cast<std::size_t>(done);
  }
  sealed_.clear();
  sealed_at_ = 0;
  return true;
}

std::size_t Peer::write_some(std::string_view text) {
  if (layer_) {
    if (!send_sealed()) return 0;
    const std::string_view first = text.substr(0, kSealBytes);
    if (!layer_->send(first, sealed_).ok()) fail(layer_->error().c_str());
    send_sealed();  // What it does not take now goes before the next.
    return first.size();
  }
  const ssize_t done = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
  if (done < 0 && errno == EAGAIN) return 0;
  if (done < 0) fail("send");
  return static_cast<std::size_t>(done);
}

std::size_t Peer::read_some(std::string& scratch) {
  // MSG_TRUNC: the kernel forgets the bytes.
  const bool count_only = !publisher && !layer_;
  const ssize_t done = recv(fd_, scratch.data(), scratch.size(), count_only ? MSG_TRUNC : 0);
  if (done == 0) fail("the server closed");
  if (done < 0) return 0;
  if (count_only) return static_cast<std::size_t>(done);
  std::string_view text(scratch.data(), static_cast<std::size_t>(done));
  if (layer_) {
    plain_.clear();
    if (!layer_->receive(text, plain_, sealed_).ok()) fail(layer_->error().c_str());
    text = plain_;
  }
  if (text.starts_with("-ERR")) fail(std::string(text.substr(0, text.find('\r'))).c_str());
  return text.size();
}

}  // namespace petiole::bench
