// Answers requests to the system account, and those that every other account may make of it.
//
// A request is taken during the publish that brings it, and answered at the end of the turn: an
// answer never grows another client's message path. Requests are bounded in number and size, and
// answers in time: at most a tenth of the loop's, the rest waits. Accounts take turns, so that none
// keeps another from asking, and none the system account, which goes first. Loop thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/monitor/input.h"
#include "agent/system/calls.h"
#include "agent/system/events.h"
#include "agent/system/identity.h"
#include "platform/loop.h"

namespace petiole {

class System final : public AccountWatcher {
 public:
  using Gather = std::function<MonitorInput()>;

  // `server` has a system account, and outlives this.
  System(Server& server, Gather gather, Reload reload = {});
  ~System() override;
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  Events& events() { return events_; }

  void account_came(Account& account) override;
  void account_leaves(Account& account) override;

 private:
  struct Request {
    const Call* call = nullptr;
    std::string account, reply, body;
    std::uint64_t cid = 0;
  };

  // What subscribes in one account.
  class Port : public Subscriber {
   public:
    Port(System& system, Account& account, PeerKind kind)
        : system_(system), account_(account), kind_(kind) {}
    ~Port() override;
    void subscribe(std::string_view subject);

    PeerKind kind() const override { return kind_; }
    bool deliver(Subscription& subscription, const Message& message) override;
    Account& account() { return account_; }

    std::deque<Request> waiting;

   private:
    System& system_;
    Account& account_;
    PeerKind kind_;
    std::vector<Subscription*> subscriptions_;
  };

  void open_ports();
  Port& add_port(Account& account, PeerKind kind);
  bool is_system(Port& port) const;
  bool take(Port& port, const Message& message);
  bool has_room(Port& port) const;
  void line_up(Port& port);
  void schedule();
  void work();
  void answer(Port& port, const Request& request);
  void send(Port& port, const std::string& reply, Answer answer);

  Server& server_;
  Gather gather_;
  Reload reload_;
  ServerIdentity identity_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::deque<Port*> turns_;  // Where requests wait; those of the system account first.
  bool scheduled_ = false;   // work() will be called.
  Time not_before_{};        // After an answer that took long.
  std::unique_ptr<Timer> timer_;
  std::shared_ptr<System*> self_;  // Held weakly by what is posted.
  Events events_;
};

}  // namespace petiole
