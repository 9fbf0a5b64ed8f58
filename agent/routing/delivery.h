// Hands one message to all that a match result names: the inside of Account::publish.
#pragma once

#include "agent/routing/account.h"
#include "agent/routing/match_result.h"

namespace petiole {

// Returns how many took it. A `captured` message goes to no uplink. `random` is the state of the
// generator that picks queue members.
std::uint32_t deliver(const Account::Origin& origin, const Message& message,
                      const MatchResult& result, bool captured, std::uint64_t& random);

// What a JetStream consumer delivers crosses leaf links with the subject of its stream behind its
// reply (wire 3.8). Takes it from there; false: there is none.
bool restore_subject(Message& message);

}  // namespace petiole
