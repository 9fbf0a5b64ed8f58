#include "agent/routing/delivery.h"

#include <algorithm>
#include <array>
#include <memory>

#include "agent/protocol/parser.h"
#include "agent/routing/message_trace.h"

namespace petiole {

namespace {

constexpr std::size_t kSharedBytesMin = 8 * 1024;  // Below, a copy is cheaper than a reference.
constexpr std::size_t kLeafQueuesFew = 64;         // Groups that leafs serve without memory.

// xorshift64*: fast, and no peer gains by guessing it.
std::uint32_t next_random(std::uint64_t& state) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return static_cast<std::uint32_t>((state * 0x2545f4914f6cdd1d) >> 32);
}

// Below `bound`, without a division.
std::uint32_t pick_below(std::uint64_t& state, std::uint32_t bound) {
  return static_cast<std::uint32_t>((std::uint64_t{next_random(state)} * bound) >> 32);
}

bool names(std::string_view queues, std::string_view name) {
  for (;;) {
    const std::string_view next = next_queue(queues);
    if (next.empty()) return false;
    if (next == name) return true;
  }
}

// A consumer's delivery crosses leaf links as `$JS.ACK.<8 tokens>…@<original subject>` in place of
// the reply: where the `@` is, or npos (wire 3.8). The tokens may hold one themselves.
std::size_t find_original_subject(std::string_view reply) {
  if (!reply.starts_with("$JS.ACK.")) return reply.npos;
  int dots = 0;
  for (std::size_t i = 0; i < reply.size(); ++i) {
    if (reply[i] == '.') ++dots;
    if (reply[i] == '@' && dots >= 8) return i + 1 < reply.size() ? i : reply.npos;
  }
  return reply.npos;
}

// What a trace costs is in the other form alone.
template <bool kTraced>
class Delivery {
 public:
  Delivery(const Account::Origin& origin, const Message& message, const MatchResult& result,
           bool captured, std::uint64_t& random)
      : origin_(origin), message_(message), result_(result), captured_(captured), random_(random) {
    if (origin.leaf && origin.from) cluster_ = origin.from->origin_cluster();
    share();
    if (origin.leaf) restore_subject();
  }

  std::uint32_t run() {
    for (Subscription* each : result_.plain) give(*each);
    for (const QueueGroup& group : result_.groups) serve(group);
    serve_leafs();
    return delivered_;
  }

 private:
  void share() {
    const std::size_t bytes = message_.header.size() + message_.payload.size();
    if (bytes < kSharedBytesMin || message_.shared || result_.target_count() < 2) return;
    std::string whole;
    whole.reserve(bytes);
    whole.append(message_.header).append(message_.payload);
    message_.shared = std::make_shared<const std::string>(std::move(whole));
  }

  // Local clients see what the consumer's stream held; other leafs get it as it came.
  void restore_subject() {
    restored_ = message_;
    if (petiole::restore_subject(restored_)) local_ = &restored_;
  }

  // Imports and services go by the subject that was sent: a peer may name any other one behind it.
  const Message& seen_by(const Subscriber& owner) const {
    return local_ == &message_ || owner.kind() == PeerKind::kClient ? *local_ : message_;
  }

  bool give(Subscription& subscription) {
    if constexpr (kTraced) {
      const bool given = origin_.trace->give(origin_, subscription, seen_by(*subscription.owner),
                                             subscription.subject());
      if (given) ++delivered_;
      return given;
    }
    if (subscription.closed || (!origin_.echo && subscription.owner == origin_.from)) return false;
    Subscriber& owner = *subscription.owner;
    if (!owner.deliver(subscription, seen_by(owner))) return false;
    ++delivered_;
    return true;
  }

  bool may_reach(const Subscriber& leaf) const {
    if (&leaf == origin_.from || (captured_ && leaf.uplink())) return false;
    if (origin_.imported || leaf.is_import()) return !returns_to_hub(leaf);
    return cluster_.empty() || leaf.origin_cluster() != cluster_;
  }

  // Imports at both ends would send it round and round. nats-server client.go, checkLeafEcho.
  bool returns_to_hub(const Subscriber& leaf) const {
    if (!origin_.leaf || !origin_.from) return false;
    const std::string_view hub = origin_.from->hub_name();
    return !hub.empty() && hub == leaf.party().hub_name();
  }

