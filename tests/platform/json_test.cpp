#include "platform/json.h"

#include <doctest/doctest.h>

namespace petiole {
namespace {

TEST_CASE("json: members by name, as Go finds them") {
  const auto parsed = parse_json(
      R"({"server_id":"X","Max_Payload":1048576,"headers":true,"big":18446744073709551615,)"
      R"("half":0.5,"null":null,"HEADERS":false,"Jetstream":true})");
  REQUIRE(parsed.ok());
  const json::object& object = parsed->get_object();
  CHECK(get_string(object, "server_id") == "X");
  CHECK(get_string(object, "SERVER_ID") == "X");
  CHECK(get_string(object, "max_payload", "none") == "none");  // Of another type.
  CHECK(get_int(object, "max_payload") == 1048576);
  CHECK(get_int(object, "big", -1) == -1);
  CHECK(get_int(object, "half", -1) == -1);
  CHECK(get_bool(object, "headers"));  // The exact name goes first,
  CHECK(!get_bool(object, "HEADERS"));
  CHECK(get_bool(object, "jetstream"));  // then one that differs in case.
  CHECK(get_bool(object, "absent", true));
  CHECK(find(object, "null")->is_null());
  CHECK(find(object, "absent") == nullptr);
}

TEST_CASE("json: what is not one whole document is an error") {
  for (const char* text :
       {"", "{", "{\"a\":}", "[1,]", "{} {}", "nul", "\"\xff\"", "{\"a\" 1}", "'a'"}) {
    CHECK_MESSAGE(!parse_json(text).ok(), text);
  }
  CHECK(parse_json("{\"a\":1").code() == Errc::kProtocol);
  CHECK(parse_json(std::string(100000, '[')).code() == Errc::kTooLarge);
  CHECK(parse_json(" {\"a\":[1,2]} \r\n").ok());
}

TEST_CASE("json: indented as nats-server prints it") {
  const auto parsed =
      parse_json(R"({"a":1,"b":[],"c":{},"d":[1,{"e":"x\"y\n"}],"f":null,"g":-0.5})");
  REQUIRE(parsed.ok());
  CHECK(to_pretty_text(*parsed) ==
        "{\n  \"a\": 1,\n  \"b\": [],\n  \"c\": {},\n  \"d\": [\n    1,\n    {\n"
        "      \"e\": \"x\\\"y\\n\"\n    }\n  ],\n  \"f\": null,\n  \"g\": -0.5\n}");
  CHECK(to_text(*parsed) == R"({"a":1,"b":[],"c":{},"d":[1,{"e":"x\"y\n"}],"f":null,"g":-0.5})");
}

}  // namespace
}  // namespace petiole
