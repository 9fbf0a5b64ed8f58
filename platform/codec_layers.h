// The layers of the product: TLS by tls.h, WebSocket by websocket.h, compression by s2_layer.h.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "platform/calendar.h"
#include "platform/layer.h"

namespace petiole {

// `report` is told when renewed key files cannot be used, in a line for people. By `calendar`,
// which outlives the factory, certificates are judged; null: by the clock.
std::unique_ptr<LayerFactory> make_codec_layers(std::function<void(const std::string&)> report = {},
                                                const Calendar* calendar = nullptr);

}  // namespace petiole
