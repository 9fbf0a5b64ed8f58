// A server on simulated time, and clients whose wire is a string.
#pragma once

#include <memory>
#include <string>

#include "agent/session/client_session.h"
#include "tests/support/sim.h"

namespace petiole::test {

class NoNetwork : public Network {
 public:
  Result<std::unique_ptr<Listener>> listen(const ListenOptions&, Accept) override {
    return {Errc::kUnsupported};
  }
  std::unique_ptr<Dial> dial(const DialOptions&, std::unique_ptr<Protocol>) override {
    return nullptr;
  }
};

struct Machine {
  SimClock clock;
  SimLoop loop{clock};
  SimEntropy entropy{7};
  SimLog log;
  SimWorker worker{loop, [] { return Duration(50ms); }};
  ChunkPool chunks;
  NoNetwork network;
  Host host{loop, clock, network, entropy, log, worker, chunks};
};

// What a connection does: offers input, keeps what was not taken, calls tick when it is due.
class Client {
 public:
  Client(Machine& machine, Server& server) : machine_(machine), wire(machine.chunks) {
    session = std::make_unique<ClientSession>(server);
    session->opened(wire, machine.clock.now());
    info = wire.take();
  }
  ~Client() { close(); }

  // Sends `text` and returns what came back.
  std::string say(std::string_view text) {
    held_ += text;
    pump();
    return wire.take();
  }
  void pump() {
    while (!wire.paused && !wire.closed && !held_.empty()) {
      const Result<std::size_t> used = session->receive(held_, machine_.clock.now());
      if (!used.ok()) return wire.close(used.status());
      if (*used == 0) return;
      held_.erase(0, *used);
    }
  }
  // Moves the time on, with the session's own deadlines on the way; returns what it sent.
  std::string wait(Duration span) {
    const Time end = machine_.clock.now() + span;
    while (!wire.closed && session->deadline() <= end) {
      machine_.loop.run_for(std::max(Duration{}, session->deadline() - machine_.clock.now()));
      const Status status = session->tick(machine_.clock.now());
      if (!status.ok()) wire.close(status);
    }
    if (machine_.clock.now() < end) machine_.loop.run_for(end - machine_.clock.now());
    pump();
    return wire.take();
  }
  void close(CloseReason reason = {.code = Errc::kClosed, .text = {}}) {
    if (!session) return;
    session->closed(reason, machine_.clock.now());
    session.reset();
  }

 private:
  Machine& machine_;
  std::string held_;

 public:
  FakeWire wire;
  std::unique_ptr<ClientSession> session;
  std::string info;
};

inline constexpr std::string_view kQuiet =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n";

struct ServerFixture {
  Machine machine;
  Config config;
  std::unique_ptr<Server> server_;
  Server& server() {
    if (!server_) server_ = std::make_unique<Server>(config, machine.host);
    return *server_;
  }
  std::unique_ptr<Client> connect(std::string_view hello = kQuiet) {
    auto client = std::make_unique<Client>(machine, server());
    client->say(hello);
    return client;
  }
};

}  // namespace petiole::test
