// What a stream's answer to a publish says, in its usual form and in any other.
#include "agent/mirror/puback.h"

#include <doctest/doctest.h>

using namespace petiole;

namespace {

bool same(const PubAck& a, const PubAck& b) {
  return a.kind == b.kind && a.duplicate == b.duplicate && a.sequence == b.sequence &&
         a.stream == b.stream && a.domain == b.domain;
}

}  // namespace

TEST_CASE("puback: the usual forms") {
  const PubAck plain = parse_puback({}, R"({"stream":"S", "seq":7})");
  CHECK(plain.kind == PubAck::Kind::kStored);
  CHECK(plain.stream == "S");
  CHECK(plain.sequence == 7);
  CHECK_FALSE(plain.duplicate);
  const PubAck again = parse_puback(
      {}, R"({"stream":"S","domain":"hub", "seq":999999999999999999,"duplicate": true})");
  CHECK(again.stream == "S");
  CHECK(again.sequence == 999999999999999999U);
  CHECK(again.duplicate);
  CHECK(again.domain == "hub");
}

// The shorter way through the usual form must not find what JSON does not say.
TEST_CASE("puback: read like JSON, whatever its form") {
  for (const char* text : {
           R"({"stream":"S", "seq":7})",
           R"({"stream":"S","seq":7,"duplicate":true})",
           R"({"stream":"S","seq":7,"duplicate":false})",
           R"({"stream":"S","seq":7,"duplicate":truely})",
           R"({"stream":"S","domain":"d\"","seq":7})",
           R"({"stream":"S","domain":"\u0041","seq":7})",
           R"({"stream":"S","domain":"A","seq":7,"domain":"B"})",
           R"({"stream":"S","domain":"","seq":7,"domain":"B"})",
           R"({"stream":"S","domain":7,"seq":7})",
           R"({"stream":"\u0041","seq":7})",
           R"({"Stream":"S","SEQ":7})",
           R"({"stream":"S","seq":7,"val":"5"})",
           R"({"stream":"S","seq":7,"batch":"b","count":2})",
           R"({"stream":"S","seq":7,"stream":"T"})",
           R"({"stream":"S","seq":7,"seq":8})",
           R"({"stream":"S","seq":7,})",
           R"({"stream":"S","seq":7}x)",
           R"({"stream":"S","seq":7} )",
           R"({"stream":"S","seq":7)",
           R"({"stream":"S","seq":"7"})",
           R"({"stream":"S","seq":07})",
           R"({"stream":"S","seq":7e1})",
           R"({"stream":"S","seq":7.5})",
           R"({"stream":"S","seq":-7})",
           R"({"stream":"S","seq":0})",
           R"({"stream":"S","seq":9223372036854775807})",
           R"({"stream":"S","seq":18446744073709551616})",
           R"({"stream":"S"})",
           R"({"seq":7})",
           R"({"stream":"S" "seq":7})",
           R"({"stream" : "S" , "seq" : 7 })",
           "{\"stream\":\"S\",\n\"seq\":7}",
           "{\"stream\":\"S\x01\",\"seq\":7}",
           "{\"stream\":\"S\xff\",\"seq\":7}",
           R"({"error":{"code":503},"stream":"S","seq":0})",
           R"({"stream":"S","seq":7,"error":{"err_code":10054}})",
           R"({})",
           R"({"stream")",
       }) {
    CAPTURE(text);
    CHECK(same(parse_puback({}, text), parse_puback_json(text)));
  }
}

TEST_CASE("puback: a stream whose name would break what we write is no stream") {
  CHECK(parse_puback({}, R"({"stream":"S-1_x","seq":7})").kind == PubAck::Kind::kStored);
  for (const char* name :
       {"", "a b", "a\\nb", "a\\r", "a.b", "*", ">", "a/b", "a\\\\b", "\\u007f"}) {
    CAPTURE(name);
    const std::string text = std::string(R"({"seq":7,"stream":")") + name + "\"}";
    CHECK(parse_puback({}, text).kind == PubAck::Kind::kForeign);
  }
  const std::string longest(255, 'x');
  CHECK(is_stream_name(longest));
  CHECK_FALSE(is_stream_name(longest + 'x'));
}

// Of nats-server's errors.json: one that lies in the message would hold up all behind it for good.
TEST_CASE("puback: which of the hub's errors are the message's own fault") {
  using Kind = PubAck::Kind;
  struct Case {
    int code;
    const char* text;
    Kind kind;
  };
  constexpr Case kCases[] = {
      {10054, "message size exceeds maximum allowed", Kind::kRejected},
      {10071, "wrong last sequence: 4", Kind::kRejected},
      {10077, "message too large", Kind::kRejected},
      {10077, "maximum messages exceeded", Kind::kTemporary},
      {10023, "insufficient resources", Kind::kTemporary},
      {10109, "invalid operation on sealed stream", Kind::kTemporary},
      {10158, "duplicate message id is in process", Kind::kTemporary},
      {10164, "wrong last sequence", Kind::kTemporary},  // Another is under way: then it is 10071.
      {10167, "too many requests", Kind::kTemporary},
      {10166, "per-message TTL is disabled", Kind::kRejected},
      {10174, "atomic publish is disabled", Kind::kRejected},
      {10176, "atomic publish batch is incomplete", Kind::kRejected},
      {10188, "message schedules is disabled", Kind::kRejected},
      {10190, "message schedules target is invalid", Kind::kRejected},
      {10205, "batch publish is disabled", Kind::kRejected},
      {10210, "atomic publish too many inflight", Kind::kTemporary},
      {10223, "message schedules time zone is invalid", Kind::kRejected},
      {10227, "message stream source header is not allowed", Kind::kRejected},
  };
  for (const Case& each : kCases) {
    CAPTURE(each.code);
    const std::string answer = R"({"error":{"code":400,"err_code":)" + std::to_string(each.code) +
                               R"(,"description":")" + each.text + R"("}})";
    CHECK(parse_puback({}, answer).kind == each.kind);
    CHECK(parse_puback({}, answer).crowded == (each.code == 10167));
  }
}
