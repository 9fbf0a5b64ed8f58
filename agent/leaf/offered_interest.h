// Which interest of an account a leaf link's peer is told: wire 3.5.
//
// Local subscriptions are counted for as long as this lives, with or without a link, so that a link
// that comes back need not walk through a million of them. What other leafs want is counted while
// there is a link, as that depends on who its peer is. Loop thread.
#pragma once

#include <string>
#include <vector>

#include "agent/leaf/interest.h"
#include "agent/routing/account.h"

namespace petiole {

class LeafRegister;
class LeafSession;

class OfferedInterest final : private InterestListener {
 public:
  // Both outlive it.
  OfferedInterest(Account& account, LeafRegister& links);
  ~OfferedInterest() override;
  OfferedInterest(const OfferedInterest&) = delete;
  OfferedInterest& operator=(const OfferedInterest&) = delete;

  // One link at a time. `peer` is told of changes by offer_changed().
  void attach(LeafSession& peer);
  void detach();

  InterestMap& map() { return map_; }
  const InterestMap& map() const { return map_; }

 private:
  void added(const Subscription& subscription) override;
  void removed(const Subscription& subscription) override;
  void reweighed(const Subscription& subscription, std::uint32_t before) override;
  bool counts(const Subscription& subscription) const;
  template <class Visit>
  void for_each_of_leafs(const Visit& visit) const;
  void tell_peer();

  Account& account_;
  LeafRegister& links_;
  LeafSession* peer_ = nullptr;
  bool isolated_ = false;  // What the peer was when it was attached.
  InterestMap map_;
  std::vector<std::string> captured_;  // Patterns of the mirror, while the peer is told of them.
};

}  // namespace petiole
