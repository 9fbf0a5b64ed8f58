// HTTP/1.1 for the monitoring port, by Beast's parser and serializer: a Protocol for each accepted
// connection, and a client for `petiole status`. Beast is seen by http.cpp alone; http_none.cpp
// stands in for it in a build without PETIOLE_MONITOR.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/protocol.h"

namespace petiole {

struct HttpRequest {
  std::string method;  // GET or HEAD; others are answered 405 without a call.
  std::string path;    // Decoded, without the query.
  std::vector<std::pair<std::string, std::string>> query;  // Decoded, in order.
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;
// When the handler may be asked again: until then requests wait. Empty: at any time.
using HttpPace = std::function<Time()>;

// Serves one connection: keep-alive, pipelining, a bounded header (8 KiB), a 10 s limit for a
// request to be complete. Null in a build without it.
std::unique_ptr<Protocol> make_http_server(HttpHandler handler, HttpPace pace = {});

// One GET over a dialled wire; `done` is called once, with status 0 and the reason as the body when
// no answer came. At most `body_bytes_max` of a body.
using HttpDone = std::function<void(HttpResponse)>;
std::unique_ptr<Protocol> make_http_get(std::string host, std::string target,
                                        std::size_t body_bytes_max, HttpDone done);

}  // namespace petiole
