// Properties of a proxy's answer to CONNECT that hold for any bytes:
//  - it opens, fails or waits in the same way wherever the bytes are cut;
//  - what follows the answer comes out as it went in, and nothing comes out before;
//  - it does not wait for more than the largest answer;
//  - what it says of a failure is one line without control characters.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "platform/proxy_layer.h"

namespace {

using petiole::Layer;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  bool good = false, open = false;
  std::string plain, error;
  bool operator==(const Outcome&) const = default;
};

Outcome outcome_of(std::string_view first, std::string_view rest) {
  const auto layer = petiole::make_proxy_layer({}, "hub", 7422);
  Outcome outcome;
  std::string wire;
  outcome.good = layer->receive(first, outcome.plain, wire).ok();
  if (outcome.good) outcome.good = layer->receive(rest, outcome.plain, wire).ok();
  outcome.open = layer->open();
  outcome.error = layer->error();
  require(wire.empty());
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const Outcome whole = outcome_of(input, {});
  require(!whole.open || whole.good);
  require(whole.plain.empty() || whole.open);
  require(input.ends_with(whole.plain));
  require(whole.good == whole.error.empty());
  require(whole.open || !whole.good || size <= petiole::kProxyAnswerBytesMax);
  require(std::all_of(whole.error.begin(), whole.error.end(),
                      [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; }));
  const std::size_t step = size / 64 + 1;
  for (std::size_t cut = 0; cut <= size; cut += step) {
    const Outcome parts = outcome_of(input.substr(0, cut), input.substr(cut));
    require(parts.good == whole.good && parts.open == whole.open && parts.plain == whole.plain);
    require(parts.error == whole.error || size > petiole::kProxyAnswerBytesMax);
  }
  return 0;
}
