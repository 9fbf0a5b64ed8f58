#include "agent/config/units.h"

#include <doctest/doctest.h>

#include "agent/config/url.h"

namespace petiole {
using namespace std::chrono_literals;

TEST_CASE("durations: Go's units and days") {
  CHECK(parse_duration("2m") == 2min);
  CHECK(parse_duration("1h30m") == 90min);
  CHECK(parse_duration("500ms") == 500ms);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("7d") == 168h);
  CHECK(parse_duration("1d12h") == 36h);
  CHECK(parse_duration("10us") == 10us);
  CHECK(parse_duration("3ns") == 3ns);
  CHECK(parse_duration("0") == 0s);
  for (const char* wrong : {"", "5", "s", "5x", "5 s", "-5s", "1..5s", "2M", "99999999d", "1e3s"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_duration(wrong).has_value());
  }
}

TEST_CASE("sizes, shares, ports and addresses") {
  CHECK(parse_bytes("512MB") == 512ull << 20);
  CHECK(parse_bytes("2k") == 2000);
  CHECK_FALSE(parse_bytes("-1").has_value());
  CHECK_FALSE(parse_bytes("5 MB").has_value());
  CHECK(parse_percent("50%") == 50);
  CHECK(parse_percent("7") == 7);
  CHECK_FALSE(parse_percent("101%").has_value());
  CHECK(parse_host_port("[::1]:80")->host == "::1");
  CHECK(parse_host_port("4222")->port == 4222);
  CHECK(parse_host_port(":4222")->host.empty());
  CHECK_FALSE(parse_host_port("::1:80").has_value());
  CHECK_FALSE(parse_host_port("host:99999").has_value());
  CHECK_FALSE(parse_host_port("host:").has_value());
}

TEST_CASE("hub URLs") {
  struct Case {
    const char* text;
    const char* wanted;  // Without the user, or what is wrong.
  };
  constexpr Case kCases[] = {
      {"nats-leaf://hub", "nats-leaf://hub:7422"},
      {"nats://hub:4333", "nats-leaf://hub:4333"},
      {"hub:7000", "nats-leaf://hub:7000"},
      {"hub", "nats-leaf://hub:7422"},
      {"TLS://hub", "tls://hub:7422"},
      {"ws://hub", "ws://hub:80"},
      {"wss://hub/a/b/", "wss://hub:443/a/b"},
      {"tls://[fe80::1]:7", "tls://[fe80::1]:7"},
      {"nats://u:p@hub", "nats-leaf://hub:7422"},
      {"http://hub", "unknown scheme \"http\"; allowed here: nats-leaf, nats, tls, ws, wss"},
      {"nats://", "the URL has no host"},
      {"nats://hub/path", "only ws:// and wss:// URLs have a path"},
      {"nats://hub:0",
       "the port must be a number from 1 to 65535; an IPv6 address needs '[' and ']'"},
      {"nats://hub?x=1", "the URL may have no '?' or '#'"},
      {"nats://a%zz@hub", "user and password of a URL need %XX for special characters"},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.text);
    RemoteUrl url;
    const std::string wrong = parse_remote_url(c.text, url);
    CHECK((wrong.empty() ? to_text(url) : wrong) == c.wanted);
  }
  RemoteUrl url;
  CHECK(parse_remote_url("tls://us%40er:p%3Ass@hub", url).empty());
  CHECK(url.user == "us@er");
  CHECK(url.password == "p:ss");
  CHECK(parse_remote_url("tls://token@hub", url).empty());
  CHECK(url.user == "token");
  CHECK(url.password.empty());
  CHECK(parse_proxy_url("http://u:p@proxy:3128/", url).empty());
  CHECK(url.port == 3128);
  CHECK_FALSE(parse_proxy_url("http://proxy", url).empty());
  CHECK_FALSE(parse_proxy_url("https://proxy:1", url).empty());
}

}  // namespace petiole
