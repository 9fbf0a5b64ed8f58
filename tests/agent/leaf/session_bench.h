// A leaf session on a wire whose other end is the test, for transcripts in bytes.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>

#include "tests/support/leaf_world.h"

namespace petiole::test {

using namespace std::chrono_literals;

inline constexpr const char* kSeed = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";

inline std::string info(const std::string& more) {
  return R"(INFO {"server_id":"N1","server_name":"hub","version":"2.10.0","headers":true,"client_id":7,)" +
         more + R"("leafnode_urls":[],"max_payload":1048576} )" + "\r\n";
}
inline const std::string kInfo = info(R"("info_on_connect":true,"nonce":"nonce-text-1234",)");
inline const std::string kConnectInfo = info(R"("connect_info":true,"remote_account":"$G",)");

// Notes what a link tells its owner.
struct Deaf : LinkOwner {
  void link_opened(SolicitingLeaf&) override {}
  void link_info(const ServerInfo&) override {}
  void link_established(SolicitingLeaf&) override { ++established; }
  void link_heartbeat(SolicitingLeaf&, bool proven) override { heartbeats += proven ? "+" : "-"; }
  void link_interest(SolicitingLeaf&, std::string_view) override {}
  void link_interest_lost(SolicitingLeaf&, std::string_view subject) override {
    lost.append(subject).append(" ");
  }
  void link_gone() override {}
  void link_drained(SolicitingLeaf&) override { ++drained; }
  void link_lost(SolicitingLeaf&) override {}
  void link_closed(SolicitingLeaf& link, const CloseReason&) override {
    wait = link.wait();
    detail = link.detail();
  }
  int established = 0, drained = 0;
  std::string heartbeats, lost, detail;
  Duration wait{};
};

// A session on a wire whose other end is the test.
struct Bench {
  explicit Bench(Config config_ = dialling("hub"))
      : node(world, "leaf", std::move(config_)), wire(world.chunks) {
    options.url = node.server().config().remotes.empty() ? to("x") : remote().urls[0];
  }
  ~Bench() { close(); }
  const RemoteConfig& remote() const { return config().remotes[0]; }
  const Config& config() const { return const_cast<Node&>(node).server().config(); }
  Time now() const { return world.clock.now(); }

  void solicit() {
    auto made = std::make_unique<SolicitingLeaf>(node.server(), node.links(), remote(), options,
                                                 offer(), files, owner);
    soliciting = made.get();
    session = std::move(made);
    session->opened(wire, now());
  }
  std::shared_ptr<OfferedInterest> offer() {
    return std::make_shared<OfferedInterest>(node.account(), node.links());
  }
  void accept() {
    session = std::make_unique<AcceptingLeaf>(node.server(), node.links());
    session->opened(wire, now());
  }
  // Empty, or why the session ended it.
  std::string feed(std::string_view text) {
    while (!text.empty()) {
      const Result<std::size_t> used = session->receive(text, now());
      if (!used.ok()) return why = std::string(used.status().text());
      text.remove_prefix(*used);
      if (*used == 0) break;
    }
    world.loop.run_idle();
    return {};
  }
  std::string tick_after(Duration span) {
    world.loop.run_for(span);
    if (now() < session->deadline()) return "not due";
    return std::string(session->tick(now()).text());
  }
  void establish() {
    solicit();
    REQUIRE(feed(kInfo + kConnectInfo) == "");
    wire.take();
    feed("PONG\r\n");
  }
  void close() {
    if (session) session->closed({Errc::kNetwork, Stage::kOpen, why}, now());
    session.reset();
  }

  World world{1};
  Node node;
  FakeWire wire;
  SolicitOptions options;
  FileReader files = [](const std::string&) -> Result<std::string> {
    return {Errc::kNotFound, "no such file"};
  };
  Deaf owner;
  std::unique_ptr<LeafSession> session;
  SolicitingLeaf* soliciting = nullptr;
  std::string why;
};

inline std::string connect_of(const std::string& output) {
  const std::size_t begin = output.find("CONNECT ");
  return begin == output.npos ? "" : output.substr(begin, output.find("\r\n", begin) - begin);
}

}  // namespace petiole::test
