#include "agent/protocol/headers.h"

#include <doctest/doctest.h>

namespace petiole {
namespace {

constexpr std::string_view kBlock =
    "NATS/1.0 503 x\r\nA: 1\r\nNats-Msg-Id:  abc\r\na: 2\r\nE:\r\n\r\n";

TEST_CASE("headers: a name is found in exact case, right behind CRLF") {
  CHECK(find_header(kBlock, "Nats-Msg-Id") == "abc");
  CHECK(find_header(kBlock, "A") == "1");
  CHECK(find_header(kBlock, "a") == "2");
  CHECK(find_header(kBlock, "E") == "");
  CHECK(!find_header(kBlock, "nats-msg-id"));
  CHECK(!find_header(kBlock, "Nats-Msg"));
  CHECK(!find_header(kBlock, "Msg-Id"));
  CHECK(!find_header("", "A"));
  CHECK(!find_header("NATS/1.0", "A"));
  CHECK(find_header("NATS/1.0\r\nA: cut", "A") == "cut");
}

TEST_CASE("headers: one is added at the end, or makes a block") {
  CHECK(add_header("", "K", "v") == "NATS/1.0\r\nK: v\r\n\r\n");
  CHECK(add_header("NATS/1.0\r\n\r\n", "K", "v") == "NATS/1.0\r\nK: v\r\n\r\n");
  CHECK(add_header("NATS/1.0\r\nA: 1\r\n\r\n", "K", "v") == "NATS/1.0\r\nA: 1\r\nK: v\r\n\r\n");
}

TEST_CASE("headers: those whose name begins so are left out") {
  CHECK(without_headers("NATS/1.0\r\nA-1: x\r\nB: 1\r\nA-2: y\r\nA: z\r\n\r\n", "A-") ==
        "NATS/1.0\r\nB: 1\r\nA: z\r\n\r\n");
  CHECK(without_headers("NATS/1.0\r\nA: 1\r\n\r\n", "NATS") == "NATS/1.0\r\nA: 1\r\n\r\n");
  CHECK(without_headers("NATS/1.0\r\nA: 1\r\n\r\n", "A") == "NATS/1.0\r\n\r\n");
  CHECK(without_headers("", "A").empty());
}

TEST_CASE("headers: no responders, before and from 2.12 on") {
  CHECK(no_responders_header("") == "NATS/1.0 503\r\n\r\n");
  CHECK(no_responders_header("a.b") == "NATS/1.0 503\r\nNats-Subject: a.b\r\n\r\n");
  CHECK(no_responders_header("a.b").size() == 32 + 3);
}

}  // namespace
}  // namespace petiole
