// Parties that remember what they were given.
#pragma once

#include <string>
#include <vector>

#include "agent/routing/account.h"
#include "tests/support/sim.h"

namespace petiole::test {

// A client, or a leaf when given a kind; `takes` false refuses.
class Peer : public Subscriber {
 public:
  explicit Peer(PeerKind kind = PeerKind::kClient) : kind_(kind) {}
  PeerKind kind() const override { return kind_; }
  bool deliver(Subscription& subscription, const Message& message) override {
    if (!takes) return false;
    got.push_back(std::string(subscription.sid()) + ":" + std::string(message.payload));
    if (hook) hook(subscription);
    last_shared = message.shared;
    return true;
  }
  bool deliver_leaf(const Message& message, bool plain, const std::string_view* queues,
                    std::size_t queue_count) override {
    std::string line = plain ? "plain" : "queues";
    for (std::size_t i = 0; i < queue_count; ++i) line += " " + std::string(queues[i]);
    got.push_back(line);
    last_shared = message.shared;
    return takes;
  }
  bool uplink() const override { return is_uplink; }
  std::string_view origin_cluster() const override { return cluster; }
  std::string_view hub_name() const override { return hub; }

  bool takes = true, is_uplink = false;
  std::string cluster, hub;
  std::vector<std::string> got;
  std::function<void(Subscription&)> hook;
  SharedBytes last_shared;

 private:
  PeerKind kind_;
};

struct AccountFixture {
  SimEntropy entropy{42};
  Limits limits;
  Account account{"A", limits, entropy};
  std::vector<Subscription*> made;

  ~AccountFixture() {
    for (Subscription* each : made) account.retire(each);
  }
  Subscription* sub(Subscriber& owner, std::string_view subject, std::string_view queue = {},
                    std::string_view sid = "1", std::uint32_t weight = 1) {
    made.push_back(make_subscription(owner, subject, queue, sid));
    made.back()->weight = weight;
    account.add(*made.back());
    return made.back();
  }
  void drop(Subscription* subscription) {
    std::erase(made, subscription);
    account.retire(subscription);
  }
  PublishOutcome publish(std::string_view subject, Account::Origin origin = {},
                         std::string_view payload = "x", std::string_view reply = {}) {
    Message message;
    message.subject = subject;
    message.reply = reply;
    message.payload = payload;
    return account.publish(origin, message);
  }
};

}  // namespace petiole::test
