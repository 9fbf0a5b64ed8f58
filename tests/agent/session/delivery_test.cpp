#include <doctest/doctest.h>

#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

TEST_CASE_FIXTURE(ServerFixture, "delivery: from one client to others, in their own forms") {
  auto publisher = connect(), headed = connect();
  auto plain = connect("CONNECT {\"verbose\":false}\r\n");
  headed->say("SUB a.* 1\r\n");
  plain->say("SUB a.> x9\r\n");
  publisher->say("HPUB a.b r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
  CHECK(headed->wire.take() == "HMSG a.b 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
  CHECK(plain->wire.take() == "MSG a.b x9 r 2\r\nhi\r\n");
  CHECK(server().stats().traffic.messages_in == 1);
  CHECK(server().stats().traffic.messages_out == 2);
}

TEST_CASE_FIXTURE(ServerFixture, "delivery: one wake for many messages") {
  auto publisher = connect(), subscriber = connect();
  subscriber->say("SUB a 1\r\n");
  const int before = subscriber->wire.wakes;
  publisher->say("PUB a 1\r\nx\r\nPUB a 1\r\nx\r\nPUB a 1\r\nx\r\n");
  CHECK(subscriber->wire.wakes == before + 1);
}

TEST_CASE_FIXTURE(ServerFixture, "delivery: a slow consumer is cut without a word") {
  config.limits.pending_bytes_max = 2000;
  auto publisher = connect(), subscriber = connect();
  subscriber->say("SUB a 1\r\n");
  const std::string message = "PUB a 1000\r\n" + std::string(1000, 'x') + "\r\n";
  publisher->say(message);
  CHECK(!subscriber->wire.closed);
  publisher->say(message);
  CHECK(subscriber->wire.closed);
  CHECK(subscriber->wire.reason.code() == Errc::kSlowConsumer);
  CHECK(subscriber->wire.take().find("-ERR") == std::string::npos);
  CHECK(server().stats().slow_consumers == 1);
  publisher->say(message);
  CHECK(subscriber->wire.take().empty());
  subscriber->close();
  CHECK(server().closed().back().reason == "Slow Consumer (Pending Bytes)");
}

TEST_CASE_FIXTURE(ServerFixture,
                  "delivery: answers that are not read end the client as messages do") {
  config.limits.pending_bytes_max = 2000;
  const auto repeat = [](std::string_view text) {
    std::string all;
    for (int i = 0; i < 500; ++i) all += text;
    return all;
  };
  for (const char* text : {"PING\r\n", "UNSUB 1\r\n", "PUB a r 0\r\n\r\n", "SUB a..b 1\r\n"}) {
    CAPTURE(text);
    auto client = connect(
        "CONNECT {\"verbose\":true,\"headers\":true,\"no_responders\":true}\r\nSUB r 9\r\n");
    client->say(repeat(text));
    CHECK(client->wire.closed);
    CHECK(client->wire.reason.code() == Errc::kSlowConsumer);
  }
}

TEST_CASE_FIXTURE(ServerFixture, "delivery: a closing client leaves nothing behind") {
  auto client = connect(), other = connect();
  client->say("SUB a 1\r\nSUB b q 2\r\nSUB c 3\r\nUNSUB 3 5\r\n");
  CHECK(server().global().subscription_count() == 3);
  CHECK(client->session->report(true).subscription_list.size() == 3);
  client->close();
  CHECK(server().global().subscription_count() == 0);
  CHECK(server().closed().back().reason == "Client Closed");
  CHECK(server().closed().back().subscriptions == 3);
  CHECK(server().client_count() == 1);
  CHECK(server().open().size() == 1);
  other->say("PUB a 1\r\nx\r\n");
}

TEST_CASE_FIXTURE(ServerFixture, "delivery: queue groups share") {
  auto a = connect(), b = connect(), publisher = connect();
  a->say("SUB q g 1\r\n");
  b->say("SUB q g 1\r\n");
  for (int i = 0; i < 100; ++i) publisher->say("PUB q 1\r\nx\r\n");
  const std::size_t got_a = a->wire.take().size(), got_b = b->wire.take().size();
  CHECK(got_a + got_b == 100 * std::string("MSG q 1 1\r\nx\r\n").size());
  CHECK(got_a > 0);
  CHECK(got_b > 0);
}

}  // namespace
}  // namespace petiole::test
