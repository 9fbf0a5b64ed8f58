// The hub's JetStream, or a plain subscriber, inside the hub's agent: what it holds outlives the
// agent's process, as a file store does.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/routing/account.h"
#include "tests/scenario/plan.h"
#include "tests/scenario/trace.h"

namespace petiole::test {

class ModelStream final : public Subscriber, public Capture {
 public:
  struct Stored {
    std::string subject, id, payload;
    std::uint64_t sequence = 0;
  };

  ModelStream(const Plan& plan, SimLoop& loop, Trace& trace, Dice& dice);
  ~ModelStream() override { detach(); }

  // The hub's process begins; `detach` before its agent goes.
  void attach(Account& account);
  void detach();
  // The subscriptions to what leafs publish, not those of the API.
  void show_interest();
  void hide_interest();

  void store(std::string subject, std::string id, std::string payload);
  const std::vector<Stored>& stored() const { return stored_; }
  // Payloads that were refused once: they come later than those that were in flight behind them.
  const std::set<std::string>& refused() const { return refused_; }
  // Payloads that met no subscriber at the hub once: those behind them may have met one.
  const std::set<std::string>& missed() const { return missed_; }
  void set_silent(bool silent) { silent_ = silent; }          // The API does not answer.
  void set_refusing(bool refusing) { refusing_ = refusing; }  // "insufficient resources".

  PeerKind kind() const override { return PeerKind::kSystem; }
  bool deliver(Subscription& subscription, const Message& message) override;

  // All that reaches the hub comes by here too; nothing is kept.
  int rule_of(std::string_view) const override { return 0; }
  bool captures_requests(int) const override { return true; }
  bool capture(int rule, const Message& message) override;
  bool has_undurable() const override { return false; }
  bool congested() const override { return false; }
  void when_durable(std::function<void(Status)> done) override { done({}); }

 private:
  Subscription* subscribe(const std::string& subject);
  void later(Duration least, Duration most, std::function<void()> task);
  void take(const std::string& subject, const std::string& reply, const std::string& header,
            const std::string& payload);
  void answer(const std::string& reply, std::string text);
  std::string api(std::string_view verb, std::string_view body) const;
  std::string info_answer() const;
  std::string message_answer(std::string_view body) const;

  const Plan& plan_;
  SimLoop& loop_;
  Trace& trace_;
  Dice& dice_;
  Account* account_ = nullptr;
  std::vector<Subscription*> api_, interest_;
  std::uint64_t generation_ = 0;
  Time order_{};  // Of the last message taken: the stream keeps the order.
  bool silent_ = false, refusing_ = false;
  std::vector<Stored> stored_;
  std::set<std::string> refused_, missed_;
  std::map<std::string, std::pair<Time, std::uint64_t>> ids_;
};

}  // namespace petiole::test
