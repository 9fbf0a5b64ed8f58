#include "tests/support/sim_network.h"

#include <algorithm>

#include "tests/support/sim_endpoint.h"

namespace petiole::test {

namespace {

constexpr Duration kRetransmit = std::chrono::milliseconds(200);
constexpr std::uint16_t kFirstFreePort = 20000;

struct Dialled {
  SimNetwork& network;
  std::shared_ptr<SimEndpoint> end;
  DialOptions options;
};

}  // namespace

// Listeners and dials of one machine.
class SimHost final : public Network {
 public:
  SimHost(SimNetwork& network, std::string name) : network_(network), name_(std::move(name)) {}

  Result<std::unique_ptr<Listener>> listen(const ListenOptions& options, Accept accept) override;
  std::unique_ptr<Dial> dial(const DialOptions& options,
                             std::unique_ptr<Protocol> protocol) override;

  const Accept* find(std::uint16_t port) const {
    const auto found = accepts_.find(port);
    return found == accepts_.end() ? nullptr : &found->second;
  }
  void forget(std::uint16_t port) { accepts_.erase(port); }
  void forget_all() { accepts_.clear(); }

 private:
  void resolve(std::shared_ptr<Dialled> dialled);
  void connect(std::shared_ptr<Dialled> dialled);
  void climb(std::shared_ptr<Dialled> dialled, std::vector<Stage> stages);
  void open(const Dialled& dialled);

  SimNetwork& network_;
  std::string name_;
  std::map<std::uint16_t, Accept> accepts_;
  std::uint16_t next_port_ = kFirstFreePort;
};

namespace {

class SimListener final : public Listener {
 public:
  SimListener(SimHost& host, std::uint16_t port) : host_(host), port_(port) {}
  ~SimListener() override { host_.forget(port_); }
  std::uint16_t port() const override { return port_; }

 private:
  SimHost& host_;
  std::uint16_t port_;
};

}  // namespace

class SimDial final : public Dial {
 public:
  explicit SimDial(std::weak_ptr<SimEndpoint> end) : end_(std::move(end)) {}
  void cancel() override {
    const auto end = end_.lock();
    if (!end || end->finished()) return;
    if (end->is_open()) return end->abort({Errc::kOk, "cancelled"});
    end->finish({Errc::kOk, Stage::kConnect, "cancelled"});
  }

