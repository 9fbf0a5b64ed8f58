// What a client's first TLS record says that a server wants to know before the library reads it.
// RFC 8446, section 4.1.2. Sans I/O.
#pragma once

#include <string_view>

namespace petiole {

// Whether the first AEAD that the client offers is ChaCha20-Poly1305: so those do whose processor
// has no instructions for AES. False for what is no hello, or has not come as far.
bool prefers_chacha(std::string_view record);

}  // namespace petiole
