// The PROXY protocol, versions 1 and 2: who is behind a proxy that passes bytes on. Sans I/O.
// haproxy.org, proxy-protocol.txt; nats-server client_proxyproto.go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace petiole {

struct ProxyHeader {
  enum class Verdict : std::uint8_t {
    kIncomplete,  // More bytes may make one.
    kNone,        // The bytes begin otherwise.
    kHeader,      // `used` bytes of them; without an address the proxy speaks for itself.
    kBroken,      // They begin as a header does and are none.
  };
  Verdict verdict = Verdict::kIncomplete;
  std::size_t used = 0;
  std::string address;  // Numeric.
  std::uint16_t port = 0;
  const char* error = "";  // Of kBroken.
};

// Looks at the front of `bytes`. A header of version 1 has at most 107 bytes, one of version 2 with
// all that may follow its addresses at most kProxyHeaderBytesMax.
ProxyHeader parse_proxy_header(std::string_view bytes);

inline constexpr std::size_t kProxyHeaderBytesMax = 16 + 1024;  // The reference takes 64 KiB.

}  // namespace petiole
