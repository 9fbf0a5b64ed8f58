// `Nats-Request-Info` of what comes over a leaf link: a leaf speaks for no other account than that
// of its link. nats-server client.go, bindLeafClientInfoHeader.
#pragma once

#include <string>
#include <string_view>

namespace petiole {

// `header` as it may go on: itself, or with `account` in that line, and then a view of `out`.
std::string_view bind_request_info(std::string_view header, std::string_view account,
                                   std::string& out);

}  // namespace petiole
