// To a client a PONG or +OK means that what it published before is safe.
#include <doctest/doctest.h>

#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

class SlowDisk : public Capture {
 public:
  int rule_of(std::string_view subject) const override {
    return subject == "t" ? 0 : subject == "memory" ? 70 : -1;
  }
  bool capture(int rule, const Message&) override { return rule != 0 || (!full && ++undurable); }
  bool holds_undurable(std::uint64_t rules) const override {
    return (rules & bit_of(0)) != 0 && undurable != 0;
  }
  std::string refusal(int) const override { return "rule t: full"; }
  bool captures_requests(int) const override { return false; }
  bool has_undurable() const override { return undurable != 0; }
  bool congested() const override { return undurable >= 3; }
  bool must_wait(std::size_t bytes) const override { return congested() || bytes > room; }
  void when_durable(std::function<void(Status)> done) override {
    waiting.push_back(std::move(done));
  }
  void commit(Status status = {}) {
    undurable = 0;
    for (const auto& done : std::exchange(waiting, {})) done(status);
  }
  int undurable = 0;
  bool full = false;
  std::size_t room = SIZE_MAX;  // In the queue.
  std::vector<std::function<void(Status)>> waiting;
};

struct DiskFixture : ServerFixture {
  SlowDisk disk;
  ~DiskFixture() { server().global().set_capture(nullptr); }
  void start() { server().global().set_capture(&disk); }
};

TEST_CASE_FIXTURE(DiskFixture, "durability: PONG waits for the disk, the rest behind it too") {
  start();
  auto client = connect(), other = connect();
  CHECK(client->say("PUB t 1\r\nx\r\nPING\r\nSUB a 1\r\nPUB a 1\r\ny\r\n") == "");
  CHECK(client->wire.paused);
  other->say("PUB t 1\r\nx\r\n");  // Captured later: must not make the first wait again.
  for (const auto& done : std::exchange(disk.waiting, {})) done({});
  CHECK(!client->wire.paused);
  client->pump();
  CHECK(client->wire.take() == "PONG\r\nMSG a 1 1\r\ny\r\n");
  CHECK(other->say("PING\r\n") == "");
  disk.commit();
  other->pump();
  CHECK(other->wire.take() == "PONG\r\n");
}

TEST_CASE_FIXTURE(DiskFixture,
                  "durability: +OK waits for the disk, what is not captured does not") {
  start();
  auto client = connect("CONNECT {\"verbose\":true,\"pedantic\":false}\r\n");
  CHECK(client->say("PUB a 1\r\nx\r\n") == "+OK\r\n");
  CHECK(client->say("PUB t 1\r\nx\r\nSUB a 1\r\n") == "");
  disk.commit();
  client->pump();
  CHECK(client->wire.take() == "+OK\r\n+OK\r\n");
}

TEST_CASE_FIXTURE(DiskFixture, "durability: who published nothing for the disk waits for none") {
  start();
  auto client = connect();
  CHECK(client->say("PUB t 1\r\nx\r\nPING\r\n") == "");
  auto other = connect(), verbose = connect("CONNECT {\"verbose\":true,\"pedantic\":false}\r\n");
  CHECK(other->say("SUB a 1\r\nPING\r\nPUB a 1\r\ny\r\n") == "PONG\r\nMSG a 1 1\r\ny\r\n");
  CHECK(verbose->say("PUB b 1\r\nx\r\nSUB b 1\r\n") == "+OK\r\n+OK\r\n");
  CHECK(other->say("PUB t 1\r\nx\r\nPING\r\n") == "");  // From now on it does.
  disk.commit();
  other->pump();
  CHECK(other->wire.take() == "PONG\r\n");
  client->pump();
  CHECK(client->wire.take() == "PONG\r\n");
  CHECK(other->say("PUB memory 1\r\nx\r\nPING\r\n") == "PONG\r\n");
  CHECK(client->say("PUB t 1\r\nx\r\n") == "");
  // What it published is on disk, or for a rule that needs none.
  CHECK(other->say("PING\r\nPUB memory 1\r\nx\r\nPING\r\n") == "PONG\r\nPONG\r\n");
}

TEST_CASE_FIXTURE(DiskFixture, "durability: who waits for the disk is not stale for it") {
  start();
  auto client = connect();
  client->say("PING\r\n");
  CHECK(client->say("PUB t 1\r\nx\r\nPING\r\n") == "");
  client->wait(1h);
  CHECK(!client->wire.closed);
  CHECK(client->wait(10min).find("PING\r\n") != std::string::npos);  // One that has gone is found.
  disk.commit();
  client->pump();
  CHECK(client->wire.take() == "PONG\r\n");
  client->wait(10min);
  CHECK(client->wire.closed);
}

TEST_CASE_FIXTURE(DiskFixture, "durability: publishers pause while the disk is behind") {
  start();
  auto client = connect();
  client->say("PUB t 1\r\nx\r\nPUB t 1\r\nx\r\nPUB t 1\r\nx\r\nPUB t 1\r\nx\r\n");
  CHECK(disk.undurable == 3);
  CHECK(client->wire.paused);
  disk.commit();
  client->pump();
  CHECK(disk.undurable == 1);
}

