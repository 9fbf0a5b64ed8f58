#include "agent/auth/reply_rights.h"

#include <utility>

#include "agent/subject/token_hash.h"

namespace petiole {

namespace {

constexpr std::size_t kRightsMin = 16;

}  // namespace

// The link that leads to `reply`, or the end of its chain.
std::uint32_t* ReplyRights::find(std::string_view reply, std::uint32_t hash) {
  std::uint32_t* link = &buckets_[hash & (buckets_.size() - 1)];
  while (*link != 0 && ring_[*link - 1].reply != reply) link = &ring_[*link - 1].next;
  return link;
}

void ReplyRights::drop(std::uint32_t* link) {
  Right& right = ring_[*link - 1];
  *link = right.next;
  right.reply.clear();
  --live_;
}

void ReplyRights::drop_oldest() {
  Right& right = at(oldest_++);
  if (!right.reply.empty()) drop(find(right.reply, right.hash));
}

// Closes the gaps that used rights have left, and doubles the ring unless that was enough.
void ReplyRights::make_room() {
  const std::size_t size = ring_.empty()              ? kRightsMin
                           : live_ > ring_.size() / 2 ? ring_.size() * 2
                                                      : ring_.size();
  std::vector<Right> old = std::exchange(ring_, std::vector<Right>(size));
  buckets_.assign(size, 0);
  std::uint32_t place = 0;
  for (std::uint64_t number = oldest_; number != next_; ++number) {
    Right& right = old[number & (old.size() - 1)];
    if (right.reply.empty()) continue;
    right.next = std::exchange(buckets_[right.hash & (size - 1)], place + 1);
    ring_[place++] = std::move(right);
  }
  oldest_ = 0;
  next_ = place;
}

void ReplyRights::grant(std::string_view reply, Time now) {
  if (reply.empty()) return;
  while (oldest_ != next_ && is_spent(at(oldest_), now)) drop_oldest();
  if (live_ == kRightsMax) drop_oldest();
  if (next_ - oldest_ == ring_.size()) make_room();
  const std::uint32_t hash = token_hash(seed_, reply);
  if (std::uint32_t* const known = find(reply, hash); *known != 0) drop(known);
  const auto place = static_cast<std::uint32_t>(next_ & (ring_.size() - 1));
  Right& right = ring_[place];
  right.reply.assign(reply);
  right.since = now;
  right.used = 0;
  right.hash = hash;
  right.next = std::exchange(buckets_[hash & (buckets_.size() - 1)], place + 1);
  ++next_;
  ++live_;
}

bool ReplyRights::is_spent(const Right& right, Time now) const {
  return right.reply.empty() || is_late(right, now);
}

bool ReplyRights::is_late(const Right& right, Time now) const {
  return rule_.expires.count() >= 0 && now - right.since > rule_.expires;
}

bool ReplyRights::use(std::string_view reply, Time now) {
  if (ring_.empty() || reply.empty()) return false;
  std::uint32_t* const link = find(reply, token_hash(seed_, reply));
  if (*link == 0) return false;
  Right& right = ring_[*link - 1];
  const bool late = is_late(right, now);
  ++right.used;
  if (late || (rule_.max >= 0 && right.used >= rule_.max)) drop(link);
  return !late;
}

}  // namespace petiole
