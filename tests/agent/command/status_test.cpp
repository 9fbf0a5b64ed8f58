#include "agent/command/status.h"

#include <doctest/doctest.h>

#include "agent/command/figures.h"
#include "agent/config/features.h"

namespace petiole {
namespace {

const StatusBodies kBodies{
    R"({"server_name":"line-7","petiole_version":"0.1.0","uptime":"3h2m1s","connections":4,
        "total_connections":1234,"subscriptions":17,"in_msgs":1234567,"out_msgs":5,
        "in_bytes":1536,"out_bytes":10,"mem":3145728,"cpu":1.25})",
    R"({"links":[{"url":"tls://hub-a:7422","state":"dialling","step":"tls","down_seconds":200,
        "attempt":7,"last_error":"connection refused","in_bytes":{"total":9000,"wire":2048},
        "out_bytes":{"total":99,"wire":10}}]})",
    R"({"enabled":true,"state":"offline","guarantee":"","rules":[{"subjects":["telemetry.>"],
        "durability":"disk","messages":12345,"bytes":1048576,"oldest_age":200,
        "losses":{"age":2,"superseded":9}}],"storage":{"file_bytes":4194304,"max_bytes":536870912}})"};

constexpr const char* kScreen =
    "petiole 0.1.0  line-7  up 3h2m1s\n\n"
    "Server\n"
    "  clients       4 (1,234 since start)\n"
    "  subscriptions 17\n"
    "  messages      in 1,234,567, out 5\n"
    "  payload       in 1.5 KiB, out 10 B\n"
    "  memory, cpu   3.0 MiB, 1.2 %\n"
    "\nLinks\n"
    "  tls://hub-a:7422                         dialling (tls)\n"
    "    down for 3m 20s, attempt 7\n"
    "    last error: connection refused\n"
    "    bytes in 2.0 KiB, out 10 B\n"
    "\nStore and forward: offline\n"
    "  subjects                mode        waiting       bytes   oldest  drained    lost\n"
    "  telemetry.>             disk         12,345     1.0 MiB   3m 20s  not yet       2\n"
    "  disk          4.0 MiB of 512.0 MiB\n";

}  // namespace

TEST_CASE("status: one screen") {
  const StatusScreen screen = render_status(kBodies);
  CHECK(screen.text == kScreen);
  CHECK(screen.exit_code == 1);
}

TEST_CASE("status: what is over has its time, and what nobody takes an advice") {
  StatusBodies bodies = kBodies;
  bodies.linkz = R"({"links":[{"url":"tls://hub","state":"up","last_error":"refused",
                     "last_error_at":"2026-11-27T06:57:36.123Z"}]})";
  bodies.mirrorz = R"({"enabled":true,"state":"waiting for interest"})";
  const std::string text = render_status(bodies).text;
  CHECK(text.find("    last error: refused, at 2026-11-27T06:57:36Z\n") != text.npos);
  CHECK(text.find("nobody at the hub takes what waits: make a stream") != text.npos);
  CHECK(render_status(kBodies).text.find("nobody at the hub") == text.npos);
}

TEST_CASE("status: what a hub refuses is shown with its reason") {
  StatusBodies bodies = kBodies;
  bodies.mirrorz = R"({"enabled":true,"state":"refused by the hub","rules":[
      {"subjects":["t.>"],"durability":"disk","hub_refuses":"maximum messages exceeded"}]})";
  const std::string text = render_status(bodies).text;
  CHECK(text.find("hub refuses   t.>: maximum messages exceeded\n") != text.npos);
}

TEST_CASE("status: rules of several accounts have these before their subjects") {
  StatusBodies bodies = kBodies;
  bodies.mirrorz = R"({"enabled":true,"state":"live","rules":[
      {"account":"A","subjects":["t.>","u"],"durability":"disk"},
      {"account":"B","subjects":["t.>"],"durability":"outage"}]})";
  const std::string text = render_status(bodies).text;
  CHECK(text.find("\n  A: t.>,u                disk ") != text.npos);
  CHECK(text.find("\n  B: t.>                  outage ") != text.npos);
}

TEST_CASE("status: exit codes") {
  StatusBodies bodies{"{}", R"({"links":[{"state":"up"}]})", R"({"enabled":false})"};
  CHECK(render_status(bodies).exit_code == 0);
  CHECK(render_status_json(bodies).exit_code == 0);
  for (const char* state : {"storage failed", "disk hangs"}) {
    bodies.mirrorz = std::string(R"({"enabled":true,"state":")") + state + "\"}";
    CHECK(render_status(bodies).exit_code == 1);
  }
  bodies.varz = "<html>";
  CHECK(render_status(bodies).exit_code == 2);
}

