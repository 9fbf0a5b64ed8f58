// The layers of the product: TLS by tls.h, WebSocket by websocket.h.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "platform/layer.h"

namespace petiole {

// `report` is told when renewed key files cannot be used, in a line for people.
std::unique_ptr<LayerFactory> make_codec_layers(
    std::function<void(const std::string&)> report = {});

}  // namespace petiole
