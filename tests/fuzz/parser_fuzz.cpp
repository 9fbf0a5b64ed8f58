// Properties of the parser that hold for any bytes and every kind of peer:
//  - it takes no more than it was given;
//  - an operation reads the same when bytes follow it;
//  - a prefix of an operation is incomplete, not an error;
//  - what it says is wanted is no more than the operation then takes;
//  - a mirror's mark is taken off its queues whole, and written again reads the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/protocol/mirror_mark.h"
#include "agent/protocol/parser.h"

namespace {

void check_mark(std::string_view queues) {
  const std::size_t before = queues.size();
  const petiole::MirrorMark mark = petiole::take_mark(queues);
  if (queues.size() > before) std::abort();
  if (!mark) return;
  std::string text;
  petiole::append_mark(text, mark);
  std::string_view written = text;
  const petiole::MirrorMark again = petiole::take_mark(written);
  if (again.origin != mark.origin || again.number != mark.number || again.kind != mark.kind) {
    std::abort();
  }
}

void check(std::string_view input, petiole::Peer peer) {
  petiole::Limits limits;
  limits.control_line_bytes_max = 256;
  limits.payload_bytes_max = 1024;
  petiole::Op op, again;
  const petiole::ParseResult result = petiole::parse(input, peer, limits, true, op);
  if (result.used > input.size()) std::abort();
  if (result.used == 0) return;
  const std::string_view whole = input.substr(0, result.used);
  const petiole::ParseResult alone = petiole::parse(whole, peer, limits, true, again);
  if (alone.used != result.used || again.verb != op.verb || again.payload != op.payload ||
      again.subject != op.subject || again.header != op.header) {
    std::abort();
  }
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const petiole::ParseResult cut =
        petiole::parse(whole.substr(0, size), peer, limits, true, again);
    if (cut.used != 0 || cut.error != petiole::ParseError::kNone) std::abort();
    if (cut.wanted != 0 && cut.wanted != result.used) std::abort();
  }
  check_mark(op.queues);
  std::string_view queues = op.queues;
  for (std::size_t left = queues.size() + 1; !petiole::next_queue(queues).empty(); --left) {
    if (left == 0) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const petiole::Peer peer : {petiole::kClient, petiole::kLeaf, petiole::kServer}) {
    check(input, peer);
  }
  return 0;
}
