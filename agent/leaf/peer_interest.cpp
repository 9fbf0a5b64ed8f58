#include "agent/leaf/peer_interest.h"

namespace petiole {

bool PeerInterest::add(Account& account, std::string_view subject, std::string_view queue,
                       std::uint32_t weight) {
  const auto found = subscriptions_.find(Name{subject, queue});
  if (found != subscriptions_.end()) {
    if (queue.empty() || (*found)->weight == weight) return false;
    account.reweigh(**found, weight);
    return true;
  }
  Subscription* subscription = make_subscription(owner_, subject, queue, {});
  subscription->weight = weight;
  subscriptions_.insert(subscription);
  account.add(*subscription);
  return true;
}

bool PeerInterest::remove(Account& account, std::string_view subject, std::string_view queue) {
  const auto found = subscriptions_.find(Name{subject, queue});
  if (found == subscriptions_.end()) return false;
  Subscription* subscription = *found;
  subscriptions_.erase(found);
  account.retire(subscription);
  return true;
}

void PeerInterest::clear(Account& account) {
  for (Subscription* subscription : subscriptions_) account.retire(subscription);
  subscriptions_.clear();
}

}  // namespace petiole
