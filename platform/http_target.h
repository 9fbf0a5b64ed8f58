// The target of a request line: path and query, percent-decoded. RFC 3986.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace petiole {

struct HttpTarget {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;  // In order; a lone name has no value.
};

// Nothing for a broken escape, an encoded zero byte, or a target that is neither a path nor a URL.
std::optional<HttpTarget> parse_http_target(std::string_view target);

}  // namespace petiole
