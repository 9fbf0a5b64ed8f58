// The line to callout services by messages: a request in the account, an inbox for its reply.
//
// Bounded: kWaitingMax questions are open at a time, each for as long as the asker says. The
// service may sit behind a leaf link: links are told of the inbox. Loop thread.
#pragma once

#include <map>
#include <string>

#include "agent/auth/callout_line.h"
#include "agent/routing/account.h"
#include "platform/host.h"

namespace petiole {

class CalloutRequests final : public CalloutLine, public Subscriber {
 public:
  static constexpr std::size_t kWaitingMax = 1024;  // Each holds some KiB at most.

  // `account` finds one by its name, or null.
  using Find = std::function<Account*(std::string_view)>;
  CalloutRequests(Host host, Find account);
  ~CalloutRequests() override;

  bool ask(const Question& question, std::weak_ptr<const void> whose, Done done) override;

  PeerKind kind() const override { return PeerKind::kSystem; }
  bool deliver(Subscription& subscription, const Message& message) override;

  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    Account* account;
    std::weak_ptr<const void> whose;
    Done done;
    Time due;
    bool answered = false;  // The answer is on its way.
  };
  // An account in which questions are open; it is not freed while a subscription is in it.
  struct Inbox {
    Subscription* subscription = nullptr;
    std::size_t open = 0;
  };

  void drop_gone();
  void open_inbox(Account& account);
  void close_inbox(Account& account);
  void arm(Time due);
  void end_overdue();
  void finish(const std::string& token, std::optional<std::string> answer);

  Host host_;
  Find find_;
  std::string prefix_;                      // Of all our inboxes, with the last dot.
  std::map<std::string, Waiting> waiting_;  // By the last token of its inbox.
  std::map<Account*, Inbox> inboxes_;
  std::unique_ptr<Timer> timer_;
  Time armed_ = kNever;
  std::shared_ptr<CalloutRequests*> self_;  // Held weakly by what comes back.
};

}  // namespace petiole
