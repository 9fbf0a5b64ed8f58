// Requests that a rule captures: capture_requests.
#include <doctest/doctest.h>

#include <functional>

#include "agent/protocol/headers.h"
#include "tests/agent/mirror/mirror_world.h"

using namespace petiole;
using namespace petiole::test;
using namespace std::chrono_literals;

namespace {

// A client that waits for answers.
class Requester : public Subscriber {
 public:
  explicit Requester(World& world)
      : account_(world.account), subscription_(make_subscription(*this, "_INBOX.r.>", {}, "1")) {
    account_.add(*subscription_);
  }
  ~Requester() override { account_.retire(subscription_); }
  PeerKind kind() const override { return PeerKind::kClient; }
  bool deliver(Subscription&, const Message& message) override {
    answers.push_back(std::string(message.subject) + ' ' + std::string(message.payload));
    if (upon_answer) upon_answer();
    return true;
  }
  bool ask(const std::string& number) {
    const std::string reply = "_INBOX.r." + number;
    return account_.publish({}, {"t.a", reply, {}, number, {}}).captured;
  }

  std::vector<std::string> answers;
  std::function<void()> upon_answer;

 private:
  Account& account_;
  Subscription* subscription_;
};

RuleConfig request_rule() {
  RuleConfig rule = disk_rule();
  rule.capture_requests = true;
  return rule;
}

}  // namespace

TEST_CASE("mirror: requests pass through unless the rule captures them") {
  for (const bool captured : {false, true}) {
    RuleConfig rule = disk_rule();
    rule.capture_requests = captured;
    World world(config_of(rule), {});
    world.start();
    Requester requester(world);
    CHECK(requester.ask("1") == captured);
  }
}

TEST_CASE("mirror: the PubAck of a captured request goes to who asked") {
  for (const char* domain : {"hub", ""}) {
    CAPTURE(domain);
    World world(config_of(request_rule()), {.domain = domain});
    world.start();
    Requester requester(world);
    REQUIRE(requester.ask("1"));  // While there is no link.
    publish(world, 2, 2);
    world.run(1s);
    CHECK(requester.answers.empty());
    world.up();
    world.run(5s);
    REQUIRE(requester.ask("3"));
    world.run(5s);
    CHECK(world.payloads() == numbers(1, 3));
    CHECK(requester.answers == std::vector<std::string>{R"(_INBOX.r.1 {"stream":"S","seq":1})",
                                                        R"(_INBOX.r.3 {"stream":"S","seq":3})"});
    CHECK(world.drained());
  }
}

TEST_CASE("mirror: a captured request to a service is answered as if it had not been captured") {
  for (const char* domain : {"hub", ""}) {
    CAPTURE(domain);
    World world(config_of(request_rule()),
                {.domain = domain, .stream_subject = "", .service = "yes"});
    world.hub.interest = {"t.>"};
    world.start();
    world.up();
    world.run(1s);
    Requester requester(world);
    REQUIRE(requester.ask("1"));
    world.run(5s);
    REQUIRE(requester.ask("2"));
    world.run(5s);
    CHECK(requester.answers == std::vector<std::string>{"_INBOX.r.1 yes", "_INBOX.r.2 yes"});
    CHECK(world.hub.heard.size() == 2);
    CHECK(world.drained());
  }
}

TEST_CASE("mirror: who asks hears no refusal that is for now, and the PubAck that comes later") {
  World world(config_of(request_rule()), {});
  world.start();
  world.up();
  world.run(1s);
  Requester requester(world);
  world.hub.refuse_once = {"1"};
  REQUIRE(requester.ask("1"));
  world.run(20s);
  CHECK(world.hub.refused.contains("1"));
  CHECK(requester.answers == std::vector<std::string>{R"(_INBOX.r.1 {"stream":"S","seq":1})"});
}

TEST_CASE("mirror: who asks with an expected sequence hears what is true of it") {
  World world(config_of(request_rule()), {.domain = ""});
  world.start();
  world.up();
  world.run(5s);
  Requester requester(world);
  bool arrived = true;
  SUBCASE("it had arrived as the link broke") {}
  SUBCASE("it had not, and another came") { arrived = false; }
  if (arrived) world.hub.acks_to_drop = 1;
  const std::string header = add_header({}, "Nats-Expected-Last-Sequence", "0");
  world.account.publish({}, {"t.a", "_INBOX.r.1", header, "1", {}});
  world.run(arrived ? 100ms : 3ms);
  REQUIRE(world.hub.stored.size() == (arrived ? 1 : 0));
  world.down();
  if (!arrived) world.hub.store("t.a", "", "other");
  world.run(1s);
  world.up();
  world.run(10s);
  CHECK(world.drained());
  REQUIRE(requester.answers.size() == 1);
  CHECK(requester.answers[0].find(arrived ? R"("duplicate":true)" : R"("err_code":10071)") !=
        std::string::npos);
}

TEST_CASE("mirror: over a crash a captured request is kept, and its reply subject is not") {
  World world(config_of(request_rule()), {});
  world.start();
  Requester requester(world);
  REQUIRE(requester.ask("1"));
  world.run(1s);
  world.crash();
  world.start();
  world.up();
  world.run(5s);
  CHECK(world.payloads() == numbers(1, 1));
  CHECK(requester.answers.empty());
}

TEST_CASE("mirror: an answer that is passed on may take the link away") {
  World world(config_of(request_rule()), {});
  world.loop.share_turns([] { return true; });
  world.start();
  Requester requester(world);
  world.up();
  world.run(5s);
  requester.upon_answer = [&] { world.down(); };
  for (const std::string& number : numbers(1, 3)) REQUIRE(requester.ask(number));
  world.run(1s);
  CHECK(requester.answers.size() == 1);
  requester.upon_answer = {};
  world.up();
  world.run(10s);
  CHECK(world.drained());
  CHECK(world.payloads() == numbers(1, 3));
}
