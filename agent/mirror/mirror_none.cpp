// Stands in for the mirror in a build without PETIOLE_STORE; the configuration refuses its options.
#include "agent/mirror/mirror.h"

namespace petiole {

std::unique_ptr<Mirror> make_mirror(const MirrorConfig&, std::string, Account&, Store&, Host) {
  return nullptr;
}

}  // namespace petiole
