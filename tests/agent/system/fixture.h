// A server with a system account, on simulated time; one who asks, and clients.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/system/system.h"
#include "platform/json.h"
#include "tests/agent/session/clients.h"

namespace petiole::test {

// Subscribes in an account and keeps what comes.
class Asker : public Subscriber {
 public:
  explicit Asker(Account& account) : account_(account) {}
  ~Asker() override {
    for (Subscription* each : made_) account_.retire(each);
  }
  PeerKind kind() const override { return PeerKind::kClient; }
  bool deliver(Subscription&, const Message& message) override {
    subjects.emplace_back(message.subject);
    got.emplace_back(message.payload);
    return true;
  }
  void subscribe(std::string_view subject) {
    made_.push_back(make_subscription(*this, subject, {}, "1"));
    account_.add(*made_.back());
  }
  void unsubscribe() {
    account_.retire(made_.back());
    made_.pop_back();
  }
  // Publishes a request; false: nobody took it.
  bool ask(std::string_view subject, std::string_view body = {}, std::string_view reply = "reply") {
    Message message;
    message.subject = subject;
    message.reply = reply;
    message.payload = body;
    return account_.publish({.from = this}, message).delivered != 0;
  }
  json::object last() const { return parse_json(got.back())->get_object(); }

  std::vector<std::string> subjects, got;

 private:
  Account& account_;
  std::vector<Subscription*> made_;
};

struct SystemFixture : ServerFixture {
  std::unique_ptr<System> system;
  int gathered = 0;
  Duration answer_takes{};  // The clock moves on by so much for each answer.
  std::string reload_error;

  SystemFixture() { config.server_name = "edge"; }
  ~SystemFixture() { system.reset(); }
  System& start() {
    system = std::make_unique<System>(
        server(),
        [this] {
          ++gathered;
          machine.clock.move_to(machine.clock.now() + answer_takes);
          MonitorInput input{.server = server()};
          input.now = machine.clock.now();
          input.wall = machine.clock.wall();
          return input;
        },
        [this] { return reload_error; });
    return *system;
  }
  Account& sys() { return *server().account("$SYS"); }
  std::string own(std::string_view name) {
    return "$SYS.REQ.SERVER." + server().id() + "." + std::string(name);
  }
};

}  // namespace petiole::test
