// One codec between a socket and a protocol: a proxy's answer, TLS, WebSocket, compression.
//
// Bytes in, bytes out, no socket. `wire` is the side of the socket, `plain` that of the protocol.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "platform/network.h"
#include "platform/protocol.h"
#include "platform/status.h"
#include "platform/tls.h"

namespace petiole {

class Layer {
 public:
  virtual ~Layer() = default;
  virtual void start(std::string& wire) = 0;
  // Takes all of `bytes`. Appends to both, on an error too: a TLS alert goes to `wire`.
  virtual Status receive(std::string_view bytes, std::string& plain, std::string& wire) = 0;
  virtual Status send(std::string_view plain, std::string& wire) = 0;  // Once open.
  virtual void shut_down(const CloseReason& why, std::string& wire) = 0;
  virtual bool open() const = 0;
  // receive() takes milliseconds of computing at present and touches nothing but the layer: it may
  // be called on another thread.
  virtual bool slow() const { return false; }
  // More comes out of what was taken, by receive() of no bytes. Of the top layer only.
  virtual bool more() const { return false; }
  virtual void adjust(const CompressionOptions& options) { (void)options; }  // Of compression.
  virtual void describe(PeerInfo& peer) const = 0;  // Once open: adds what is known of the peer.
  virtual std::string error() const = 0;            // Of the last failure, for people.
};

struct LayerResult {
  std::unique_ptr<Layer> layer;  // Null: see the rest.
  Status status;
  std::string error;  // For people; names the file where there is one.
};

// Makes the layers that need a library. The real one is in codec_layers.h; tests have a fake.
class LayerFactory {
 public:
  virtual ~LayerFactory() = default;
  virtual LayerResult tls(const TlsOptions& options) = 0;
  virtual LayerResult websocket(const WebSocketOptions& options) = 0;
  virtual LayerResult websocket(std::shared_ptr<const WebSocketListenOptions> options) = 0;
  virtual LayerResult compression(const CompressionOptions& options) = 0;
};

}  // namespace petiole
