// What the senders of all rules share of the link to the hub.
#pragma once

#include <cstdint>
#include <functional>

#include "agent/mirror/api_client.h"
#include "agent/mirror/hub_directory.h"
#include "agent/mirror/inbox.h"
#include "agent/mirror/pacer.h"
#include "agent/mirror/uplink.h"

namespace petiole {

struct LinkState {
  Uplink* uplink = nullptr;  // Null: down.
  bool proven = false;       // Heartbeats are answered.
  Time up{}, interest_changed{};
  Time interest_moves{};         // Since then there was no while without a change.
  std::uint64_t generation = 0;  // Counts links.
  // Barriers are numbered; what is sent now is behind those asked for and before `next_barrier`.
  std::uint64_t next_barrier = 1;
  bool barrier_wanted = false;
  std::uint64_t bytes_sent = 0;  // Of replay and live flow, over this link.
};

struct LinkParts {
  LinkState state;
  Inbox& inbox;
  ApiClient& api;
  HubDirectory& directory;
  Pacer& pacer;
  const MirrorLimits& limits;
  HashKey key;
};

}  // namespace petiole
