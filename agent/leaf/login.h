// Which user a leaf's CONNECT names, by the listener's own authorization or, without one, by the
// ordinary one. Wire: client-and-leaf 2.1, 3.3.
#pragma once

#include <string>
#include <string_view>

#include "agent/config/config.h"
#include "agent/leaf/handshake.h"

namespace petiole {

struct LeafLogin {
  bool found = false;  // Else refused.
  std::string account = "$G";
  std::string user;
  // A secret that is left to compare: a bcrypt hash is slow to check, so that is not done here.
  std::string secret, hash;
  bool undecided() const { return found && !hash.empty(); }
};

LeafLogin find_leaf_login(const AuthConfig& listener, const AuthConfig& ordinary,
                          const LeafConnect& connect, std::string_view nonce);

}  // namespace petiole
