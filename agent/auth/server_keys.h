// The server's own keys: made at each start, never kept. Its id is the public one.
#pragma once

#include <string>

#include "agent/auth/nkey.h"
#include "platform/box.h"
#include "platform/entropy.h"

namespace petiole {

struct ServerKeys {
  NkeySeed sign{};
  std::string id{};  // N…
  BoxSecret box{};
  std::string xkey{};  // X…, of `box`; empty in a build without PETIOLE_TLS.
};

ServerKeys make_server_keys(Entropy& entropy);

// What xkeys hide: nkeys' xkeys.go. `peer` is a public xkey, X…
Result<std::string> seal_for(std::string_view text, std::string_view peer, const ServerKeys& keys,
                             Entropy& entropy);
// kPermission: not from that peer, or not for us.
Result<std::string> open_from(std::string_view sealed, std::string_view peer,
                              const ServerKeys& keys);

}  // namespace petiole
