// Properties of a stream's answer to a publish that hold for any bytes; a 0 byte parts header and
// payload:
//  - only what names a stream, as nats-server lets one be named, and a sequence counts as stored;
//  - what is no answer of a stream says nothing;
//  - a header without status changes nothing;
//  - the shorter way through the usual answer comes to what JSON says.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/mirror/puback.h"

namespace {

using petiole::PubAck;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t parted = input.find('\0');
  const std::string_view header = parted == input.npos ? "" : input.substr(0, parted);
  const std::string_view payload = parted == input.npos ? input : input.substr(parted + 1);
  const PubAck ack = petiole::parse_puback(header, payload);
  const bool stored = ack.kind == PubAck::Kind::kStored;
  require(ack.stream.empty() || petiole::is_stream_name(ack.stream));
  require(!stored || !ack.stream.empty());
  require(stored || ack.domain.empty());
  require(stored == (ack.sequence > 0));
  require(stored || !ack.duplicate);
  require(!stored || ack.error.empty());
  if (ack.kind == PubAck::Kind::kForeign) require(ack.error.empty());
  if (header.starts_with("NATS/1.0 503")) return require(ack.kind == PubAck::Kind::kTemporary), 0;
  const PubAck again = petiole::parse_puback({}, payload);
  require(again.kind == ack.kind && again.sequence == ack.sequence && again.stream == ack.stream);
  if (!payload.starts_with('{')) return 0;
  const PubAck json = petiole::parse_puback_json(payload);
  require(json.kind == ack.kind && json.sequence == ack.sequence && json.stream == ack.stream &&
          json.duplicate == ack.duplicate && json.domain == ack.domain);
  return 0;
}
