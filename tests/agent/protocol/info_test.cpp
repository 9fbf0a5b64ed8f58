#include "agent/protocol/info.h"

#include <doctest/doctest.h>

#include "agent/protocol/connect.h"

namespace petiole {
namespace {

std::string_view json_of(std::string_view line) {
  const std::size_t begin = line.find('{');
  return line.substr(begin, line.rfind('}') + 1 - begin);
}

TEST_CASE("info: a client's is read back, `<>&` are escaped as Go does") {
  ServerInfo info;
  info.server_id = "NABC";
  info.server_name = "a<b>&\"c\\\n";
  info.version = "2.12.0";
  info.port = 4222;
  info.max_payload = 1 << 20;
  info.client_id = 7;
  info.connect_urls = {"a:1", "b:2"};
  const std::string line = client_info_line(info);
  CHECK(line.starts_with(
      "INFO {\"server_id\":\"NABC\",\"server_name\":\"a\\u003cb\\u003e\\u0026\\\"c"));
  CHECK(line.ends_with("} \r\n"));
  CHECK(line.find("leafnode_urls") == line.npos);
  const Result<ServerInfo> read = parse_info(json_of(line));
  REQUIRE(read.ok());
  CHECK(read->server_name == info.server_name);
  CHECK(read->port == 4222);
  CHECK(read->client_id == 7);
  CHECK(read->connect_urls == info.connect_urls);
  CHECK(!read->leafnode_urls);
}

TEST_CASE("info: a leaf's, with permissions") {
  ServerInfo info;
  info.leafnode_urls.emplace();
  info.client_id = 1;
  info.nonce = "abc";
  info.info_on_connect = true;
  info.export_permissions = SubjectPermissions{.allow = {{"a.>"}}, .deny = {"a.b"}};
  info.import_permissions = SubjectPermissions{.allow = {}, .deny = {"x"}};
  const std::string line = leaf_info_line(info);
  CHECK(line.find("\"leafnode_urls\":[]") != line.npos);
  const Result<ServerInfo> read = parse_info(json_of(line));
  REQUIRE(read.ok());
  CHECK(read->leafnode_urls);
  CHECK(read->info_on_connect);
  CHECK(read->export_permissions->allow == std::vector<std::string>{"a.>"});
  CHECK(read->export_permissions->deny == std::vector<std::string>{"a.b"});
  CHECK(!read->import_permissions->allow);
}

TEST_CASE("info: what a real hub sends") {
  const Result<ServerInfo> info = parse_info(
      R"({"server_id":"N1","server_name":"hub","version":"2.9.10","proto":1,"go":"go1.19.5",)"
      R"("host":"0.0.0.0","port":7422,"headers":true,"auth_required":true,"max_payload":1048576,)"
      R"("client_id":5,"ip":"1.2.3.4:7422","nonce":"n","domain":"hub","leafnode_urls":["a:1"],)"
      R"("unknown":{"x":[1]},"connect_urls":null})");
  REQUIRE(info.ok());
  CHECK(info->server_name == "hub");
  CHECK(info->domain == "hub");
  CHECK(info->leafnode_urls->size() == 1);
}

TEST_CASE("info: what is refused") {
  for (const char* bad : {"", "[]", "{", "1", "{\"port\":\"x\"}", "{\"headers\":1}",
                          "{\"connect_urls\":[1]}", "{\"import\":[]}"}) {
    CAPTURE(bad);
    CHECK(parse_info(bad).code() == Errc::kProtocol);
  }
}

TEST_CASE("connect: defaults, and a second CONNECT adds to the first") {
  ConnectOptions options;
  CHECK(parse_connect("{}", options).ok());
  CHECK(parse_connect("null", options).ok());  // To Go the same.
  CHECK(options.verbose);
  CHECK(options.echo);
  CHECK(!options.headers);
  CHECK(parse_connect(R"({"VERBOSE":false,"user":"u","protocol":1,"pass":null})", options).ok());
  CHECK(parse_connect(R"({"headers":true})", options).ok());
  CHECK(!options.verbose);
  CHECK(options.user == "u");
  CHECK(options.protocol == 1);
  CHECK(options.headers);
  for (const char* bad :
       {"", "[]", "{", "{\"user\":1}", "{\"protocol\":\"1\"}", "{\"deny_pub\":[1]}"}) {
    CAPTURE(bad);
    CHECK(!parse_connect(bad, options).ok());
  }
}

TEST_CASE("connect: a leaf's is read back") {
  ConnectOptions options;
  options.version = "2.12.0";
  options.name = "edge";
  options.server_id = "N2";
  options.cluster = "edge";
  options.headers = true;
  options.deny_publish = {"a.>", "b"};
  options.token = "t<";
  const std::string line = leaf_connect_line(options);
  CHECK(line.starts_with("CONNECT {"));
  CHECK(line.find("\"lang\"") == line.npos);
  ConnectOptions read;
  REQUIRE(parse_connect(json_of(line), read).ok());
  CHECK(read.name == "edge");
  CHECK(read.deny_publish == options.deny_publish);
  CHECK(read.token == "t<");
  CHECK(!read.is_hub);
}

}  // namespace
}  // namespace petiole
