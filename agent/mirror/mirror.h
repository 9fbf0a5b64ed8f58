// The store-and-forward mirror of one account: what a rule captures is kept until the hub has it.
//
// Capture on one side (Capture, called by the account), the link on the other (UplinkObserver,
// called by the remote), the store below. See design.md section 6. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/mirror/uplink.h"
#include "agent/routing/account.h"
#include "platform/host.h"
#include "storage/store.h"

namespace petiole {

// Why messages were given up, counted for good. Lost without an entry here is a bug.
struct LossCounts {
  std::uint64_t age = 0;         // Older than max_age.
  std::uint64_t limit = 0;       // Evicted by discard: old, or by priority on a full store.
  std::uint64_t refused = 0;     // Not taken: discard: new, a full disk.
  std::uint64_t superseded = 0;  // keep: last, by a newer message of the subject (not a loss).
  std::uint64_t rejected = 0;    // The hub will never take it: too large for it or its stream.
  std::uint64_t corrupt = 0;     // Not readable from a damaged database.
  std::uint64_t uncounted = 0;   // Not messages: so many times damage took a number nobody knows.
};

struct RuleReport {
  std::string account{};  // Only where several accounts have mirrors.
  std::vector<std::string> subjects;
  Durability durability = Durability::kDisk;
  std::string confirm;  // "puback", "barrier", "puback (duplicate window only)", "unknown".
  std::uint64_t messages = 0, bytes = 0;  // Backlog: captured, not confirmed.
  WallTime oldest{};
  std::uint64_t captured = 0, confirmed = 0, duplicates = 0, in_flight = 0;
  double drain_rate = 0;  // Messages a second, smoothed; 0: not draining.
  LossCounts losses{};
  std::string hub_refuses{};  // Why the hub takes none of what waits, in its words; or empty.
  std::string refusing{};     // Why messages are refused at this moment; empty: they are not.
};

struct MirrorReport {
  std::string state;      // "live", "replaying", "refused by the hub", "waiting for interest",
                          // "resolving", "offline", "disk hangs", "storage failed".
  std::string guarantee;  // What a reconnect can promise with this hub, for people.
  std::vector<RuleReport> rules;
  StoreUsage usage;
  std::string quarantined;
};

class Mirror : public Capture, public UplinkObserver {
 public:
  virtual MirrorReport report() const = 0;
  // Of all rules that are configured.
  virtual std::vector<std::string> patterns() const = 0;

  // Hands memory windows to the store, then calls `done` when they are on disk.
  virtual void stop(std::function<void()> done) = 0;
};

// `leaf_id` names this leaf in message ids; stable over restarts. All references outlive the
// mirror.
std::unique_ptr<Mirror> make_mirror(const MirrorConfig& config, std::string leaf_id,
                                    Account& account, Store& store, Host host);

}  // namespace petiole
