// A message on its way, as views that are valid during the call that carries them.
#pragma once

#include <cstdint>
#include <string_view>

#include "platform/output.h"

namespace petiole {

struct Message {
  std::string_view subject;
  std::string_view reply;
  std::string_view header;   // Empty, or a whole NATS/1.0 block with its blank line.
  std::string_view payload;  // Without the header.
  // Made by the router when several peers get a large payload; else null. Header and payload in
  // one.
  SharedBytes shared;
};

enum class PeerKind : std::uint8_t {
  kClient,
  kLeaf,
  kRoute,
  kGateway,
  kSystem,    // A part of the agent.
  kInternal,  // The same, but only this server's own clients may reach it: links do not tell of it.
};

}  // namespace petiole
