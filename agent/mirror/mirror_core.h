// The mirror put together: rules, their backlogs and senders, and the one link they share.
//
// Events only leave a mark; what follows from them is done once, at the end of the loop's turn.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/mirror/backlog.h"
#include "agent/mirror/link.h"
#include "agent/mirror/mirror.h"
#include "agent/mirror/rules.h"
#include "agent/mirror/sender.h"

namespace petiole {

// What messages of all rules together have in memory stays the same above so many rules.
void share_memory(MirrorLimits& limits, std::size_t rules);

class MirrorCore : public Mirror {
 public:
  MirrorCore(const MirrorConfig& config, std::string leaf_id, Account& account, Store& store,
             Host host, const MirrorLimits& limits);
  ~MirrorCore() override;

  int rule_of(std::string_view subject) const override;
  bool capture(int rule, const Message& message) override;
  bool repeated(int rule, const Message& message, const MirrorMark& mark) override;
  std::string refusal(int rule) const override;
  bool captures_requests(int rule) const override;
  bool has_undurable() const override;
  bool holds_undurable(std::uint64_t rules) const override;
  bool congested() const override;
  bool must_wait(std::size_t bytes) const override;
  void when_durable(std::function<void(Status)> done) override;

  void link_up(Uplink& link) override;
  void link_doubted(Uplink& link) override;
  void link_proven(Uplink& link) override;
  void link_down(Uplink& link) override;
  void interest_changed(Uplink& link) override;
  bool cares_for(std::string_view subject) const override;
  void interest_lost(Uplink& link, std::string_view subject) override;
  void link_drained(Uplink& link) override;

  MirrorReport report() const override;
  std::vector<std::string> patterns() const override;
  void stop(std::function<void()> done) override;

 private:
  struct Rule {
    NamedRule named;
    std::unique_ptr<Backlog> backlog;
    std::unique_ptr<Sender> sender;
    std::uint64_t confirmed_before = 0;  // At the last sample of the drain rate.
    double drain_rate = 0;
    std::optional<std::uint64_t> losses_told{};  // In the log; null: none was looked at yet.
    Time tell_next{};
    Time waits_since = kNever;  // Nobody at the hub takes what is here.
    Time tell_waiting_next{};
    bool copied_told = false;
  };
  struct Answer {
    Inbox::Address address;
    PubAck ack;
    std::string payload;
    std::string requester{}, header{};  // To pass it on.
  };
  struct Barrier {
    std::uint64_t number, bytes;  // All that was sent before it,
    std::uint64_t passed;         // and what of it the hub was known to have by then,
    Time since;                   // for so long.
  };

  void bound_queue(const StoreUsage& usage);
  void order_rules();
  void listen_to_store();
  void poke();        // Something happened: pump() at the end of the turn.
  void poke_later();  // At the end of the next one: there is more to do than this has time for.
  void pump();
  bool waits() const;  // Something is to be sent, or to be confirmed.
  void take_answer(const Inbox::Address& address, const Message& message);
  void apply_answers(Time now);
  void pass_on(const Answer& answer);
  void use_link(Uplink& link);
  void leave_link();
  void spill();
  void send(Time now);
  bool send_some(Rule& rule, Time now);
  void ask_barrier(Time now);
  void barrier_passed(std::uint64_t number);
  void sample(Time now);
  Time tell_losses(Time now);  // When the rest is due.
  void tell_waiting(Time now);
  void tell_copied();
  void note_large(std::uint64_t bytes);
  std::uint64_t high_water(const StoreUsage& usage) const;
  void make_room();
  bool give_way();
  bool evict_some();
  std::uint64_t yieldable_bytes() const;
  static bool gives_way(const Rule& rule);
  bool evict_least();
  void store_changed(Status status);
  void finish_waiting();
  void arm(Time now);
  bool holding() const;
  std::string state_text() const;
  const char* refusal_cause(const Rule& rule) const;
  static std::string hub_refusal(const Rule& rule);
  std::string confirm_text(const Rule& rule) const;
  std::string guarantee_text() const;

  Account& account_;
  const MirrorLimits given_;
  MirrorLimits limits_;  // What rules and the disk leave of those.
  Store& store_;
  Host host_;
  std::vector<Rule> rules_;         // As configured, orphans last.
  std::vector<Rule*> by_priority_;  // As they send.
  std::vector<Rule*> by_worth_;     // As they give way on a full store.
  Inbox inbox_;
  ApiClient api_;
  HubDirectory directory_;
  Pacer pacer_;
  LinkParts link_;
  std::vector<Uplink*> links_;  // All that are up; the first is used.
  std::unique_ptr<Timer> timer_;
  std::vector<Answer> answers_, applied_;
  std::deque<Barrier> barriers_;
  std::uint64_t barrier_passed_ = 0;
  std::uint64_t bytes_passed_ = 0;
  Time passed_at_{};
  std::vector<std::function<void(Status)>> waiting_;  // For logs to be open.
  std::uint64_t unchecked_bytes_ = 0;
  std::uint64_t large_bytes_ = 0;  // Of the largest message of late, of those above 64 KiB or so.
  Time large_until_{};
  bool poked_ = false, stopping_ = false, full_ = false;
  bool making_room_ = false;                // Evicted for a full store, and not free yet.
  Errc store_code_ = Errc::kOk;             // As last written to the log.
  bool hangs_ = false;                      // The disk does not answer.
  std::optional<std::uint64_t> room_goal_;  // Live bytes of the store; none: enough was evicted.
  Time room_made_{};
  std::uint64_t room_made_commits_ = 0;
  Time sampled_{}, ticked_{};
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace petiole
