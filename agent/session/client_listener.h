// Makes a session of each accepted client connection, within Limits::connections_max.
#pragma once

#include "agent/server.h"
#include "platform/network.h"

namespace petiole {

// For Network::listen, on the clients' port and on that of WebSocket. `server` outlives the
// listener and its connections.
Network::Accept accept_clients(Server& server);

}  // namespace petiole
