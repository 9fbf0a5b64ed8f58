// The layers of the product: TLS by tls.h, WebSocket by websocket.h.
#pragma once

#include <memory>

#include "platform/layer.h"

namespace petiole {

std::unique_ptr<LayerFactory> make_codec_layers();

}  // namespace petiole
