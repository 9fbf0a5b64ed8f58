// Stands in for http.cpp in a build without PETIOLE_MONITOR.
#include "platform/http.h"

namespace petiole {

std::unique_ptr<Protocol> make_http_server(HttpHandler, HttpPace) { return nullptr; }

std::unique_ptr<Protocol> make_http_get(std::string, std::string, std::size_t, HttpDone) {
  return nullptr;
}

}  // namespace petiole
