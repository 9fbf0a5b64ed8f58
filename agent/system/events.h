// What the system account is told without asking: nats-server events.go.
//
// Nothing is made for an event that nobody subscribes to, and no timer runs while nobody but this
// server itself subscribes in the system account. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "agent/monitor/endpoints.h"
#include "agent/system/identity.h"
#include "agent/system/statsz.h"
#include "platform/loop.h"

namespace petiole {

class Events : public ServerEvents, private InterestListener {
 public:
  // Observes `server` as long as it lives; publishes in `system`.
  Events(Server& server, Account& system, ServerIdentity& identity,
         std::function<MonitorInput()> gather);
  ~Events() override;

  void lame_duck() { tell_leaving("LAMEDUCK"); }
  void shut_down() { tell_leaving("SHUTDOWN"); }
  std::string statsz_subject() const { return "$SYS.SERVER." + server_.id() + ".STATSZ"; }

  void connected(const Reportable& session) override;
  void left(const Reportable& session) override;
  void refused(const Reportable& session, const char* reason) override;
  void disconnected(const ConnectionReport& last) override;
  void traced(Account& account, const MessageTrace& trace) override;

 private:
  // Who is in one account now. The leafs' traffic is part of the figures.
  struct Members {
    std::size_t clients = 0;
    std::map<std::uint64_t, const Reportable*> leafs;
    ConnectionCounters leaf_traffic{};  // As it was when they were asked last.
    Time asked{};
  };

  void added(const Subscription& subscription) override;
  void removed(const Subscription& subscription) override;
  void reweighed(const Subscription&, std::uint32_t) override {}
  bool is_watched() const { return watchers_ != 0; }
  bool is_wanted(std::string_view subject);
  void publish(Account& account, std::string_view subject, const json::object& body);

  void remove_member(const ConnectionReport& report);
  void ask_leafs(Members& members) const;
  void tell_connections(const std::string& account);
  void tell_leaving(std::string_view name);
  void beat();         // All accounts' connections, every 30 s.
  void send_statsz();  // And arms the next.

  Server& server_;
  Account& system_;
  ServerIdentity& identity_;
  std::function<MonitorInput()> gather_;
  std::map<std::string, Members, std::less<>> members_;
  std::size_t watchers_ = 0;  // Subscriptions of others in the system account.
  Duration statsz_gap_{};
  std::unique_ptr<Timer> beat_timer_, statsz_timer_;
};

}  // namespace petiole
