// What the store remembers of a rule beside its messages: how far the hub has confirmed, and the
// loss ledger. One small value, written in the same commit as the removals that it accounts for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/mirror/mirror.h"
#include "agent/mirror/stream_floors.h"
#include "storage/log.h"

namespace petiole {

// 0 ≤ cursor ≤ settled ≤ sent_limit. Records up to `cursor` are confirmed. Those up to `settled`
// that still exist were passed over for want of interest. Those from there to `sent_limit` may have
// been sent. Later ones never were.
struct RuleState {
  Sequence cursor = 0, settled = 0, sent_limit = 0;
  Sequence passed = 0;     // What is still there up to here was passed over: others went ahead.
  Sequence last_upto = 0;  // Up to here with keep: last; UINT64_MAX: still.
  bool holes = false;      // The hub refused some and took later ones: see Resolver.
  // Nobody could note what is out of order: a disk had failed, or a note is damaged.
  bool order_unknown = false;
  bool own_ids = false;  // Records with a publisher's own message id may exist.
  std::uint64_t captured = 0, confirmed = 0, duplicates = 0;
  LossCounts losses;
  StreamFloors floors;
};

std::string encode_state(const RuleState& state);
std::optional<RuleState> decode_state(std::string_view text);

}  // namespace petiole
