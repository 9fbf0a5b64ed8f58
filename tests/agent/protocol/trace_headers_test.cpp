#include "agent/protocol/trace_headers.h"

#include <doctest/doctest.h>

#include <string>

namespace petiole {
namespace {

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"

struct Case {
  const char *name, *fields;
  const char* json;  // Null: no trace is asked for.
  bool external = false, only = false;
};

// nats-server msgtrace.go, genHeaderMapIfTraceHeadersPresent and initMsgTrace.
constexpr Case kCases[] = {
    {"nothing", "A: b\r\n", nullptr},
    {"a destination", "Nats-Trace-Dest: d\r\n", R"({"Nats-Trace-Dest":["d"]})"},
    {"in exact case", "nats-trace-dest: d\r\n", nullptr},
    {"without a value", "Nats-Trace-Dest:\r\n", nullptr},
    {"a longer name", "Nats-Trace-Destination: d\r\n", nullptr},
    {"not at the beginning of a line", "X: Nats-Trace-Dest: d\r\n", nullptr},
    {"blanks around the value", "Nats-Trace-Dest: \t d \t\r\n", R"({"Nats-Trace-Dest":["d"]})"},
    {"disabled", "Nats-Trace-Dest: trace disabled\r\nTraceparent: " PARENT "01\r\n", nullptr},
    {"all fields, sorted", "b: 1\r\nNats-Trace-Dest: d\r\nA: 2\r\nb: 3\r\n",
     R"({"A":["2"],"Nats-Trace-Dest":["d"],"b":["1","3"]})"},
    {"text that JSON escapes", "Nats-Trace-Dest: d\r\na: <\"\\\x01>\r\n",
     R"({"Nats-Trace-Dest":["d"],"a":["\u003c\"\\\u0001\u003e"]})"},
    {"a line without a colon belongs to the next", "x\r\nNats-Trace-Dest: d\r\n", nullptr},
    {"torn at the end", "Nats-Trace-Dest: d", nullptr},
    {"only", "Nats-Trace-Dest: d\r\nNats-Trace-Only: 1\r\n",
     R"({"Nats-Trace-Dest":["d"],"Nats-Trace-Only":["1"]})", false, true},
    {"only, a word", "Nats-Trace-Dest: d\r\nNats-Trace-Only: TRUE\r\n",
     R"({"Nats-Trace-Dest":["d"],"Nats-Trace-Only":["TRUE"]})", false, true},
    {"only, on", "Nats-Trace-Dest: d\r\nNats-Trace-Only: on\r\n",
     R"({"Nats-Trace-Dest":["d"],"Nats-Trace-Only":["on"]})", false, true},
    {"only, another word", "Nats-Trace-Dest: d\r\nNats-Trace-Only: yes\r\n",
     R"({"Nats-Trace-Dest":["d"],"Nats-Trace-Only":["yes"]})"},
    {"only, without a destination", "Nats-Trace-Only: 1\r\n", nullptr},
    {"a parent", "traceparent: " PARENT "01\r\n", R"({"traceparent":[")" PARENT R"(01"]})", true},
    {"a parent in any case", "TRACEParent: " PARENT "ff\r\n", nullptr},
    {"a parent's flags are seven bits", "TRACEParent: " PARENT "7f\r\n",
     R"({"TRACEParent":[")" PARENT R"(7f"]})", true},
    {"a parent that is not recorded", "traceparent: " PARENT "02\r\n", nullptr},
    {"a parent of three parts", "traceparent: 00-a-01\r\n", nullptr},
    {"a parent of five parts", "traceparent: 00-a-b-c-01\r\n", nullptr},
    {"a parent whose flags are no number", "traceparent: 00-a-b-xy\r\n", nullptr},
    {"of several parents the first that is recorded",
     "traceparent: 00-a-b-00\r\ntraceparent: 00-c-d-01\r\n",
     R"({"traceparent":["00-a-b-00","00-c-d-01"]})", true},
    {"a parent does not say only", "traceparent: 00-c-d-01\r\nNats-Trace-Only: 1\r\n",
     R"({"Nats-Trace-Only":["1"],"traceparent":["00-c-d-01"]})", true},
    {"a destination goes before a parent", "traceparent: 00-c-d-01\r\nNats-Trace-Dest: d\r\n",
     R"({"Nats-Trace-Dest":["d"],"traceparent":["00-c-d-01"]})"},
};

TEST_CASE("trace headers: what asks for a trace, and what the event shows of it") {
  for (const Case& each : kCases) {
    CAPTURE(std::string(each.name));
    const std::string header = "NATS/1.0\r\n" + std::string(each.fields) + "\r\n";
    const auto found =
        read_trace_headers(std::string(each.fields).ends_with("\n")
                               ? std::string_view(header)
                               : std::string_view(header).substr(0, header.size() - 2));
    CHECK(found.has_value() == (each.json != nullptr));
    if (!found) continue;
    CHECK(may_ask_for_trace(header));
    CHECK(found->json() == each.json);
    CHECK(found->external == each.external);
    CHECK(found->only() == each.only);
  }
}

TEST_CASE("trace headers: a status is not looked at") {
  CHECK(!read_trace_headers("NATS/1.0 503\r\nNats-Trace-Dest: d\r\n\r\n"));
}

TEST_CASE("trace headers: the one look at every message finds no other headers") {
  CHECK(!may_ask_for_trace(""));
  CHECK(!may_ask_for_trace("NATS/1.0\r\n\r\n"));
  CHECK(!may_ask_for_trace(
      "NATS/1.0\r\nNats-Msg-Id: 1\r\ntracestate: a=b\r\nTraceparents: x\r\n\r\n"));
  CHECK(may_ask_for_trace("NATS/1.0\r\nA: b\r\nNats-Trace-Dest: d\r\n\r\n"));
  CHECK(may_ask_for_trace("NATS/1.0\r\ntracePARENT: 00-a-b-00\r\n\r\n"));
}

}  // namespace
}  // namespace petiole
