// Text in the encoding that a header `Accept-Encoding` wished for, as nats-server's events.go names
// and frames it: gzip (RFC 1952) and snappy's stream format.
//
// The frames are whole and checked, but hold the text as it is: events are small, and a compressor
// is more than this server carries for them.
#pragma once

#include <string>

#include "agent/routing/message_trace.h"

namespace petiole {

struct EncodedText {
  std::string header{};  // With Content-Encoding; empty without.
  std::string payload{};
};

EncodedText encode(std::string text, MessageTrace::Encoding encoding);

}  // namespace petiole
