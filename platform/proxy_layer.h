// HTTP CONNECT as a layer: asks a proxy for a tunnel, then lets all bytes through. RFC 9110, 9.3.6.
#pragma once

#include <memory>

#include "platform/layer.h"

namespace petiole {

inline constexpr std::size_t kProxyAnswerBytesMax = 8 * 1024;

// `host` and `port` are the peer's, behind the proxy.
std::unique_ptr<Layer> make_proxy_layer(const ProxyOptions& proxy, const std::string& host,
                                        std::uint16_t port);

}  // namespace petiole
