#include "agent/demo/demo.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "agent/agent.h"
#include "agent/demo/client.h"
#include "agent/demo/relay.h"

namespace petiole {

namespace {

using namespace std::chrono_literals;
using demo::PublisherState;
using demo::SubscriberState;

constexpr Duration kBeat = 100ms;
constexpr std::uint64_t kMessagesABeat = 200;
constexpr Duration kLive = 3s;
constexpr Duration kOutage = 8s;
constexpr Duration kReplayMax = 15s;

Config hub_config() {
  Config config;
  config.host = "127.0.0.1";
  config.port = 0;
  config.server_name = "demo-hub";
  config.leaf_listen.enabled = true;
  config.leaf_listen.host = "127.0.0.1";
  config.leaf_listen.port = 0;
  return config;
}

Config leaf_config(std::uint16_t hub_port, const std::string& store_dir) {
  Config config;
  config.host = "127.0.0.1";
  config.port = 0;
  config.server_name = "demo-leaf";
  config.link.reconnect_min = 250ms;
  config.link.reconnect_max = 1s;
  RemoteConfig remote;
  RemoteUrl url;
  url.host = "127.0.0.1";
  url.port = hub_port;
  remote.urls.push_back(url);
  config.remotes.push_back(remote);
  config.mirror.enabled = true;
  config.mirror.dir = store_dir;
  RuleConfig rule;
  rule.subjects = {"demo.>"};
  config.mirror.rules.push_back(rule);
  return config;
}

std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string bar(std::uint64_t part, std::uint64_t whole) {
  constexpr std::size_t kWidth = 30;
  const std::size_t filled =
      whole == 0 ? kWidth : std::min<std::size_t>(kWidth, part * kWidth / whole);
  return "[" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "]";
}

}  // namespace

struct Demo::Parts {
  enum class Phase { kConnecting, kLive, kOutage, kReplay, kCheck };

  Parts(Options options_, Host host_, Store& store_, Print print_, Done done_)
      : options(std::move(options_)),
        host(host_),
        store(store_),
        print(std::move(print_)),
        done(std::move(done_)),
        timer(host.loop.make_timer([this] { beat(); })) {}

  bool start();
  void fail(const std::string& why);
  void dial(std::uint16_t port, std::unique_ptr<Protocol> client);
  void enter(Phase next);
  void beat();
  void show(const std::string& line);
  void check();
  Duration in_phase() const { return host.clock.now() - since; }

  Options options;
  Host host;
  Store& store;
  Print print;
  Done done;
  std::unique_ptr<Timer> timer;
  PublisherState publisher;
  SubscriberState subscriber;
  std::unique_ptr<Agent> hub, leaf;
  std::optional<demo::Relay> relay;
  Phase phase = Phase::kConnecting;
  Time since{};
  int beats = 0;
  std::uint64_t backlog_at_mend = 0;
};

bool Demo::Parts::start() {
  since = host.clock.now();
  hub = std::make_unique<Agent>(hub_config(), host, nullptr);
  if (const auto started = hub->start(); !started.status.ok()) return fail(started.error), false;
  relay.emplace(host.network, hub->leaf_port());
  if (const Status status = relay->start(); !status.ok()) {
    return fail(std::string(status.text())), false;
  }
  leaf = std::make_unique<Agent>(leaf_config(relay->port(), options.store_dir), host, &store);
  if (const auto started = leaf->start(); !started.status.ok()) return fail(started.error), false;
  print("A hub, a leaf with its store in " + options.store_dir +
        ", and a cable between them.\nA publisher at the leaf sends numbered messages to " +
        std::string(demo::kSubject) + "; a subscriber at the hub counts them.\n\n");
  dial(hub->client_port(), demo::make_subscriber(subscriber));
  dial(leaf->client_port(), demo::make_publisher(publisher));
  timer->arm(since + kBeat);
  return true;
}

void Demo::Parts::fail(const std::string& why) {
  print("demo: " + why + "\n");
  done(2);
}

void Demo::Parts::dial(std::uint16_t port, std::unique_ptr<Protocol> client) {
  DialOptions to;
  to.host = "127.0.0.1";
  to.port = port;
  host.network.dial(to, std::move(client));
}

void Demo::Parts::enter(Phase next) {
  if (options.terminal && phase != Phase::kConnecting) print("\n");
  phase = next;
  since = host.clock.now();
  beats = 0;
  if (phase == Phase::kLive) print("1. The link is up.\n");
  if (phase == Phase::kOutage) {
    relay->cut();
    print("2. The cable is cut. The publisher goes on.\n");
  }
  if (phase == Phase::kReplay) {
    backlog_at_mend = publisher.sent - subscriber.received;
    relay->mend();
    print("3. The cable is mended. The backlog is replayed, new messages behind it.\n");
  }
}

void Demo::Parts::show(const std::string& line) {
  if (options.terminal)
    print("\r   " + line + "\x1b[K");
  else if (beats % 10 == 0)
    print("   " + line + "\n");
}

void Demo::Parts::beat() {
  if (phase == Phase::kConnecting) {
    if (publisher.wire && subscriber.ready)
      enter(Phase::kLive);
    else if (in_phase() > 10s)
      return fail("the demo's own clients could not connect");
  }
  if (phase == Phase::kLive || phase == Phase::kOutage) {
    demo::publish_numbers(publisher, kMessagesABeat);
  }
  if (phase == Phase::kReplay && in_phase() < 2s) {
    demo::publish_numbers(publisher, kMessagesABeat / 10);
  }
  ++beats;
  const std::uint64_t behind = publisher.sent - std::min(publisher.sent, subscriber.received);
  std::string line =
      "sent " + grouped(publisher.sent) + "   received at the hub " + grouped(subscriber.received);
  if (phase == Phase::kOutage) line += "   backlog " + grouped(behind);
  if (phase == Phase::kReplay) {
    const std::uint64_t left = std::min(behind, backlog_at_mend);
    line = bar(backlog_at_mend - left, backlog_at_mend) + " " + line;
  }
  if (phase != Phase::kConnecting) show(line);

  if (phase == Phase::kLive && in_phase() >= kLive)
    enter(Phase::kOutage);
  else if (phase == Phase::kOutage && in_phase() >= kOutage)
    enter(Phase::kReplay);
  else if (phase == Phase::kReplay && in_phase() > 2500ms &&
           (behind == 0 || in_phase() > kReplayMax)) {
    beats = 10;
    if (!options.terminal) show(line);
    return check();
  }
  timer->arm(host.clock.now() + kBeat);
}

void Demo::Parts::check() {
  enter(Phase::kCheck);
  const std::uint64_t lost = publisher.sent - subscriber.received;
  print("\nCheck\n");
  const std::pair<const char*, std::uint64_t> kRows[] = {{"sent", publisher.sent},
                                                         {"received", subscriber.received},
                                                         {"lost", lost},
                                                         {"doubled", subscriber.doubled},
                                                         {"out of order", subscriber.out_of_order}};
  for (const auto& [name, value] : kRows) {
    char row[64];
    std::snprintf(row, sizeof row, "  %-13s%12s\n", name, grouped(value).c_str());
    print(row);
  }
  const bool good = lost == 0 && subscriber.doubled == 0 && subscriber.out_of_order == 0;
  leaf->stop([this, good] { done(good ? 0 : 1); });
}

Demo::Demo(Options options, Host host, Store& store, Print print, Done done)
    : parts_(std::make_unique<Parts>(std::move(options), host, store, std::move(print),
                                     std::move(done))) {}

Demo::~Demo() = default;

void Demo::start() { parts_->start(); }

}  // namespace petiole
