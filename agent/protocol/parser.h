// The NATS protocol, read from memory: clients and leaf nodes (routes and gateways later).
//
// The parser owns, allocates and remembers nothing: it looks at the front of a buffer and reports
// the operation there. Views in an Op point into the buffer and live as long as it does.
// Wire format: wire/client-and-leaf.md sections 1 and 3.4.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "agent/limits.h"
#include "platform/status.h"

namespace petiole {

enum class Verb : std::uint8_t {
  kPub,
  kHpub,
  kMsg,
  kHmsg,
  kSub,
  kUnsub,
  kPing,
  kPong,
  kOk,
  kErr,
  kInfo,
  kConnect,
  kLeafSub,
  kLeafUnsub,
  kLeafMsg,
  kLeafHmsg,
};

// Who speaks: each verb is allowed to some. kServer is what a client of ours (tests, the doctor)
// hears.
enum Peer : std::uint8_t {
  kClient = 1,
  kLeaf = 2,
  kRoute = 4,
  kGateway = 8,
  kServer = 16,
};

// Queue names of one LMSG, as views; more than fit are found by next_queue over `queues`.
struct Op {
  Verb verb = Verb::kPing;
  std::string_view subject{}, reply{}, queue{}, sid{};
  std::string_view queues{};  // LMSG with `|` or `+`: the names, single or multiple blanks between.
  std::string_view header{};  // Bytes of the header block, empty without.
  std::string_view payload{};   // Without the header.
  std::string_view argument{};  // CONNECT, INFO: the JSON. -ERR: the text without quotes.
  std::uint64_t number = 0;     // UNSUB max (0: now), LS+ weight.
};

// Why parse() refused, so that the session answers what nats-server answers (wire 1.1, 1.11).
enum class ParseError : std::uint8_t {
  kNone,
  kUnknownOperation,
  kControlLine,
  kPayloadTooLarge,
  kArguments,
  kClientError,
};

struct ParseResult {
  std::size_t used = 0;    // Bytes taken; 0: incomplete or refused.
  std::size_t wanted = 0;  // Incomplete: bytes of the whole operation, when known.
  ParseError error = ParseError::kNone;
};

// Parses one operation from the front of `input` into `op`. Headers of the peer (HPUB) are refused
// with kArguments when `headers` is false.
ParseResult parse(std::string_view input, Peer peer, const Limits& limits, bool headers, Op& op);

// Takes the next name off `queues`; empty when there is none.
std::string_view next_queue(std::string_view& queues);

}  // namespace petiole
