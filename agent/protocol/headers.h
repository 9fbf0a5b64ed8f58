// NATS/1.0 header blocks: look up, build, extend. Wire format: wire/client-and-leaf.md section 1.5.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace petiole {

// The value of the first header `name`, in exact case and without leading blanks. A view into
// `header`; no value when there is no such header.
std::optional<std::string_view> find_header(std::string_view header, std::string_view name);

// `header` with `name: value` as its last line; a new block when `header` is empty.
std::string add_header(std::string_view header, std::string_view name, std::string_view value);

// Writes into `out`, whose memory is used again, `header` with `name: value` as its last line and
// without any other line of that name; a new block when `header` is empty.
void replace_header(std::string& out, std::string_view header, std::string_view name,
                    std::string_view value);

// `header` without the lines whose name begins with `prefix`.
std::string without_headers(std::string_view header, std::string_view prefix);

// The status block that tells a requester that nobody listens on `subject`: servers from 2.12.0 on
// name it, older ones (`subject` empty) do not.
std::string no_responders_header(std::string_view subject);

}  // namespace petiole
