// Local time of a place, by the system's time zone files. RFC 8536.
#pragma once

#include <optional>
#include <string>

#include "platform/time.h"

namespace petiole {

// What to add to UTC at `when` in the zone of IANA's name `zone`; empty: this machine's own.
// Nothing: the zone is not known here, or its file does not say. Reads a small file.
std::optional<std::chrono::seconds> utc_offset(const std::string& zone, WallTime when);

}  // namespace petiole
