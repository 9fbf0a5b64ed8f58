#include "agent/demo/relay.h"

#include <utility>

namespace petiole::demo {

// What the two ends of one relayed connection share: each other's wire.
struct Relay::Pair {
  Wire* wires[2] = {nullptr, nullptr};  // 0: the leaf's side, 1: the hub's.
  std::string early;                    // From the leaf, before the hub's side is open.
  std::unique_ptr<Dial> dial;
};

class Relay::End : public Protocol {
 public:
  End(std::shared_ptr<Pair> pair, int side) : pair_(std::move(pair)), side_(side) {}

  void opened(Wire& wire, Time) override {
    pair_->wires[side_] = &wire;
    if (side_ == 0) return;
    wire.output().append(std::exchange(pair_->early, {}));
    wire.wake();
  }

  Result<std::size_t> receive(std::string_view input, Time) override {
    if (Wire* other = pair_->wires[1 - side_]) {
      other->output().append(input);
      other->wake();
    } else {
      pair_->early.append(input);
    }
    return input.size();
  }

  Status tick(Time) override { return {}; }
  Time deadline() const override { return kNever; }

  void closed(const CloseReason&, Time) override {
    pair_->wires[side_] = nullptr;
    if (Wire* other = pair_->wires[1 - side_]) other->close({Errc::kClosed, "relay: other end"});
    if (side_ == 0 && pair_->dial) pair_->dial->cancel();
  }

 private:
  std::shared_ptr<Pair> pair_;
  int side_;
};

Relay::Relay(Network& network, std::uint16_t hub_port) : network_(network), hub_port_(hub_port) {}

Relay::~Relay() { cut(); }

Status Relay::start() {
  auto listener = network_.listen({.host = "127.0.0.1", .port = 0},
                                  [this](const PeerInfo&) { return accept(); });
  if (!listener.ok()) return listener.status();
  listener_ = std::move(*listener);
  return {};
}

std::unique_ptr<Protocol> Relay::accept() {
  if (cut_) return nullptr;
  auto pair = std::make_shared<Pair>();
  DialOptions options;
  options.host = "127.0.0.1";
  options.port = hub_port_;
  pair->dial = network_.dial(options, std::make_unique<End>(pair, 1));
  std::erase_if(pairs_, [](const auto& known) { return known.expired(); });
  pairs_.push_back(pair);
  return std::make_unique<End>(pair, 0);
}

void Relay::cut() {
  cut_ = true;
  for (const auto& known : pairs_) {
    const auto pair = known.lock();
    if (!pair) continue;
    for (Wire* wire : pair->wires) {
      if (wire) wire->abort({Errc::kClosed, "relay: cut"});
    }
  }
  pairs_.clear();
}

}  // namespace petiole::demo
