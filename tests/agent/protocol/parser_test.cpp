#include "agent/protocol/parser.h"

#include <doctest/doctest.h>

#include <string>

namespace petiole {
namespace {

using namespace std::string_literals;

struct Case {
  const char* name;
  std::string input;
  std::size_t used;
  ParseError error = ParseError::kNone;
  Peer peer = kClient;
};

constexpr ParseError kUnknown = ParseError::kUnknownOperation;
constexpr ParseError kArgs = ParseError::kArguments;

const Case kCases[] = {
    // Written from the wire reference, one line per rule.
    {"verbs ignore case", "ping\r\n", 6},
    {"a bare LF ends a line", "PING\n", 5},
    {"what follows PING is skipped", "PINGx y\r\n", 9},
    {"what follows PONG is skipped", "PONG 1\r\n", 8},
    {"+OK from a client", "+OK\r\n", 5},
    {"INFO from a client", "INFO {}\r\n", 9},
    {"-ERR from a client", "-ERR 'x'\r\n", 0, ParseError::kClientError},
    {"MSG from a client", "MSG a 1 1\r\nx\r\n", 0, kUnknown},
    {"LS+ from a client", "LS+ a\r\n", 0, kUnknown},
    {"an empty line", "\r\n", 0, kUnknown},
    {"a blank before the verb", " PING\r\n", 0, kUnknown},
    {"a CR is no minus", "\rERR x\r\n", 0, kUnknown},
    {"a verb that cannot become one", "PX", 0, kUnknown},
    {"a verb that can", "PU", 0},
    {"no blank behind PUB", "PUB\r\n", 0, kUnknown},
    {"no arguments", "PUB \r\n", 0, kArgs},
    {"too many arguments", "PUB a b c 1\r\n", 0, kArgs},
    {"blanks and tabs separate", "PUB \t a\t \tr  2 \r\nhi\r\n", 21},
    {"payload may hold CRLF", "PUB a 4\r\n\r\n\r\n\r\n", 15},
    {"an empty payload", "PUB a 0\r\n\r\n", 11},
    {"payload still to come", "PUB a 5\r\nhel", 0},
    {"payload longer than said", "PUB a 2\r\nhello\r\n", 0, kUnknown},
    {"no LF behind the payload", "PUB a 2\r\nhi\rx", 0, kUnknown},
    {"a bare LF does not end a payload", "PUB a 2\r\nhi\n", 0, kUnknown},
    {"no number", "PUB a x\r\n", 0, kArgs},
    {"a sign", "PUB a -1\r\n", 0, kArgs},
    {"ten digits", "PUB a 0000000001\r\n", 0, kArgs},
    {"nine digits", "PUB a 000000001\r\nx\r\n", 20},
    {"size over the limit", "PUB a 9999999\r\n", 0, ParseError::kPayloadTooLarge},
    {"HPUB", "HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", 30},
    {"HPUB of any header bytes", "HPUB a 2 2\r\nxx\r\n", 16},
    {"HPUB, header longer than all", "HPUB a 3 2\r\nxx\r\n", 0, kArgs},
    {"HPUB over the limit", "HPUB a 3 9999999\r\n", 0, ParseError::kPayloadTooLarge},
    {"SUB", "SUB a 1\r\n", 9},
    {"SUB with queue", "SUB a q 1\r\n", 11},
    {"SUB without sid", "SUB a\r\n", 0, kArgs},
    {"SUB with too much", "SUB a b c d\r\n", 0, kArgs},
    {"UNSUB", "UNSUB 1\r\n", 9},
    {"UNSUB with max", "UNSUB 1 5\r\n", 11},
    {"UNSUB without sid", "UNSUB \r\n", 0, kArgs},
    {"CONNECT", "CONNECT {}\r\n", 12},
    {"leaf: LS+", "LS+ foo\r\n", 9, ParseError::kNone, kLeaf},
    {"leaf: LS+ with queue", "LS+ foo q 3\r\n", 13, ParseError::kNone, kLeaf},
    {"leaf: LS+ with two arguments", "LS+ foo q\r\n", 0, kArgs, kLeaf},
    {"leaf: LS-", "LS- foo q\r\n", 11, ParseError::kNone, kLeaf},
    {"leaf: LMSG", "LMSG foo 2\r\nhi\r\n", 16, ParseError::kNone, kLeaf},
    {"leaf: LMSG without size", "LMSG foo\r\n", 0, kArgs, kLeaf},
    {"leaf: LMSG, neither | nor +", "LMSG foo a b 2\r\nhi\r\n", 0, kArgs, kLeaf},
    {"leaf: HMSG", "HMSG foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", 32, ParseError::kNone, kLeaf},
    {"leaf: PUB", "PUB foo 2\r\nhi\r\n", 0, kUnknown, kLeaf},
    {"leaf: -ERR", "-ERR 'x y'\r\n", 12, ParseError::kNone, kLeaf},
    {"server: MSG", "MSG foo 9  2\r\nhi\r\n", 18, ParseError::kNone, kServer},
    {"server: HMSG", "HMSG foo 9 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", 36, ParseError::kNone,
     kServer},
    {"a line at the limit", "SUB a " + std::string(4096 - 2, 'x') + "\r\n", 4102},
    {"a line over the limit", "SUB a " + std::string(4096 - 1, 'x') + "\r\n", 0,
     ParseError::kControlLine},
    {"over the limit before its end", "SUB a " + std::string(4096, 'x'), 0,
     ParseError::kControlLine},
    {"a leaf's line may be longer", "LS+ " + std::string(65000, 'x') + "\r\n", 65006,
     ParseError::kNone, kLeaf},
};

TEST_CASE("parser: table of rules") {
  for (const Case& each : kCases) {
    CAPTURE(each.name);
    Op op;
    const ParseResult result = parse(each.input, each.peer, Limits{}, true, op);
    CHECK(result.used == each.used);
    CHECK(result.error == each.error);
  }
}

TEST_CASE("parser: any cut of the input gives the same result") {
  for (const Case& each : kCases) {
    CAPTURE(each.name);
    const std::size_t step = each.input.size() > 1000 ? 97 : 1;
    for (std::size_t cut = 0; cut < each.input.size(); cut += step) {
      Op op;
      const std::string_view front = std::string_view(each.input).substr(0, cut);
      const ParseResult result = parse(front, each.peer, Limits{}, true, op);
      CHECK(result.used == 0);
      if (each.used != 0) {
        CHECK(result.error == ParseError::kNone);
        if (result.wanted != 0) CHECK(result.wanted == each.used);
      }
      if (result.error != ParseError::kNone) CHECK(result.error == each.error);
    }
    Op op;
    const ParseResult more = parse(each.input + "PING\r\n", each.peer, Limits{}, true, op);
    if (each.used != 0) CHECK(more.used == each.used);
  }
}

Op parsed(std::string_view input, Peer peer) {
  Op op;
  REQUIRE(parse(input, peer, Limits{}, true, op).used == input.size());
  return op;
}

TEST_CASE("parser: what is in an operation") {
  Op op = parsed("PUB a.b r 5\r\nhello\r\n", kClient);
  CHECK(op.verb == Verb::kPub);
  CHECK(op.subject == "a.b");
  CHECK(op.reply == "r");
  CHECK(op.payload == "hello");
  CHECK(op.header.empty());
  op = parsed("hpub a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", kClient);
  CHECK(op.header == "NATS/1.0\r\n\r\n");
  CHECK(op.payload == "hi");
  op = parsed("SUB a.> workers 7\r\n", kClient);
  CHECK(op.subject == "a.>");
  CHECK(op.queue == "workers");
  CHECK(op.sid == "7");
  CHECK(parsed("UNSUB 7 20\r\n", kClient).number == 20);
  CHECK(parsed("UNSUB 7 1234567890\r\n", kClient).number == 0);
  CHECK(parsed("CONNECT  {\"a\": 1} \r\n", kClient).argument == "{\"a\": 1}");
  CHECK(parsed("-ERR 'Stale Connection'\r\n", kServer).argument == "Stale Connection");
}

TEST_CASE("parser: a leaf's message names reply and queues") {
  Op op = parsed("LMSG foo + rep q1  q2 2\r\nhi\r\n", kLeaf);
  CHECK(op.reply == "rep");
  std::string_view queues = op.queues;
  CHECK(next_queue(queues) == "q1");
  CHECK(next_queue(queues) == "q2");
  CHECK(next_queue(queues).empty());
  op = parsed("LMSG foo | q1 2\r\nhi\r\n", kLeaf);
  CHECK(op.reply.empty());
  queues = op.queues;
  CHECK(next_queue(queues) == "q1");
  op = parsed("LMSG foo rep 2\r\nhi\r\n", kLeaf);
  CHECK(op.reply == "rep");
  CHECK(op.queues.empty());
  op = parsed("HMSG foo + rep q1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", kLeaf);
  CHECK(op.verb == Verb::kLeafHmsg);
  CHECK(op.reply == "rep");
  CHECK(op.header.size() == 12);
  CHECK(op.payload == "hi");
  op = parsed("LS+ foo q 3\r\n", kLeaf);
  CHECK(op.queue == "q");
  CHECK(op.number == 3);
}

TEST_CASE("parser: a peer without headers may not send them") {
  Op op;
  CHECK(parse("HPUB a 2 2\r\nxx\r\n", kClient, Limits{}, false, op).error == kArgs);
}

TEST_CASE("parser: an incomplete payload says how much is wanted") {
  Op op;
  CHECK(parse("PUB a 1000\r\nxx", kClient, Limits{}, true, op).wanted == 1014);
}

}  // namespace
}  // namespace petiole
