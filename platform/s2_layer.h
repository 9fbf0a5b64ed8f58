// S2 on a connection: each send is a chunk or more of one endless S2 stream.
#pragma once

#include <memory>

#include "platform/layer.h"
#include "platform/s2.h"

namespace petiole {

// `encoder` is shared by the layers of a loop.
std::unique_ptr<Layer> make_s2_layer(std::shared_ptr<S2Encoder> encoder,
                                     const CompressionOptions& options);

}  // namespace petiole
