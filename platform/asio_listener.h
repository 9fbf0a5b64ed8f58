// Accepts connections on one port. Survives a lack of descriptors by waiting for some.
#pragma once

#include <memory>

#include "platform/network.h"
#include "platform/network_core.h"

namespace petiole {

// Errors: kBusy, kPermission, kNotFound (the host), kNetwork.
Result<std::unique_ptr<Listener>> make_listener(NetworkCore& core, const ListenOptions& options,
                                                Network::Accept accept);

}  // namespace petiole
