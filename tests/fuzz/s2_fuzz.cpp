// Properties of S2 that hold for any bytes:
//  - what is packed comes out again;
//  - of a stream, whatever it is, a step makes no more than a block and a step's bytes;
//  - where a stream is cut changes neither what comes out nor whether it is refused.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "platform/s2_layer.h"

namespace {

using petiole::Layer;
using petiole::S2Encoder;
using petiole::Status;

constexpr std::size_t kBlockMax = 64 * 1024;
constexpr std::size_t kStepMax = 256 * 1024 + kBlockMax;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  std::string plain;
  bool ok = true;
  bool operator==(const Outcome&) const = default;
};

void give(Layer& layer, std::string_view bytes, Outcome& outcome) {
  std::string wire;
  do {
    if (!outcome.ok) return;
    const std::size_t before = outcome.plain.size();
    outcome.ok = layer.receive(bytes, outcome.plain, wire).ok();
    require(outcome.plain.size() - before <= kStepMax + bytes.size());
    bytes = {};
  } while (layer.more() && outcome.plain.size() < 64 * kStepMax);
  require(wire.empty());
}

Outcome read(std::string_view stream, std::size_t cut) {
  const auto layer = petiole::make_s2_layer(std::make_shared<S2Encoder>(),
                                            {petiole::CompressionLevel::kPacked, kBlockMax});
  Outcome outcome;
  give(*layer, stream.substr(0, cut), outcome);
  give(*layer, stream.substr(cut), outcome);
  return outcome;
}

void packs_and_unpacks(std::string_view bytes) {
  if (bytes.empty()) return;
  S2Encoder encoder;
  std::string block, plain;
  bytes = bytes.substr(0, S2Encoder::kBytesMax);
  encoder.encode(bytes, block);
  require(petiole::decode_s2(block, bytes.size(), plain).ok());
  require(plain == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  packs_and_unpacks(input);
  std::string plain;
  if (!petiole::decode_s2(input, kBlockMax, plain).ok()) plain.clear();
  require(plain.size() <= kBlockMax);
  const std::string stream = std::string("\xff\x06\x00\x00S2sTwO", 10) + std::string(input);
  const std::string_view taken = size % 2 == 0 ? std::string_view(stream) : input;
  const Outcome whole = read(taken, 0);
  const Outcome cut = read(taken, size == 0 ? 0 : data[0] % taken.size());
  require(whole.ok == cut.ok);
  require(!whole.ok || whole == cut);
  return 0;
}