// Files are named by what they hold.
ConfigSources sources() {
  return {.read_file = [](const std::string& path) -> Result<std::string> {
            if (path == "no file") return {Errc::kNotFound, "no such file"};
            return path;
          },
          .environment = [](const std::string&) { return std::nullopt; }};
}

std::string parse(const std::vector<std::string>& arguments, StatusOptions& options) {
  return parse_status_arguments(arguments, sources(), options);
}

TEST_CASE("status: arguments") {
  StatusOptions options;
  CHECK(parse({"--json", "-watch", "http://10.0.0.1:9000/nats/"}, options).empty());
  CHECK(options.json);
  CHECK(options.watch);
  CHECK(options.host == "10.0.0.1");
  CHECK(options.port == 9000);
  CHECK(options.path == "/nats");
  CHECK_FALSE(options.tls);
  CHECK(parse({"-m", "9001"}, options).empty());
  CHECK(options.port == 9001);
  const std::vector<std::string> bad[] = {{"--nope"},           {"-m"},
                                          {"-m", "x"},          {"ftp://x"},
                                          {"http://x:y"},       {"--insecure"},
                                          {"-c", "no file"},    {"-c", "nonsense: 1"},
                                          {"-c", "port: 4222"}, {"-c", "http_port: -1"},
                                          {"box", "other"}};
  for (const auto& each : bad) {
    CAPTURE(each.back());
    StatusOptions other;
    CHECK_FALSE(parse(each, other).empty());
  }
}

TEST_CASE("status: the configuration says where to ask, other words win" *
          doctest::skip(!kHasMonitor)) {
  const std::string file = "http: \"10.0.0.2:8333\"\nhttp_base_path: \"nats/\"\n";
  StatusOptions options;
  CHECK(parse({"-c", file}, options) == "");
  CHECK(options.host == "10.0.0.2");
  CHECK(options.port == 8333);
  CHECK(options.path == "/nats");
  StatusOptions any;
  CHECK(parse({"-m", "9000", "--config=http_port: -1"}, any) == "");
  CHECK(any.host == "127.0.0.1");
  CHECK(any.port == 9000);
}

TEST_CASE("status: how a server is known over https" * doctest::skip(!kHasTls || !kHasMonitor)) {
  StatusOptions plain;
  CHECK(parse({"https://box:8443/x"}, plain) == "");
  REQUIRE(plain.tls);
  CHECK(plain.tls->server_name == "box");
  CHECK_FALSE(plain.tls->insecure);
  StatusOptions trusting;
  CHECK(parse({"-ms", "8443", "--tlsca", "ca.pem"}, trusting) == "");
  CHECK(trusting.tls->ca_file == "ca.pem");
  CHECK(trusting.tls->server_name == "127.0.0.1");
  StatusOptions careless;
  CHECK(parse({"--insecure", "https://box"}, careless) == "");
  CHECK(careless.tls->insecure);
  CHECK(careless.tls->pinned_certs.empty());

  const std::string tls = std::string("https: 8443\ntls { cert_file: \"") + PETIOLE_TEST_DATA +
                          "/tls/client.pem\", key_file: \"no key is needed\" }\n";
  StatusOptions own;
  CHECK(parse({"-c", tls}, own) == "");
  CHECK(own.port == 8443);
  REQUIRE(own.tls);
  CHECK(
      own.tls->pinned_certs ==
      std::vector<std::string>{"ca0c99595c2b98594f743fa77caf6ed99791ff28bd9ddcf8d09315094fc74011"});
  CHECK(own.tls->insecure);
  StatusOptions other;
  CHECK(parse({"-c", tls, "--tlsca", "ca.pem"}, other) == "");
  CHECK_FALSE(other.tls->insecure);
  CHECK(other.tls->pinned_certs.empty());
  CHECK(parse({"-c", "https: 8443\ntls { cert_file: \"none\", key_file: \"none\" }"}, other)
            .ends_with("no certificate can be read from none"));
  CHECK(parse({"-c", tls, "http://x", "--insecure"}, other) ==
        "--tlsca and --insecure are for https");
}

TEST_CASE("figures for people") {
  CHECK(size_text(0) == "0 B");
  CHECK(size_text(1536) == "1.5 KiB");
  CHECK(count_text(999) == "999");
  CHECK(count_text(1000) == "1,000");
  CHECK(count_text(1234567) == "1,234,567");
  CHECK(span_text(59) == "59s");
  CHECK(span_text(3600) == "1h");
  CHECK(span_text(90000) == "1d 1h");
}

// A hub's name and its errors come from far away.
TEST_CASE("figures: nothing but lines moves a terminal") {
  CHECK(printable("a\x1b[2J\nb\x7f\r") == "a?[2J\nb??");
}

}  // namespace petiole
