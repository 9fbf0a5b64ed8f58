// Message traces on one server, from the headers to the event. What nats-server shows is compared
// in tests/interop/test_message_trace.py.
#include <doctest/doctest.h>

#include "agent/routing/message_trace.h"
#include "agent/system/encoded_text.h"
#include "tests/agent/system/fixture.h"

namespace petiole::test {
namespace {

constexpr std::string_view kDelivered = "Nats-Trace-Dest: t\r\n";
constexpr std::string_view kOnly = "Nats-Trace-Dest: t\r\nNats-Trace-Only: 1\r\n";

std::string hpub(std::string_view subject, std::string_view fields, std::string_view reply = {}) {
  const std::string block = "NATS/1.0\r\n" + std::string(fields) + "\r\n";
  return "HPUB " + std::string(subject) + ' ' + std::string(reply) + ' ' +
         std::to_string(block.size()) + ' ' + std::to_string(block.size() + 2) + "\r\n" + block +
         "hi\r\n";
}

struct TraceFixture : SystemFixture {
  std::unique_ptr<Asker> observer;
  ~TraceFixture() { observer.reset(); }

  void watch(std::string_view dest = "t") {
    start();
    observer = std::make_unique<Asker>(server().global());
    observer->subscribe(dest);
  }
  // "in eg eg", and what went wrong with each.
  std::string steps() const {
    std::string text;
    const json::object event = observer->last();
    for (const json::value& each : event.at("events").get_array()) {
      const json::object& step = each.get_object();
      text += (text.empty() ? "" : " ") + std::string(step.at("type").as_string());
      if (const json::value* const error = find(step, "error")) {
        text += "(" + std::string(error->get_string()) + ")";
      }
    }
    return text;
  }
};

// Keeps what it is given.
class Store : public Capture {
 public:
  int rule_of(std::string_view subject) const override { return subject == "kept" ? 0 : -1; }
  bool capture(int, const Message& message) override {
    headers.emplace_back(message.header);
    return takes;
  }
  bool captures_requests(int) const override { return true; }
  bool has_undurable() const override { return false; }
  bool congested() const override { return false; }
  void when_durable(std::function<void(Status)>) override {}

