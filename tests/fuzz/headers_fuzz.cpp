// Properties of header blocks that hold for any bytes of a peer:
//  - a value that is found lies in the block, on one line, without leading blanks;
//  - what is added is found, and the others are what they were;
//  - what is replaced is there once, and is the last line.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/protocol/headers.h"

namespace {

constexpr std::string_view kName = "Nats-Msg-Id", kOther = "Nats-Expected-Stream",
                           kOurs = "Petiole";

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view block(reinterpret_cast<const char*>(data), size);
  const auto found = petiole::find_header(block, kName);
  if (found) {
    require(found->empty() || (found->data() >= block.data() &&
                               found->data() + found->size() <= block.data() + block.size()));
    require(found->find("\r\n") == found->npos && !found->starts_with(' '));
  }

  const std::string more = petiole::add_header(block, kOurs, "value");
  require(more.ends_with("\r\n\r\n"));
  if (!petiole::find_header(block, kOurs)) require(petiole::find_header(more, kOurs) == "value");
  require(!found || petiole::find_header(more, kName) == found);

  std::string changed = "of an earlier use";
  petiole::replace_header(changed, block, kName, "ours");
  require(petiole::find_header(changed, kName) == "ours");
  require(changed.starts_with("NATS/1.0"));
  require(changed.ends_with("\r\nNats-Msg-Id: ours\r\n\r\n"));
  const std::string before = changed.substr(0, changed.size() - 21);
  require(!petiole::find_header(before, kName));
  if (block.starts_with("NATS/1.0")) {
    require(petiole::find_header(changed, kOther) == petiole::find_header(block, kOther));
  }
  return 0;
}
