// Properties of a soliciting leaf session, whatever a hub sends and however it is cut:
//  - it takes no more than it was given, and goes on with what it left;
//  - its output is bounded by its input: no hub makes it speak without end;
//  - interest that it holds is bounded by the lines that it was given;
//  - its end leaves no subscription behind.
#include <cstdint>
#include <cstdlib>

#include "tests/support/leaf_world.h"

namespace petiole::test {
namespace {

constexpr std::string_view kHandshake =
    "INFO {\"client_id\":7,\"leafnode_urls\":[],\"headers\":true,\"server_name\":\"hub\"} \r\n";
// INFO may be answered by a CONNECT and a turn of interest; PING by PONG; LS+ by -ERR.
constexpr std::size_t kOutputBytesMax = 4096;
constexpr std::size_t kOutputFactor = 16;

struct Deaf : LinkOwner {
  void link_opened(SolicitingLeaf&) override {}
  void link_info(const ServerInfo&) override {}
  void link_established(SolicitingLeaf&) override {}
  void link_heartbeat(SolicitingLeaf&, bool) override {}
  void link_interest(SolicitingLeaf&, std::string_view) override {}
  void link_interest_lost(SolicitingLeaf&, std::string_view) override {}
  void link_drained(SolicitingLeaf&) override {}
  void link_lost(SolicitingLeaf&) override {}
  void link_closed(SolicitingLeaf&, const CloseReason&) override {}
  void link_gone() override {}
};

void check(bool holds) {
  if (!holds) std::abort();
}

void run(std::string_view input, std::size_t step, bool established) {
  World world(1);
  Node node(world, "leaf", dialling("hub"));
  Ear ear(node.account(), "foo.>");
  FakeWire wire(world.chunks);
  Deaf owner;
  const FileReader files = [](const std::string&) -> Result<std::string> {
    return Errc::kNotFound;
  };
  const RemoteConfig& remote = node.server().config().remotes[0];
  SolicitingLeaf link(node.server(), node.links(), remote, {.url = remote.urls[0], .tls = {}},
                      std::make_shared<OfferedInterest>(node.account(), node.links()), files,
                      owner);
  const Time now = world.clock.now();
  link.opened(wire, now);
  if (established) check(link.receive(kHandshake, now).ok());
  std::string held;
  std::size_t written = 0;
  bool ended = false;
  for (std::size_t at = 0; at < input.size() && !ended; at += step) {
    held += input.substr(at, step);
    const Result<std::size_t> used = link.receive(held, now);
    ended = !used.ok() || wire.tls;
    if (used.ok()) {
      check(*used <= held.size());
      held.erase(0, *used);
    }
    world.loop.run_idle();
    if (world.loop.step(now)) break;
    link.drained(now);
    written += wire.take().size();
    check(written <= kOutputBytesMax + kOutputFactor * (at + step));
    check(link.subscription_count() <= input.size() / 6);
  }
  link.closed({Errc::kClosed, Stage::kOpen, "end"}, now);
  check(node.account().subscription_count() == 1);
}

}  // namespace
}  // namespace petiole::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
  petiole::test::run(input, 1 + data[0], (data[1] & 1) != 0);
  return 0;
}
