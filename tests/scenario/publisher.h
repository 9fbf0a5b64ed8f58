// A NATS client that numbers what it publishes and knows what was acknowledged: a PING behind each
// batch, and with its PONG the batch is accepted. A lost connection is dialled again; a publisher
// with message ids then repeats from the first that was not accepted, one without goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "platform/network.h"
#include "tests/scenario/plan.h"
#include "tests/scenario/trace.h"

namespace petiole::test {

struct Published {
  std::size_t rule = 0;
  std::string subject;
  bool accepted = false;
  bool uncertain = false;  // Sent to an agent whose disk had failed: in memory at best.
  bool repeated = false;   // Sent more than once.
};

class Publisher {
 public:
  Publisher(const Plan& plan, std::size_t number, SimLoop& loop, Network& network, Trace& trace,
            std::uint64_t seed, std::string server, std::function<bool()> disk_failed);

  void start();
  void hurry() { hurried_ = true; }
  bool done() const { return accepted_ == plan_.messages; }
  std::vector<Published>& messages() { return messages_; }
  const std::vector<Published>& messages() const { return messages_; }
  bool ids() const { return plan_.ids; }

 private:
  class Session;

  void dial();
  void connected(Wire& wire);
  void heard(std::string_view line);
  void lost();
  void act();
  void publish_batch();
  void append(Output& output, std::size_t number);
  std::string subject_of(std::size_t rule);

  const PublisherPlan& plan_;
  const std::vector<RuleConfig>& rules_;
  std::size_t number_;
  SimLoop& loop_;
  Network& network_;
  Trace& trace_;
  Dice dice_;
  std::string server_;
  std::function<bool()> disk_failed_;
  std::unique_ptr<Timer> timer_;
  std::unique_ptr<Dial> dial_;
  Wire* wire_ = nullptr;
  bool hurried_ = false, ready_ = false, awaiting_ = false;
  std::size_t accepted_ = 0, sent_ = 0;
  std::vector<Published> messages_;
};

}  // namespace petiole::test
