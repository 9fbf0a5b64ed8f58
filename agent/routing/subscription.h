// One subscription, and whoever holds it: a client, a leaf, later a route or gateway, or a part of
// the agent itself (kSystem).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "agent/routing/message.h"
#include "platform/time.h"

namespace petiole {

struct Subscription;
class Account;

// What is told of a party to those who answer its requests; views that live as long as the party
// does not change. Fields and their names: nats-server events.go, ClientInfo.
struct PartyInfo {
  std::uint64_t id = 0;
  std::string_view account, host, user, name, lang, version, kind, type;
  WallTime start{};
  Duration round_trip{};
};

// A party of message routing. Loop thread. Its subscriptions are removed from the account's index
// before it is destroyed.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  virtual PeerKind kind() const = 0;
  // Its number in Server's register of connections; 0: it is none.
  virtual std::uint64_t cid() const { return 0; }

  // Gives a message to one subscription of this party (never called for kLeaf). Returns false when
  // it was not taken (denied, closing): a queue group then tries another member. Must not change
  // subscriptions of any party during the call, but may post that for later.
  virtual bool deliver(Subscription& subscription, const Message& message) = 0;

  // kLeaf: one line for all of the peer's matches: `plain` matches, and the queue groups of which
  // it was chosen to serve a member. See wire 3.4.
  virtual bool deliver_leaf(const Message& message, bool plain, const std::string_view* queues,
                            std::size_t queue_count) {
    (void)message, (void)plain, (void)queues, (void)queue_count;
    return false;
  }

  // Clients and leafs: why deliver or deliver_leaf would not take a message (trace_error); null: it
  // would. Asked of messages that are traced.
  virtual const char* refusal(const Message& message, std::string_view queue) const {
    return (void)message, (void)queue, nullptr;
  }
  // kLeaf: the peer goes on with the trace of a message, and does not deliver what is only traced.
  virtual bool takes_traces() const { return false; }

  // kLeaf: true for the soliciting side's link to a hub. What a mirror rule captures does not go to
  // those directly: the mirror sends it.
  virtual bool uplink() const { return false; }
  // kLeaf: the peer's cluster name; messages never go between two leafs of one cluster (wire 3.9),
  // but for those that cross an import: the cluster has not seen them in the other account.
  virtual std::string_view origin_cluster() const { return {}; }
  // Of an uplink: what tells its hub from others, its cluster or itself; else empty.
  virtual std::string_view hub_name() const { return {}; }

  // False: a part of the agent, of which nobody is told.
  virtual bool describe(PartyInfo& info) const { return (void)info, false; }

  // Imports only. They stand for parties of another account: whom, if it is a leaf; whether anyone
  // there takes what `subscription` of theirs is given, which came by a service import or not.
  virtual bool is_import() const { return false; }
  virtual const Subscriber& party() const { return *this; }
  virtual bool has_taker(const Subscription& subscription, std::string_view subject,
                         bool imported) const {
    return (void)subscription, (void)subject, (void)imported, true;
  }
};

// Allocated in one piece with its texts by make_subscription; at a million of them every byte
// counts: at most 200 in all, with the index and the owner's own table.
struct Subscription {
  Subscriber* owner = nullptr;
  Subscription* next = nullptr;      // The index's: others of the same subject.
  Subscription* previous = nullptr;  // The index's.
  std::uint64_t delivered = 0;
  std::uint64_t max = 0;  // Auto-unsubscribe after so many; 0: never. Imports keep their own here.
  std::uint32_t weight = 1;  // Leaf: LS+ weight of a queue.
  std::uint16_t subject_bytes = 0, queue_bytes = 0, sid_bytes = 0;
  bool closed = false;    // Removed; must not be delivered to any more.
  bool filtered = false;  // Its owner's: what it matches may be denied to the owner.

  std::string_view subject() const { return {text(), subject_bytes}; }
  std::string_view queue() const { return {text() + subject_bytes, queue_bytes}; }
  std::string_view sid() const { return {text() + subject_bytes + queue_bytes, sid_bytes}; }
  const char* text() const { return reinterpret_cast<const char*>(this + 1); }
};

// Whether a subscription holds texts of these lengths: a peer's may be longer.
inline bool fits_subscription(std::string_view subject, std::string_view queue,
                              std::string_view sid) {
  return std::max({subject.size(), queue.size(), sid.size()}) <= UINT16_MAX;
}
// They must fit.
Subscription* make_subscription(Subscriber& owner, std::string_view subject, std::string_view queue,
                                std::string_view sid);
void free_subscription(Subscription* subscription);

}  // namespace petiole
