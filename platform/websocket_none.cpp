// Stands in for websocket.cpp in a build without PETIOLE_WEBSOCKET.
#include "platform/websocket.h"

namespace petiole {

std::unique_ptr<WebSocketSession> make_websocket_client(const WebSocketOptions&) { return nullptr; }
std::unique_ptr<WebSocketSession> make_websocket_server(
    std::shared_ptr<const WebSocketListenOptions>) {
  return nullptr;
}

}  // namespace petiole