  // A local member in the group's order from a random start; a leaf when no local one takes it.
  void serve(const QueueGroup& group) {
    if (origin_.leaf && !origin_.all_queues && !names(origin_.queues, group.name)) return;
    const std::uint32_t count = group.leafs - group.begin;
    const std::uint32_t start = count > 1 ? pick_below(random_, count) : 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t at = start + i < count ? start + i : start + i - count;
      if (give(*result_.members[group.begin + at])) return;
    }
    if (group.leafs != group.end) choose_leaf(group);
  }

  void choose_leaf(const QueueGroup& group) {
    std::uint64_t total = 0;
    for (std::uint32_t i = group.leafs; i < group.end; ++i) total += weight(*result_.members[i]);
    if (total == 0) return;
    if (chosen_count_ == kLeafQueuesFew) make_room();
    std::uint64_t left =
        pick_below(random_, static_cast<std::uint32_t>(std::min<std::uint64_t>(total, UINT32_MAX)));
    for (std::uint32_t i = group.leafs; i < group.end; ++i) {
      const std::uint64_t share = weight(*result_.members[i]);
      if (left < share) {
        chosen_[chosen_count_++] = {result_.members[i]->owner, &group};
        return;
      }
      left -= share;
    }
  }

  // For all groups that there are; from here on the few are not used.
  void make_room() {
    many_ = std::make_unique<Chosen[]>(result_.groups.size());
    std::copy(few_.begin(), few_.end(), many_.get());
    chosen_ = many_.get();
  }

  std::uint32_t weight(const Subscription& member) const {
    return !member.closed && may_reach(*member.owner) ? member.weight : 0;
  }

  void serve_leafs() {
    for (Subscriber* leaf : result_.leafs) {
      if (may_reach(*leaf)) send(*leaf, true);
    }
    for (std::size_t i = 0; i < chosen_count_; ++i) {
      if (chosen_[i].leaf) send(*chosen_[i].leaf, false);
    }
  }

  // One line with all the groups that were chosen for `leaf`.
  void send(Subscriber& leaf, bool plain) {
    if (chosen_count_ == 0) return send(leaf, plain, nullptr, 0);
    std::array<std::string_view, kLeafQueuesFew> few;
    std::unique_ptr<std::string_view[]> many;
    if (many_) many = std::make_unique<std::string_view[]>(chosen_count_);
    std::string_view* const queues = many ? many.get() : few.data();
    std::size_t count = 0;
    for (std::size_t i = 0; i < chosen_count_; ++i) {
      if (chosen_[i].leaf != &leaf) continue;
      queues[count++] = chosen_[i].group->name;
      chosen_[i].leaf = nullptr;
    }
    send(leaf, plain, queues, count);
  }

  void send(Subscriber& leaf, bool plain, const std::string_view* queues, std::size_t count) {
    bool sent = false;
    if constexpr (kTraced) {
      sent = origin_.trace->give_leaf(leaf, message_, [&](const Message& with_hop) {
        return leaf.deliver_leaf(with_hop, plain, queues, count);
      });
    } else {
      sent = leaf.deliver_leaf(message_, plain, queues, count);
    }
    if (sent) ++delivered_;
  }

  struct Chosen {  // No initial values: the array costs nothing where no leaf is a member.
    Subscriber* leaf;
    const QueueGroup* group;
  };

  const Account::Origin& origin_;
  Message message_;
  Message restored_{};
  const Message* local_ = &message_;
  const MatchResult& result_;
  const bool captured_;
  std::uint64_t& random_;
  std::string_view cluster_;
  std::uint32_t delivered_ = 0;
  std::size_t chosen_count_ = 0;
  std::array<Chosen, kLeafQueuesFew> few_;
  std::unique_ptr<Chosen[]> many_;
  Chosen* chosen_ = few_.data();
};

}  // namespace

bool restore_subject(Message& message) {
  const std::size_t at = find_original_subject(message.reply);
  if (at == message.reply.npos) return false;
  message.subject = message.reply.substr(at + 1);
  message.reply = message.reply.substr(0, at);
  return true;
}

std::uint32_t deliver(const Account::Origin& origin, const Message& message,
                      const MatchResult& result, bool captured, std::uint64_t& random) {
  if (origin.trace) [[unlikely]]
    return Delivery<true>(origin, message, result, captured, random).run();
  return Delivery<false>(origin, message, result, captured, random).run();
}

}  // namespace petiole
