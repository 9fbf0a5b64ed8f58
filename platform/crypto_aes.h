// AES-256-GCM for TLS by libsodium, which uses the processor's instructions for it.
//
// Debian's wolfSSL does AES in plain C. Where libsodium is there and the processor has the
// instructions, a record takes a fifth of the time of ChaCha20-Poly1305 by wolfSSL, the next best.
// libsodium has no AES-128-GCM.
#pragma once

namespace petiole {

// wolfSSL's number for a device that does AES-256-GCM, for wolfSSL_CTX_SetDevId; whatever else it
// is asked for wolfSSL does itself. Known to wolfSSL from then on: called after wolfSSL_Init
// and before any session; again changes nothing. kNoAesDevice: neither build nor processor has one.
int register_aes_device();
constexpr int kNoAesDevice = -2;  // wolfSSL's INVALID_DEVID.

}  // namespace petiole
