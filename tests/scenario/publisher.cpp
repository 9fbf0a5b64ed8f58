#include "tests/scenario/publisher.h"

#include <utility>

namespace petiole::test {

namespace {

constexpr Duration kPatience = 20s;  // For a PONG; then the connection is taken for dead.

}  // namespace

class Publisher::Session final : public Protocol {
 public:
  explicit Session(Publisher& publisher) : publisher_(publisher) {}
  void opened(Wire& wire, Time) override { publisher_.connected(wire); }
  Result<std::size_t> receive(std::string_view input, Time) override {
    std::size_t used = 0;
    for (std::size_t end; (end = input.find("\r\n", used)) != input.npos; used = end + 2) {
      publisher_.heard(input.substr(used, end - used));
    }
    return used;
  }
  Status tick(Time) override { return {}; }
  Time deadline() const override { return kNever; }
  void closed(const CloseReason&, Time) override { publisher_.lost(); }

 private:
  Publisher& publisher_;
};

Publisher::Publisher(const Plan& plan, std::size_t number, SimLoop& loop, Network& network,
                     Trace& trace, std::uint64_t seed, std::string server,
                     std::function<bool()> disk_failed)
    : plan_(plan.publishers[number]),
      rules_(plan.rules),
      number_(number),
      loop_(loop),
      network_(network),
      trace_(trace),
      dice_(seed),
      server_(std::move(server)),
      disk_failed_(std::move(disk_failed)),
      timer_(loop.make_timer([this] { act(); })) {}

void Publisher::start() { dial(); }

void Publisher::dial() {
  DialOptions options;
  options.host = server_;
  options.port = 4222;
  dial_ = network_.dial(options, std::make_unique<Session>(*this));
}

void Publisher::connected(Wire& wire) {
  wire_ = &wire;
  ready_ = false;
  awaiting_ = true;
  wire.output().append(
      "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"protocol\":1,"
      "\"lang\":\"sim\",\"version\":\"1\"}\r\nPING\r\n");
  wire.wake();
  timer_->arm(loop_.clock().now() + kPatience);
}

void Publisher::heard(std::string_view line) {
  if (line == "PING") {
    wire_->output().append("PONG\r\n");
    return wire_->wake();
  }
  if (line.starts_with("-ERR")) trace_.add("publisher", line);
  if (line != "PONG") return;
  awaiting_ = false;
  if (std::exchange(ready_, true)) {
    for (const bool uncertain = disk_failed_(); accepted_ < sent_; ++accepted_) {
      messages_[accepted_].accepted = true;
      messages_[accepted_].uncertain = uncertain;
    }
    trace_.add("publisher " + std::to_string(number_), "accepted up to " + std::to_string(sent_));
  } else if (plan_.ids) {
    sent_ = accepted_;
  } else {
    // What was under way may be there or not; it is not repeated.
    const bool uncertain = disk_failed_();
    for (; accepted_ < sent_; ++accepted_) messages_[accepted_].uncertain = uncertain;
  }
  timer_->arm(loop_.clock().now() + dice_.span({}, hurried_ ? 20ms : plan_.pause_max));
}

void Publisher::lost() {
  wire_ = nullptr;
  dial_.reset();
  timer_->arm(loop_.clock().now() + dice_.span(50ms, 1500ms));
}

void Publisher::act() {
  if (wire_ == nullptr) {
    if (!done() || sent_ < plan_.messages) dial();
  } else if (awaiting_) {
    wire_->abort({Errc::kTimeout, "no PONG"});
  } else if (!done()) {
    publish_batch();
  }
}

std::string Publisher::subject_of(std::size_t rule) {
  const std::string leaf(1, static_cast<char>('a' + dice_.below(3)));
  if (rules_[rule].keep_last) return "k.p" + std::to_string(number_) + "." + leaf;
  const char first = rules_[rule].subjects.front().front();
  if (first == 'e') return dice_.one_in(2) ? "e." + leaf + ".x" : "e.y." + leaf;
  return std::string(1, first) + "." + leaf;
}

void Publisher::append(Output& output, std::size_t number) {
  if (number == messages_.size()) {
    const std::size_t rule = plan_.rules[dice_.below(plan_.rules.size())];
    messages_.push_back({rule, subject_of(rule)});
  } else {
    messages_[number].repeated = true;
  }
  std::string payload = std::to_string(number_) + "-" + std::to_string(number);
  const std::string id = plan_.ids ? "NATS/1.0\r\nNats-Msg-Id: p" + payload + "\r\n\r\n" : "";
  payload += ' ' + std::string(dice_.below(dice_.one_in(20) ? 4000 : 200), '.');
  std::string line = (plan_.ids ? "HPUB " : "PUB ") + messages_[number].subject + ' ';
  if (plan_.ids) line += std::to_string(id.size()) + ' ';
  line += std::to_string(id.size() + payload.size()) + "\r\n" + id + payload + "\r\n";
  output.append(line);
}

void Publisher::publish_batch() {
  const std::size_t count = 1 + dice_.below(plan_.batch_max);
  for (std::size_t i = 0; i < count && sent_ < plan_.messages; ++i)
    append(wire_->output(), sent_++);
  wire_->output().append("PING\r\n");
  awaiting_ = true;
  wire_->wake();
  timer_->arm(loop_.clock().now() + kPatience);
}

}  // namespace petiole::test
