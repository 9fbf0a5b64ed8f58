// A .creds file: a user's JWT and the seed that signs the hub's nonce. Wire: client-and-leaf 2.2.
#pragma once

#include <string>
#include <string_view>

#include "agent/auth/nkey.h"

namespace petiole {

struct Creds {
  std::string jwt;
  NkeySeed seed;
};

// Finds the two blocks, each `-----BEGIN …-----`, a line of text, `------END …------`. Errors:
// kConfig with what is missing.
Result<Creds> parse_creds(std::string_view text);

}  // namespace petiole