  bool takes = true;
  std::vector<std::string> headers;
};

TEST_CASE_FIXTURE(TraceFixture, "traces: a message is delivered, and its way told") {
  watch();
  auto one = connect(), publisher = connect();
  one->say("SUB a 1\r\nSUB > 2 q\r\n");
  publisher->say(hpub("a", kDelivered));
  CHECK(one->wire.take().find("Nats-Trace-Dest: t") != std::string::npos);
  REQUIRE(observer->got.size() == 1);
  CHECK(steps() == "in eg eg");
  const json::object event = observer->last();
  CHECK(event.at("request").at("msgsize") == 34);
  CHECK(event.at("events").at(0).at("subj") == "a");
  CHECK(event.at("events").at(0).at("acc") == "$G");
  CHECK(event.at("events").at(1).at("sub") == "a");
  CHECK(find(event, "hops") == nullptr);
}

TEST_CASE_FIXTURE(TraceFixture,
                  "traces: what is traced alone reaches nobody, and counts as taken") {
  watch();
  auto one = connect(), publisher = connect();
  one->say("SUB a 1\r\n");
  CHECK(publisher->say("SUB back 1\r\n" + hpub("a", kOnly, "back")).empty());
  CHECK(one->wire.take().empty());
  CHECK(steps() == "in eg");
  CHECK(publisher->say(hpub("b", kOnly, "back")).find("503") != std::string::npos);
  CHECK(steps() == "in");
}

TEST_CASE_FIXTURE(TraceFixture,
                  "traces: a message that is traced alone is neither stored nor sent") {
  Store store;
  watch();
  server().global().set_capture(&store);
  auto publisher = connect();
  publisher->say(hpub("kept", kOnly));
  CHECK(store.headers.empty());
  CHECK(steps() == "in js");
  publisher->say(hpub("kept", "Nats-Trace-Dest: t\r\nA: b\r\n"));
  CHECK(store.headers ==
        std::vector<std::string>{"NATS/1.0\r\nA: b\r\nNats-Trace-Dest: trace disabled\r\n\r\n"});
  CHECK(steps() == "in js");
  store.takes = false;
  publisher->say(hpub("kept", kDelivered));
  CHECK(steps() == "in js(the store takes no more)");
  server().global().set_capture(nullptr);
}

TEST_CASE_FIXTURE(TraceFixture, "traces: the header that ends a trace stays, and starts none") {
  watch();
  auto one = connect(), publisher = connect();
  one->say("SUB a 1\r\n");
  for (const char* fields : {"Nats-Trace-Dest: trace disabled\r\n", "Nats-Trace-Only: 1\r\n",
                             "traceparent: 00-a-b-01\r\n"}) {
    publisher->say(hpub("a", fields));
    CHECK(one->wire.take().find(fields) != std::string::npos);
  }
  CHECK(observer->got.empty());
}

TEST_CASE_FIXTURE(TraceFixture,
                  "traces: by the account's own wish, of messages with a traceparent") {
  config.accounts.push_back({.name = "A", .trace_dest = "t"});
  config.auth.users.push_back({.user = "a", .password = "a", .account = "A"});
  start();
  Asker there(*server().account("A"));
  there.subscribe("t");
  auto publisher = connect(R"(CONNECT {"verbose":false,"headers":true,"user":"a","pass":"a"})"
                           "\r\n");
  publisher->say(hpub("x", "traceparent: 00-a-b-01\r\n"));
  CHECK(there.got.size() == 1);
  publisher->say(hpub("x", "traceparent: 00-a-b-00\r\n"));
  CHECK(there.got.size() == 1);
}

TEST_CASE_FIXTURE(TraceFixture, "traces: nobody waits for the event, so none is made") {
  watch("other");
  auto publisher = connect();
  const std::uint64_t before = server().global().stats().messages_in;
  publisher->say(hpub("a", kDelivered));
  CHECK(server().global().stats().messages_in == before + 1);
}

TEST_CASE_FIXTURE(TraceFixture, "traces: one of very many targets has an end") {
  watch();
  auto one = connect(), publisher = connect();
  std::string subscriptions;
  for (int i = 0; i < 20000; ++i) subscriptions += "SUB a " + std::to_string(i) + "\r\n";
  one->say(subscriptions);
  publisher->say(hpub("a", kOnly));
  CHECK(observer->got.back().size() < (1 << 20) + 4096);
  CHECK(parse_json(observer->got.back()).ok());
}

TEST_CASE_FIXTURE(TraceFixture, "traces: a payload that is too large is told before the end") {
  config.limits.payload_bytes_max = 64;
  watch();
  auto publisher = connect();
  publisher->say("HPUB a 32 100\r\nNATS/1.0\r\nNats-Trace-Dest: t\r\n\r\n");
  REQUIRE(observer->got.size() == 1);
  CHECK(steps() == "in(maximum payload exceeded)");
  CHECK(publisher->wire.closed);
}

TEST_CASE("encoded text: whole frames of gzip and snappy") {
  using namespace std::string_view_literals;
  CHECK(encode("hi", MessageTrace::Encoding::kNone).header.empty());
  const EncodedText identity = encode("hi", MessageTrace::Encoding::kIdentity);
  CHECK(identity.header == "NATS/1.0\r\nContent-Encoding: identity\r\n\r\n");
  CHECK(identity.payload == "hi");
  const EncodedText gzip = encode("hi", MessageTrace::Encoding::kGzip);
  CHECK(gzip.header == "NATS/1.0\r\nContent-Encoding: gzip\r\n\r\n");
  CHECK(gzip.payload ==
        "\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x02\0\xfd\xffhi\xac\x2a\x93\xd8\x02\0\0\0"sv);
  const EncodedText snappy = encode(std::string(65537, 'x'), MessageTrace::Encoding::kSnappy);
  CHECK(snappy.header == "NATS/1.0\r\nContent-Encoding: snappy\r\n\r\n");
  CHECK(snappy.payload.starts_with("\xff\x06\0\0sNaPpY\x01\x04\0\x01"sv));
  CHECK(snappy.payload.size() == 10 + 8 + 65536 + 8 + 1);
  CHECK(encode(std::string(65536, 'x'), MessageTrace::Encoding::kGzip).payload.size() ==
        10 + 5 + 65535 + 5 + 1 + 8);
}

}  // namespace
}  // namespace petiole::test
