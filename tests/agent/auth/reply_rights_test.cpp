#include "agent/auth/reply_rights.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace petiole {
namespace {

TEST_CASE("replies: once, within the time") {
  Time now{};
  ReplyRights rights({.max = 1, .expires = 2min}, 7);
  CHECK_FALSE(rights.use("r", now));
  rights.grant("r", now);
  CHECK(rights.use("r", now + 2min));
  CHECK_FALSE(rights.use("r", now + 2min));
  rights.grant("r", now);
  CHECK_FALSE(rights.use("r", now + 2min + 1ns));
  CHECK(rights.size() == 0);
}

TEST_CASE("replies: as often as said; negative is without limit") {
  Time now{};
  ReplyRights three({.max = 3, .expires = 1s}, 7), any({.max = -1, .expires = -1ns}, 7);
  three.grant("r", now);
  any.grant("r", now);
  for (int i = 0; i < 3; ++i) CHECK(three.use("r", now));
  CHECK_FALSE(three.use("r", now));
  for (int i = 0; i < 1000; ++i) CHECK(any.use("r", now + 100h));
}

TEST_CASE("replies: asked again, the count starts over") {
  Time now{};
  ReplyRights rights({.max = 2, .expires = 1s}, 7);
  rights.grant("r", now);
  CHECK(rights.use("r", now));
  rights.grant("r", now + 5s);
  CHECK(rights.size() == 1);
  CHECK(rights.use("r", now + 5s));
  CHECK(rights.use("r", now + 5s));
  CHECK_FALSE(rights.use("r", now + 5s));
}

TEST_CASE("replies: many at once, each its own; one that nobody answers blocks none") {
  Time now{};
  ReplyRights rights({.max = 1, .expires = 2min}, 7);
  rights.grant("unanswered", now);
  for (int i = 0; i < 100000; ++i) {
    const std::string reply = "_INBOX." + std::to_string(i);
    rights.grant(reply, now);
    if (i >= 10) CHECK(rights.use("_INBOX." + std::to_string(i - 10), now));
  }
  CHECK(rights.size() == 11);
  CHECK(rights.use("unanswered", now));
}

TEST_CASE("replies: bounded, the oldest goes") {
  Time now{};
  ReplyRights rights({.max = 1, .expires = -1ns}, 7);
  const auto reply = [](std::size_t i) { return "r" + std::to_string(i); };
  for (std::size_t i = 0; i <= ReplyRights::kRightsMax; ++i) rights.grant(reply(i), now);
  CHECK(rights.size() == ReplyRights::kRightsMax);
  CHECK_FALSE(rights.use(reply(0), now));
  CHECK(rights.use(reply(1), now));
  CHECK(rights.use(reply(ReplyRights::kRightsMax), now));
}

TEST_CASE("replies: bounded however many come, and wherever one was used in between") {
  Time now{};
  ReplyRights rights({.max = 1, .expires = -1ns}, 7);
  const auto reply = [](std::size_t i) { return "r" + std::to_string(i); };
  constexpr std::size_t kMany = 4 * ReplyRights::kRightsMax;
  std::size_t most = 0;
  for (std::size_t i = 0; i < kMany; ++i) {
    rights.grant(reply(i), now);
    if (i % 3 == 0) CHECK(rights.use(reply(i), now));
    most = std::max(most, rights.size());
  }
  CHECK(most == ReplyRights::kRightsMax);
  CHECK(rights.use(reply(kMany - 1), now) == (kMany % 3 != 1));
  CHECK(rights.use(reply(kMany - ReplyRights::kRightsMax + 1), now));
}

TEST_CASE("replies: what has expired makes room") {
  Time now{};
  ReplyRights rights({.max = 1, .expires = 1s}, 7);
  for (int i = 0; i < 100; ++i) rights.grant("r" + std::to_string(i), now);
  rights.grant("late", now + 2s);
  CHECK(rights.size() == 1);
}

}  // namespace
}  // namespace petiole
