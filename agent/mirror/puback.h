// The hub's JetStream answer to a publish. Wire format: wire/jetstream.md sections 1.5 and 2.2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace petiole {

struct PubAck {
  enum class Kind : std::uint8_t {
    kStored,     // The stream has it, now or from before.
    kTemporary,  // Refused for now: try again later.
    kRejected,   // This message will never be taken.
    kForeign,    // Not an answer of a stream.
  };
  Kind kind = Kind::kForeign;
  bool duplicate = false;
  bool wrong_sequence = false;  // Rejected for the sequence that it expects.
  bool crowded = false;         // Refused for now, as too many press the stream at once.
  std::uint64_t sequence = 0;
  std::string stream;
  std::string error;     // For people.
  std::string domain{};  // Of the stream's JetStream; empty: it says none, as errors do.
};

// What nats-server lets be the name of a stream: we put it into subjects and states.
bool is_stream_name(std::string_view name);

PubAck parse_puback(std::string_view header, std::string_view payload);
// Whatever JSON it is; the other takes a shorter way through what nats-server usually writes.
PubAck parse_puback_json(std::string_view payload);

}  // namespace petiole
