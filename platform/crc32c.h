// CRC-32C (Castagnoli), RFC 3720 appendix B.4: finds what a disk or a cable changed.
#pragma once

#include <cstdint>
#include <string_view>

namespace petiole {

// Continues `crc` (0 at first) over `bytes`.
std::uint32_t crc32c(std::uint32_t crc, std::string_view bytes);

}  // namespace petiole