TEST_CASE_FIXTURE(DiskFixture,
                  "durability: each of many publishers waits before it adds one more") {
  start();
  auto client = connect(), other = connect();
  client->say("PUB t 1\r\nx\r\nPUB t 1\r\nx\r\nPUB t 1\r\nx\r\n");
  CHECK(other->say("SUB a 1\r\nPUB a 1\r\ny\r\nPUB t 1\r\nx\r\nPUB a 1\r\nz\r\n") ==
        "MSG a 1 1\r\ny\r\n");
  CHECK(disk.undurable == 3);
  CHECK(other->wire.paused);
  disk.commit();
  other->pump();
  CHECK(disk.undurable == 1);
  CHECK(other->wire.take() == "MSG a 1 1\r\nz\r\n");
}

TEST_CASE_FIXTURE(DiskFixture, "durability: what a mapping makes the rule's waits, too") {
  config.accounts.push_back({.name = "$G", .mappings = {{"in", {{"t"}}}, {"t", {{"out"}}}}});
  start();
  auto client = connect();
  disk.undurable = 3;
  CHECK(client->say("SUB out 1\r\nPUB t 1\r\nx\r\n") == "MSG out 1 1\r\nx\r\n");
  client->say("PUB in 1\r\nx\r\n");
  CHECK(client->wire.paused);
  CHECK(disk.undurable == 3);
}

TEST_CASE_FIXTURE(DiskFixture, "durability: a request that is not captured does not wait") {
  start();
  auto client = connect();
  disk.undurable = 3;
  CHECK(client->say("SUB t 1\r\nPUB t answer 1\r\nx\r\n") == "MSG t 1 answer 1\r\nx\r\n");
  CHECK(disk.undurable == 3);
}

TEST_CASE_FIXTURE(DiskFixture, "durability: a message for which the queue has no room waits") {
  start();
  disk.room = 4;
  auto client = connect();
  client->say("PUB t 1\r\nx\r\nPUB t 5\r\nlarge\r\n");
  CHECK(disk.undurable == 1);
  CHECK(client->wire.paused);
  disk.room = 5;
  disk.commit();
  client->pump();
  CHECK(disk.undurable == 1);
}

TEST_CASE_FIXTURE(DiskFixture, "durability: a disk that failed is told before PONG and +OK") {
  start();
  const std::string error =
      "-ERR 'Permissions Violation for Publish: Insufficient Storage, messages may be lost'\r\n";
  auto client = connect(), verbose = connect("CONNECT {\"verbose\":true,\"pedantic\":false}\r\n");
  CHECK(client->say("PUB t 1\r\nx\r\nPING\r\nSUB a 1\r\n") == "");
  CHECK(verbose->say("PUB t 1\r\nx\r\n") == "");
  disk.commit({Errc::kStorage, "the disk refused a write"});
  client->pump();
  CHECK(client->wire.take() == error + "PONG\r\n");
  CHECK(verbose->wire.take() == error);  // It may be lost: a +OK would say that it is safe.
  CHECK(client->say("PUB a 1\r\ny\r\nPING\r\n") == "MSG a 1 1\r\ny\r\nPONG\r\n");
}

TEST_CASE_FIXTURE(DiskFixture, "durability: what the store refuses is told, once a batch") {
  start();
  disk.full = true;
  const std::string prefix = "-ERR 'Permissions Violation for Publish: Store Refused ";
  auto client = connect();
  std::string batch;
  for (int i = 0; i < 50; ++i) batch += "PUB t 1\r\nx\r\n";
  CHECK(client->say(batch + "PUB a 1\r\nx\r\nPING\r\n") ==
        prefix + "50 messages, rule t: full'\r\nPONG\r\n");
  CHECK(client->say("PING\r\n") == "PONG\r\n");
  CHECK(client->say("PUB t 1\r\nx\r\n") == "");  // Without a PING: not more than once a second.
  CHECK(client->say("PING\r\n") == prefix + "1 message, rule t: full'\r\nPONG\r\n");
  disk.full = false;
  CHECK(client->say("PUB t 1\r\nx\r\nPING\r\n") == "");
}

TEST_CASE_FIXTURE(DiskFixture, "durability: no +OK for what the store refuses") {
  start();
  disk.full = true;
  auto verbose = connect("CONNECT {\"verbose\":true,\"pedantic\":false}\r\n");
  CHECK(verbose->say("PUB t 1\r\nx\r\nPUB a 1\r\nx\r\n") ==
        "-ERR 'Permissions Violation for Publish: Store Refused 1 message, rule t: "
        "full'\r\n+OK\r\n");
}

TEST_CASE_FIXTURE(DiskFixture, "durability: a client that leaves meanwhile is not missed") {
  start();
  auto client = connect();
  client->say("PUB t 1\r\nx\r\nPING\r\n");
  client->close();
  disk.commit();
}

}  // namespace
}  // namespace petiole::test
