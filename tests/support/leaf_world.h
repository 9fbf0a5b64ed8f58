// Machines with a server, an account and leaf links on a simulated network.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/leaf/accepting.h"
#include "agent/leaf/remote.h"
#include "tests/support/sim_network.h"

namespace petiole::test {

// A local subscriber that notes what it gets: "subject reply payload", the header before a `|`.
class Ear : public Subscriber {
 public:
  Ear(Account& account, std::string_view subject, std::string_view queue = {})
      : account_(account), subscription_(make_subscription(*this, subject, queue, "1")) {
    account_.add(*subscription_);
  }
  ~Ear() override { account_.retire(subscription_); }
  Ear(const Ear&) = delete;
  Ear& operator=(const Ear&) = delete;

  PeerKind kind() const override { return PeerKind::kClient; }
  bool deliver(Subscription&, const Message& message) override {
    std::string text(message.subject);
    if (!message.reply.empty()) text.append(" ").append(message.reply);
    text.append(" ").append(message.payload);
    if (!message.header.empty()) text.append(" +").append(message.header);
    heard.push_back(std::move(text));
    return true;
  }

  std::vector<std::string> heard;

 private:
  Account& account_;
  Subscription* subscription_;
};

inline constexpr std::uint16_t kLeafPort = 7422;

// What a remote tells the mirror, in order.
class Observer : public UplinkObserver {
 public:
  void link_up(Uplink& link) override { note("up"), up = &link; }
  void link_doubted(Uplink&) override { note("doubted"); }
  void link_proven(Uplink&) override { note("proven"); }
  void link_down(Uplink& link) override {
    note("down"), up = nullptr;
    if (at_end) at_end(link);
  }
  void interest_changed(Uplink&) override {
    if (calls.empty() || calls.back() != "interest") note("interest");
  }
  bool cares_for(std::string_view subject) const override { return subject != ignored; }
  void link_drained(Uplink&) override { ++drained; }

  std::string ignored;
  Uplink* up = nullptr;
  std::function<void(Uplink&)> at_end;  // What the mirror still does with a link that broke.
  int drained = 0;
  std::vector<std::string> calls;

 private:
  void note(const char* what) { calls.emplace_back(what); }
};

struct World {
  explicit World(std::uint64_t seed) : entropy(seed), network(loop, chunks, seed) {}

  SimClock clock;
  SimLoop loop{clock};
  SimEntropy entropy;
  SimLog log;
  SimWorker worker{loop, [] { return Duration(std::chrono::milliseconds(50)); }};
  ChunkPool chunks;
  SimNetwork network;

  Host host(const std::string& name) {
    return {loop, clock, network.host(name), entropy, log, worker, chunks};
  }
};

// One machine. Listens for leafs when the configuration says so, and dials its remotes.
class Node {
 public:
  Node(World& world, const std::string& name, Config config = {})
      : world_(world),
        name_(name),
        server_(named(std::move(config), name), world.host(name)),
        links_(server_) {}
  ~Node() {
    remotes_.clear();
    world_.network.vanish(name_, false);
  }

  void listen() {
    listener_ = std::move(*world_.network.host(name_).listen({.host = "0.0.0.0", .port = kLeafPort},
                                                             make_leaf_accept(server_, links_)));
  }
  void dial_all() {
    for (const RemoteConfig& remote : server_.config().remotes) {
      observers_.push_back(std::make_unique<Observer>());
      remotes_.push_back(
          std::make_unique<Remote>(server_, links_, remote, files_, observers_.back().get()));
      remotes_.back()->start();
    }
  }

  Account& account() { return server_.global(); }
  Server& server() { return server_; }
  LeafRegister& links() { return links_; }
  Remote& remote(std::size_t i = 0) { return *remotes_[i]; }
  Observer& observer(std::size_t i = 0) { return *observers_[i]; }
  bool up() const { return !remotes_.empty() && remotes_.front()->up(); }
  void publish(std::string_view subject, std::string_view payload, std::string_view reply = {},
               std::string_view header = {}) {
    account().publish({}, {subject, reply, header, payload, nullptr});
  }

  std::map<std::string, std::string> files;

 private:
  static Config named(Config config, const std::string& name) {
    if (config.server_name.empty()) config.server_name = name;
    return config;
  }

  World& world_;
  std::string name_;
  Server server_;
  LeafRegister links_;
  FileReader files_ = [this](const std::string& path) -> Result<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) return {Errc::kNotFound, "no such file"};
    return found->second;
  };
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<Observer>> observers_;
  std::vector<std::unique_ptr<Remote>> remotes_;
};

inline RemoteUrl to(const std::string& host) {
  return {.host = host, .port = kLeafPort, .path = {}, .user = {}, .password = {}};
}

inline Config dialling(const std::string& hub) {
  Config config;
  RemoteConfig remote;
  remote.urls = {to(hub)};
  config.remotes.push_back(remote);
  return config;
}

}  // namespace petiole::test
