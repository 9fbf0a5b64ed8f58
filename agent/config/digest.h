// A digest of what a configuration says, as nats-server prints and reports it: of its values with
// includes and variables worked in, not of comments, blanks or the order of its keys.
#pragma once

#include <string>

#include "agent/config/value.h"

namespace petiole {

// "sha256:…", that of the tree as Go's encoding/json writes it.
std::string digest_of(const ConfigValue& root);

}  // namespace petiole
