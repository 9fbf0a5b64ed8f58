// The lines that petiole sends, written straight into an Output: no format strings, no allocation.
//
// A message that several peers get may be in Message::shared; its bytes then go out by reference.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/routing/message.h"
#include "platform/output.h"

namespace petiole {

// MSG or HMSG to a client. Without `headers` the header is left out and the size is the payload's.
void write_msg(Output& output, std::string_view subject, std::string_view sid,
               const Message& message, bool headers);

// LMSG or HMSG to a leaf: `queues` are the groups of which the peer is to serve one member each.
void write_leaf_msg(Output& output, const Message& message, const std::string_view* queues,
                    std::size_t queue_count, bool headers);

// PUB or HPUB to a server.
void write_pub(Output& output, const Message& message);

// -ERR '<text>'CRLF, where `text` is `prefix` and, if not empty, `quoted` as Go's %q prints it.
void write_err(Output& output, std::string_view prefix, std::string_view quoted = {});

// `text` in quotes as Go's %q prints it; of characters outside ASCII those that are no control
// characters, blanks or marks of writing direction stay as they are.
std::string go_quoted(std::string_view text);

// The digits of `value` at `to`, which holds 20; returns their end.
char* write_number(char* to, std::uint64_t value);

}  // namespace petiole
