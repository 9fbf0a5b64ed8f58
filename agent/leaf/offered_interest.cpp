#include "agent/leaf/offered_interest.h"

#include <utility>

#include "agent/leaf/register.h"
#include "agent/leaf/session.h"

namespace petiole {

OfferedInterest::OfferedInterest(Account& account, LeafRegister& links)
    : account_(account), links_(links), map_(account.hash_seed()) {
  account_.for_each([this](const Subscription& each) {
    if (counts(each)) map_.add(each.subject(), each.queue(), each.weight);
  });
  account_.for_each_advertised(
      [this](const Subscription& each) { map_.add(each.subject(), {}, 1); });
  map_.add(links_.loop_subject(account_), {}, 1);
  account_.listen(*this);
}

OfferedInterest::~OfferedInterest() { account_.unlisten(*this); }

bool OfferedInterest::counts(const Subscription& subscription) const {
  const Subscriber* owner = subscription.owner;
  if (owner->kind() != PeerKind::kLeaf) return owner->kind() != PeerKind::kInternal;
  if (peer_ == nullptr || owner == peer_) return false;
  const std::string_view cluster = owner->origin_cluster();
  const bool same_cluster = !cluster.empty() && cluster == peer_->origin_cluster();
  const bool loop = subscription.subject().starts_with("$LDS.");
  if (same_cluster && (loop || !owner->is_import())) return false;
  if (loop) return true;
  if (isolated_) return false;
  return !(peer_->is_spoke() && links_.is_spoke(&owner->party()));  // One hub's wish is no other's.
}

template <class Visit>
void OfferedInterest::for_each_of_leafs(const Visit& visit) const {
  links_.for_each(account_, [&](const LeafSession& leaf) {
    leaf.peer_subscriptions().for_each([&](const Subscription* each) {
      if (!each->closed && counts(*each)) visit(*each);
    });
  });
  account_.for_each_foreign_leaf([&](const Subscription& each) {
    if (counts(each)) visit(each);
  });
}

void OfferedInterest::attach(LeafSession& peer) {
  peer_ = &peer;
  isolated_ = peer.isolated();
  for_each_of_leafs(
      [this](const Subscription& each) { map_.add(each.subject(), each.queue(), each.weight); });
  if (links_.captured && !peer.is_spoke() && !peer.uplink()) captured_ = links_.captured(account_);
  for (const std::string& pattern : captured_) map_.add(pattern, {}, 1);
  map_.start();
}

void OfferedInterest::detach() {
  map_.stop();
  for_each_of_leafs(
      [this](const Subscription& each) { map_.remove(each.subject(), each.queue(), each.weight); });
  for (const std::string& pattern : std::exchange(captured_, {})) map_.remove(pattern, {}, 1);
  peer_ = nullptr;
}

void OfferedInterest::tell_peer() {
  if (peer_ != nullptr) peer_->offer_changed();
}

void OfferedInterest::added(const Subscription& subscription) {
  if (!counts(subscription)) return;
  map_.add(subscription.subject(), subscription.queue(), subscription.weight);
  tell_peer();
}

void OfferedInterest::removed(const Subscription& subscription) {
  if (!counts(subscription)) return;
  map_.remove(subscription.subject(), subscription.queue(), subscription.weight);
  tell_peer();
}

void OfferedInterest::reweighed(const Subscription& subscription, std::uint32_t before) {
  if (!counts(subscription)) return;
  // Added first: a group that stays must not leave the map in between.
  map_.add(subscription.subject(), subscription.queue(), subscription.weight);
  map_.remove(subscription.subject(), subscription.queue(), before);
  tell_peer();
}

}  // namespace petiole
