// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace petiole {

std::string size_text(double bytes);          // "512 B", "1.5 KiB", "2.0 GiB".
std::string count_text(double count);         // "12,345".
std::string span_text(std::int64_t seconds);  // "45s", "3m 20s", "2h 5m", "4d 1h".

// For a terminal: what a hub says of itself may hold control characters. Lines stay.
std::string printable(std::string text);

}  // namespace petiole
