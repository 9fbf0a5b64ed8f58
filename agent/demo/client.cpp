#include "agent/demo/client.h"

#include <charconv>
#include <string>

#include "agent/protocol/parser.h"

namespace petiole::demo {

namespace {

constexpr std::string_view kHello = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
constexpr Limits kLimits;

// What both clients do: introduce themselves and answer PING.
class Client : public Protocol {
 public:
  Result<std::size_t> receive(std::string_view input, Time) override {
    std::size_t used = 0;
    while (used < input.size()) {
      Op op;
      const ParseResult result = parse(input.substr(used), kServer, kLimits, true, op);
      if (result.error != ParseError::kNone) return {Errc::kProtocol, "unexpected answer"};
      if (result.used == 0) break;
      used += result.used;
      if (op.verb == Verb::kPing)
        say("PONG\r\n");
      else
        handle(op);
    }
    return used;
  }
  Status tick(Time) override { return {}; }
  Time deadline() const override { return kNever; }

 protected:
  virtual void handle(const Op& op) = 0;
  void say(std::string_view text) {
    wire_->output().append(text);
    wire_->wake();
  }
  Wire* wire_ = nullptr;
};

class Publisher : public Client {
 public:
  explicit Publisher(PublisherState& state) : state_(state) {}
  void opened(Wire& wire, Time) override {
    wire_ = state_.wire = &wire;
    say(kHello);
  }
  void closed(const CloseReason&, Time) override { state_.wire = nullptr; }

 private:
  void handle(const Op&) override {}
  PublisherState& state_;
};

class Subscriber : public Client {
 public:
  explicit Subscriber(SubscriberState& state) : state_(state) {}
  void opened(Wire& wire, Time) override {
    wire_ = &wire;
    say(std::string(kHello) + "SUB demo.> 1\r\nPING\r\n");
  }
  void closed(const CloseReason&, Time) override { state_.ready = false; }

 private:
  void handle(const Op& op) override {
    if (op.verb == Verb::kPong) state_.ready = true;
    if (op.verb != Verb::kMsg && op.verb != Verb::kHmsg) return;
    std::uint64_t number = 0;
    std::from_chars(op.payload.data(), op.payload.data() + op.payload.size(), number);
    note_arrival(state_, number);
  }
  SubscriberState& state_;
};

}  // namespace

void publish_numbers(PublisherState& state, std::uint64_t count) {
  if (!state.wire) return;
  for (; count > 0; --count) {
    const std::string number = std::to_string(++state.sent);
    state.wire->output().append("PUB " + std::string(kSubject) + " " +
                                std::to_string(number.size()) + "\r\n" + number + "\r\n");
  }
  state.wire->wake();
}

void note_arrival(SubscriberState& state, std::uint64_t number) {
  if (state.seen.size() <= number) state.seen.resize(number + 1);
  if (state.seen[number]) {
    ++state.doubled;
    return;
  }
  if (number != state.newest + 1) ++state.out_of_order;
  state.seen[number] = true;
  state.newest = number;
  ++state.received;
}

std::unique_ptr<Protocol> make_publisher(PublisherState& state) {
  return std::make_unique<Publisher>(state);
}

std::unique_ptr<Protocol> make_subscriber(SubscriberState& state) {
  return std::make_unique<Subscriber>(state);
}

}  // namespace petiole::demo
