// What a log says of a connection, in nats-server's words: traced operations and messages, and the
// errors of its protocol. Pure functions; who traces looks first whether that is wanted.
#pragma once

#include <string>
#include <string_view>

#include "agent/config/config.h"
#include "agent/protocol/parser.h"
#include "agent/routing/message.h"

namespace petiole {

enum class Way : std::uint8_t { kIn, kOut, kNeither };

// `<<- [PUB subject 5]`; nats-server client.go, traceOp.
std::string trace_operation(Way way, std::string_view operation, std::string_view argument = {});

// `<<- MSG_PAYLOAD: ["hello"]`, of header and payload, as far as `log` lets it be shown; empty:
// nothing is. nats-server client.go, traceMsgInternal.
std::string trace_message(Way way, std::string_view header, std::string_view payload,
                          const LogConfig& log);

// The first line of `bytes`, in two: the verb in capitals, and what follows it, without secrets.
struct TracedLine {
  std::string verb, argument;
};
TracedLine trace_line(std::string_view bytes);

// `[H]MSG subject sid [reply] [header] size`, as it was written for a client.
std::string message_line(std::string_view verb, std::string_view subject, std::string_view middle,
                         const Message& message, bool headers);

// A CONNECT without passwords, tokens and signatures; nats-server client.go, prefixAuthPat and
// exactAuthPat. What is left may be a JWT, as there: that alone lets nobody in but a bearer.
std::string redact_secrets(std::string_view connect);

// Why the operation in front of `bytes` was refused; `sender` is "Client" or "Leafnode".
// Empty: it is said elsewhere.
std::string refusal_text(ParseError error, std::string_view bytes, std::string_view sender,
                         const Limits& limits);

}  // namespace petiole
