// WebSocket as a codec: bytes in, bytes out, no socket. RFC 6455, RFC 7692.
//
// Beast's websocket::stream does the work, over a stream that lives in memory. Boost is seen by
// websocket.cpp alone; websocket_none.cpp stands in for it in a build without PETIOLE_WEBSOCKET.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "platform/network.h"
#include "platform/protocol.h"
#include "platform/status.h"

namespace petiole {

class WebSocketSession {
 public:
  virtual ~WebSocketSession() = default;
  virtual void start(std::string& wire) = 0;  // A client's upgrade request goes to `wire`.
  // Data of frames is appended to `plain`, answers (pong, close) to `wire`.
  virtual Status receive(std::string_view bytes, std::string& plain, std::string& wire) = 0;
  virtual Status send(std::string_view payload, std::string& wire) = 0;   // One binary message.
  virtual void shut_down(const CloseReason& why, std::string& wire) = 0;  // A close frame.
  virtual bool open() const = 0;                                          // The upgrade is done.
  virtual void describe(PeerInfo& peer) const = 0;                        // Once open.
  virtual std::string error() const = 0;
};
// Null in a build without WebSocket.
std::unique_ptr<WebSocketSession> make_websocket_client(const WebSocketOptions& options);
// The accepting side. Any path is accepted; describe() tells it.
std::unique_ptr<WebSocketSession> make_websocket_server(
    std::shared_ptr<const WebSocketListenOptions> options);

}  // namespace petiole