 private:
  std::weak_ptr<SimEndpoint> end_;
};

Result<std::unique_ptr<Listener>> SimHost::listen(const ListenOptions& options, Accept accept) {
  std::uint16_t port = options.port;
  while (port == 0 || (options.port == 0 && accepts_.contains(port))) port = next_port_++;
  if (!accepts_.emplace(port, std::move(accept)).second) return {Errc::kBusy, "port in use"};
  return std::unique_ptr<Listener>(std::make_unique<SimListener>(*this, port));
}

std::unique_ptr<Dial> SimHost::dial(const DialOptions& options,
                                    std::unique_ptr<Protocol> protocol) {
  ++network_.stats_.dials;
  PeerInfo peer;
  peer.address = options.host;
  peer.port = options.port;
  peer.websocket = options.websocket.has_value();
  if (options.tls) peer.tls_version = "TLSv1.3";
  auto end =
      std::make_shared<SimEndpoint>(network_, name_, options.host, std::move(protocol), peer);
  network_.enter(end);
  auto dialled = std::make_shared<Dialled>(Dialled{network_, end, options});
  network_.loop_.post([this, dialled] { resolve(dialled); });
  return std::make_unique<SimDial>(end);
}

void SimHost::resolve(std::shared_ptr<Dialled> dialled) {
  if (dialled->end->finished()) return;
  const bool broken = network_.no_dns_.contains(name_);
  const bool known = network_.hosts_.contains(dialled->options.host);
  if (broken || !known) {
    const Duration span = broken ? network_.dns_timeout : Duration{std::chrono::milliseconds(20)};
    network_.loop_.at(network_.loop_.clock().now() + span, [dialled] {
      dialled->end->finish({Errc::kNetwork, Stage::kResolve, "name not found"});
    });
    return;
  }
  if (dialled->options.reached) dialled->options.reached(Stage::kResolve);
  connect(std::move(dialled));
}

void SimHost::connect(std::shared_ptr<Dialled> dialled) {
  const std::string& there = dialled->options.host;
  const Time now = network_.loop_.clock().now();
  if (network_.blocked(name_, there) || network_.blocked(there, name_)) {
    network_.loop_.at(now + dialled->options.timeout, [dialled] {
      dialled->end->finish({Errc::kTimeout, Stage::kConnect, "connect timed out"});
    });
    return;
  }
  network_.loop_.at(now + network_.round_trip(name_, there), [this, dialled] {
    if (dialled->end->finished()) return;
    const std::string& host = dialled->options.host;
    if (network_.refused_.contains(host) || !network_.hosts_[host]->find(dialled->options.port)) {
      ++network_.stats_.refused;
      return dialled->end->finish({Errc::kNetwork, Stage::kConnect, "connection refused"});
    }
    if (dialled->options.reached) dialled->options.reached(Stage::kConnect);
    std::vector<Stage> stages;  // Last first.
    if (dialled->options.websocket) stages.push_back(Stage::kWebSocket);
    if (dialled->options.tls) stages.push_back(Stage::kTls);
    if (dialled->options.proxy) stages.push_back(Stage::kProxy);
    climb(dialled, std::move(stages));
  });
}

// Each layer costs a round trip, and fails when the path is dead then.
void SimHost::climb(std::shared_ptr<Dialled> dialled, std::vector<Stage> stages) {
  if (dialled->end->finished()) return;
  if (stages.empty()) return open(*dialled);
  const std::string& there = dialled->options.host;
  const Stage stage = stages.back();
  stages.pop_back();
  const bool dead = network_.blocked(name_, there) || network_.blocked(there, name_);
  const Duration span = dead ? dialled->options.timeout : network_.round_trip(name_, there);
  network_.loop_.at(network_.loop_.clock().now() + span, [this, dialled, stage, dead, stages] {
    if (dead) return dialled->end->finish({Errc::kTimeout, stage, "timed out"});
    if (dialled->options.reached) dialled->options.reached(stage);
    climb(dialled, stages);
  });
}

void SimHost::open(const Dialled& dialled) {
  const std::string& there = dialled.options.host;
  const Accept* accept = network_.hosts_[there]->find(dialled.options.port);
  PeerInfo peer = dialled.end->peer();
  peer.address = name_;
  peer.port = static_cast<std::uint16_t>(40000 + network_.stats_.dials % 20000);
  std::unique_ptr<Protocol> protocol = accept ? (*accept)(peer) : nullptr;
  if (!protocol) {
    return dialled.end->finish({Errc::kClosed, Stage::kOpen, "closed by the peer"});
  }
  ++network_.stats_.accepted;
  auto other = std::make_shared<SimEndpoint>(network_, there, name_, std::move(protocol), peer);
  network_.enter(other);
  other->connect(dialled.end);
  dialled.end->connect(other);
  dialled.end->open();
  other->open();
}

SimNetwork::SimNetwork(SimLoop& loop, ChunkPool& chunks, std::uint64_t seed)
    : loop_(loop), chunks_(chunks), entropy_(seed) {}

SimNetwork::~SimNetwork() {
  for (const auto& endpoint : endpoints_) endpoint->drop();
}

Network& SimNetwork::host(const std::string& name) {
  std::unique_ptr<SimHost>& host = hosts_[name];
  if (!host) host = std::make_unique<SimHost>(*this, name);
  return *host;
}

void SimNetwork::set_both(const std::string& a, const std::string& b, const SimPath& path) {
  this->path(a, b) = path;
  this->path(b, a) = path;
}

void SimNetwork::block_both(const std::string& a, const std::string& b) {
  block(a, b);
  block(b, a);
}

void SimNetwork::unblock_both(const std::string& a, const std::string& b) {
  unblock(a, b);
  unblock(b, a);
}

// What was stuck arrives in its order, as by a retransmission.
void SimNetwork::unblock(const std::string& from, const std::string& to) {
  Way& way = this->way(from, to);
  way.path.blocked = false;
  loop_.at(loop_.clock().now() + kRetransmit, [&way] {
    if (way.path.blocked) return;
    const std::vector<std::function<void()>> stuck = std::exchange(way.stuck, {});
    for (const auto& arrive : stuck) arrive();
  });
}

Duration SimNetwork::round_trip(const std::string& a, const std::string& b) {
  return path(a, b).latency + path(b, a).latency;
}

void SimNetwork::carry(const std::string& from, const std::string& to, std::size_t bytes,
                       Time& order, std::function<void()> arrive) {
  Way& way = this->way(from, to);
  const Time now = loop_.clock().now();
  way.free = std::max(way.free, now);
  if (way.path.bytes_per_second != 0) {
    way.free += Duration(bytes * 1'000'000'000ull / way.path.bytes_per_second);
  }
  const auto jitter = static_cast<std::uint64_t>(way.path.jitter.count());
  const Duration extra(static_cast<Duration::rep>(random(jitter)));
  order = std::max(order, way.free + way.path.latency + extra);
  // Looked at on arrival: what is under way when a path dies is lost, and sent again later. What
  // arrives behind stuck segments waits behind them.
  loop_.at(order, [&way, arrive = std::move(arrive)] {
    if (way.path.blocked || !way.stuck.empty()) return way.stuck.push_back(arrive);
    arrive();
  });
}

void SimNetwork::reset(const std::string& a, const std::string& b) {
  const std::vector<std::shared_ptr<SimEndpoint>> all = endpoints_;
  for (const auto& endpoint : all) {
    const bool there = endpoint->host() == a && endpoint->peer_host() == b;
    const bool back = endpoint->host() == b && endpoint->peer_host() == a;
    if (!endpoint->is_open() || (!there && !back)) continue;
    ++stats_.resets;
    endpoint->finish({Errc::kNetwork, Stage::kOpen, "connection reset"});
  }
}

void SimNetwork::enter(const std::shared_ptr<SimEndpoint>& endpoint) {
  std::erase_if(endpoints_,
                [](const auto& each) { return each->finished() && each.use_count() == 1; });
  endpoints_.push_back(endpoint);
}

void SimNetwork::cut_after(const std::string& from, const std::string& to, std::size_t bytes) {
  way(from, to).cut = bytes;
}

void SimNetwork::vanish(const std::string& host, bool silent) {
  hosts_[host]->forget_all();
  const std::vector<std::shared_ptr<SimEndpoint>> all = endpoints_;
  for (const auto& endpoint : all) {
    if (endpoint->host() == host) endpoint->drop();  // Also what waits for its last call.
    if (endpoint->peer_host() == host && endpoint->is_open() && !silent) {
      endpoint->finish({Errc::kNetwork, Stage::kOpen, "connection reset"});
    }
  }
}

std::size_t SimNetwork::connections() const {
  return static_cast<std::size_t>(std::count_if(endpoints_.begin(), endpoints_.end(),
                                                [](const auto& each) { return each->is_open(); }));
}

}  // namespace petiole::test
