#include "platform/crypto_aes.h"

namespace petiole {

int register_aes_device() { return kNoAesDevice; }

}  // namespace petiole
