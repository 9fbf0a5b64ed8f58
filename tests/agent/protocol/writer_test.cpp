#include "agent/protocol/writer.h"

#include <doctest/doctest.h>

#include <string>

#include "agent/protocol/parser.h"

namespace petiole {
namespace {

std::string text_of(Output& output) {
  std::string text;
  std::string_view pieces[64];
  for (std::size_t i = 0, n = output.gather(pieces); i < n; ++i) text.append(pieces[i]);
  output.clear();
  return text;
}

struct Page {
  ChunkPool pool;
  Output output{pool};
  std::string take() { return text_of(output); }
};

const std::string kHeader = "NATS/1.0\r\n\r\n";

Message message(std::string_view payload, std::string_view reply = {},
                std::string_view header = {}) {
  return {
      .subject = "a.b", .reply = reply, .header = header, .payload = payload, .shared = nullptr};
}

TEST_CASE("writer: messages to clients") {
  Page page;
  write_msg(page.output, "a.b", "9", message("hi"), true);
  CHECK(page.take() == "MSG a.b 9 2\r\nhi\r\n");
  write_msg(page.output, "a.b", "9", message("hi", "r"), true);
  CHECK(page.take() == "MSG a.b 9 r 2\r\nhi\r\n");
  write_msg(page.output, "a.b", "9", message("hi", "r", kHeader), true);
  CHECK(page.take() == "HMSG a.b 9 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
  write_msg(page.output, "a.b", "9", message("hi", "", kHeader), false);
  CHECK(page.take() == "MSG a.b 9 2\r\nhi\r\n");
  write_msg(page.output, "a.b", "9", message(""), true);
  CHECK(page.take() == "MSG a.b 9 0\r\n\r\n");
}

TEST_CASE("writer: messages to leafs, in every form") {
  Page page;
  const std::string_view queues[] = {"q1", "q2"};
  write_leaf_msg(page.output, message("hi"), nullptr, 0, true);
  CHECK(page.take() == "LMSG a.b 2\r\nhi\r\n");
  write_leaf_msg(page.output, message("hi", "rep"), nullptr, 0, true);
  CHECK(page.take() == "LMSG a.b rep 2\r\nhi\r\n");
  write_leaf_msg(page.output, message("hi"), queues, 2, true);
  CHECK(page.take() == "LMSG a.b | q1 q2 2\r\nhi\r\n");
  write_leaf_msg(page.output, message("hi", "rep"), queues, 1, true);
  CHECK(page.take() == "LMSG a.b + rep q1 2\r\nhi\r\n");
  write_leaf_msg(page.output, message("hi", "rep", kHeader), queues, 1, true);
  CHECK(page.take() == "HMSG a.b + rep q1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
  write_leaf_msg(page.output, message("hi", "", kHeader), nullptr, 0, false);
  CHECK(page.take() == "LMSG a.b 2\r\nhi\r\n");
}

TEST_CASE("writer: large, shared and very long messages are read back as they were") {
  for (const std::size_t bytes : {0u, 1u, 2000u, 2048u, 5000u, 32768u, 100000u}) {
    for (const bool shared : {false, true}) {
      Page page;
      const std::string payload(bytes, 'x');
      Message large = message(payload, "reply", kHeader);
      if (shared) large.shared = std::make_shared<const std::string>(kHeader + payload);
      const std::string subject(40000, 's');
      large.subject = subject;
      write_leaf_msg(page.output, large, nullptr, 0, true);
      write_msg(page.output, "a", "1", large, false);
      const std::string text = page.take();
      Op op;
      const ParseResult first = parse(text, kLeaf, Limits{}, true, op);
      REQUIRE(first.used != 0);
      CHECK(op.subject == subject);
      CHECK(op.header == kHeader);
      CHECK(op.payload == payload);
      const ParseResult second =
          parse(std::string_view(text).substr(first.used), kServer, Limits{}, true, op);
      CHECK(first.used + second.used == text.size());
      CHECK(op.reply == "reply");
      CHECK(op.payload.size() == payload.size());
    }
  }
}

TEST_CASE("writer: numbers") {
  char digits[20];
  for (const std::uint64_t value : {0ull, 9ull, 10ull, 99ull, 100ull, 12345ull, ~0ull}) {
    CHECK(std::string(digits, write_number(digits, value)) == std::to_string(value));
  }
}

TEST_CASE("writer: errors quote as Go does") {
  Page page;
  write_err(page.output, "Stale Connection");
  CHECK(page.take() == "-ERR 'Stale Connection'\r\n");
  write_err(page.output, "Permissions Violation for Publish to ", "a\"b\x01");
  CHECK(page.take() == "-ERR 'Permissions Violation for Publish to \"a\\\"b\\x01\"'\r\n");
}

TEST_CASE("writer: PUB") {
  Page page;
  write_pub(page.output, message("hi", "r"));
  CHECK(page.take() == "PUB a.b r 2\r\nhi\r\n");
  write_pub(page.output, message("hi", "", kHeader));
  CHECK(page.take() == "HPUB a.b 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
}

}  // namespace
}  // namespace petiole
