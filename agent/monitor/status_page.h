// The page at `/`: status_page.html, one file without outside resources, put into the program at
// build time.
#pragma once

#include <string_view>

namespace petiole {

std::string_view status_page();

}  // namespace petiole
