// JSON by Boost.JSON, which does no I/O. Include this, never <boost/json.hpp>.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "platform/status.h"

namespace petiole {

namespace json = boost::json;

// Parses one document. Depth and size are bounded by Boost.JSON's defaults and the caller's input.
Result<json::value> parse_json(std::string_view text);
std::string to_text(const json::value& value);
// Indented by two spaces, as nats-server's monitoring prints it.
std::string to_pretty_text(const json::value& value);

// Members of an object by name, with a default where absent or of another type. Names match as Go
// matches them: exact first, then ignoring case.
const json::value* find(const json::object& object, std::string_view name);
std::string_view get_string(const json::object& object, std::string_view name,
                            std::string_view otherwise = {});
bool get_bool(const json::object& object, std::string_view name, bool otherwise = false);
std::int64_t get_int(const json::object& object, std::string_view name, std::int64_t otherwise = 0);

}  // namespace petiole
