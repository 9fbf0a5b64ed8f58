// One client connection of the load generator: in clear, over TLS or over WebSocket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "platform/layer.h"
#include "tests/bench/load_options.h"

namespace petiole::bench {

// Says what went wrong, with errno, and ends the program.
[[noreturn]] void fail(const char* what);

// Blocking until set_nonblocking(). The codecs are the product's own, on both servers' clients
// alike.
class Peer {
 public:
  explicit Peer(const Address& address);  // Returns when the server has answered our CONNECT.
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void write(std::string_view text);
  // Reads, blocking, until `text` has come; what was read is thrown away up to there.
  void read_until(std::string_view text);
  void flush();

  void set_nonblocking();
  void set_blocking();
  // Without blocking: takes bytes from the front of `text` and returns how many; 0: the socket is
  // full.
  std::size_t write_some(std::string_view text);
  // Without blocking: bytes of the protocol that have come, thrown away; `scratch` is for the
  // socket's. Of a publisher, whose server says nothing but errors, these are looked at.
  std::size_t read_some(std::string& scratch);
  int fd() const { return fd_; }

  bool publisher = false;
  std::uint64_t bytes = 0;  // Of messages: sent by a publisher, received by a subscriber.
  std::size_t at = 0;       // Position in the publisher's batch.

 private:
  void open_layer();  // The handshake, blocking.
  void send_all(std::string_view text);
  bool send_sealed();  // False: the socket is full.

  int fd_ = -1;
  Door door_;
  std::unique_ptr<LayerFactory> factory_;
  std::unique_ptr<Layer> layer_;  // Null: in clear.
  std::string held_;
  std::string sealed_;  // By the layer, for the socket, from sealed_at_ on.
  std::size_t sealed_at_ = 0;
  std::string plain_;
};

}  // namespace petiole::bench
