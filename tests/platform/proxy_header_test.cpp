#include "platform/proxy_header.h"

#include <doctest/doctest.h>

namespace petiole {
namespace {

using Verdict = ProxyHeader::Verdict;

std::string version_2(int command, int family, std::string_view rest) {
  std::string bytes("\r\n\r\n\0\r\nQUIT\n", 12);
  bytes += static_cast<char>(command);
  bytes += static_cast<char>(family);
  bytes += static_cast<char>(rest.size() >> 8);
  bytes += static_cast<char>(rest.size());
  return bytes.append(rest);
}

// 192.0.2.1:50000 to 192.0.2.2:4222, and the same for 2001:db8::1.
const std::string kInet("\xc0\x00\x02\x01\xc0\x00\x02\x02\xc3\x50\x10\x7e", 12);
const std::string kInet6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + '\1' +
                           std::string(16, '\2') + std::string("\xc3\x50\x10\x7e", 4);

struct Case {
  const char* name;
  std::string bytes;
  Verdict verdict;
  const char* address = "";
  int port = 0;
};

// haproxy.org, proxy-protocol.txt, sections 2.1 and 2.2.
const Case kCases[] = {
    {"version 1", "PROXY TCP4 192.0.2.1 192.0.2.2 50000 4222\r\n", Verdict::kHeader, "192.0.2.1",
     50000},
    {"version 1, IPv6", "PROXY TCP6 2001:db8::1 ::1 50000 4222\r\n", Verdict::kHeader,
     "2001:db8::1", 50000},
    {"version 1, mapped IPv4", "PROXY TCP6 ::ffff:192.0.2.1 ::1 5 6\r\n", Verdict::kHeader,
     "::ffff:192.0.2.1", 5},
    {"version 1, of the proxy itself", "PROXY UNKNOWN\r\n", Verdict::kHeader},
    {"version 1, unknown with words", "PROXY UNKNOWN ffff:: ::1 1 2 x y z\r\n", Verdict::kHeader},
    {"version 1, IPv6 as TCP4", "PROXY TCP4 ::1 ::1 1 2\r\n", Verdict::kBroken},
    {"version 1, IPv4 as TCP6", "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n", Verdict::kBroken},
    {"version 1, a name", "PROXY TCP4 localhost 192.0.2.2 1 2\r\n", Verdict::kBroken},
    {"version 1, a port too high", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n", Verdict::kBroken},
    {"version 1, a negative port", "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n", Verdict::kBroken},
    {"version 1, a word too few", "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", Verdict::kBroken},
    {"version 1, a word too many", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n", Verdict::kBroken},
    {"version 1, UDP", "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", Verdict::kBroken},
    {"version 1, empty", "PROXY \r\n", Verdict::kBroken},
    {"version 1, too long", "PROXY UNKNOWN " + std::string(100, 'x'), Verdict::kBroken},
    {"version 1, no end yet", "PROXY TCP4 192.0.2.1 192.0.2.2", Verdict::kIncomplete},
    {"version 2", version_2(0x21, 0x11, kInet), Verdict::kHeader, "192.0.2.1", 50000},
    {"version 2, IPv6", version_2(0x21, 0x21, kInet6), Verdict::kHeader, "2001:db8::1", 50000},
    {"version 2, with more behind the addresses", version_2(0x21, 0x11, kInet + "\x03\0\4abcd"),
     Verdict::kHeader, "192.0.2.1", 50000},
    {"version 2, of the proxy itself", version_2(0x20, 0x00, ""), Verdict::kHeader},
    {"version 2, local with an address", version_2(0x20, 0x11, kInet), Verdict::kHeader},
    {"version 2, no family", version_2(0x21, 0x01, ""), Verdict::kHeader},
    {"version 2, UDP", version_2(0x21, 0x12, kInet), Verdict::kBroken},
    {"version 2, a socket of Unix", version_2(0x21, 0x31, std::string(216, 'x')), Verdict::kBroken},
    {"version 2, too short", version_2(0x21, 0x11, kInet.substr(1)), Verdict::kBroken},
    {"version 2, too long", version_2(0x21, 0x11, std::string(1025, 'x')), Verdict::kBroken},
    {"version 2, another command", version_2(0x22, 0x11, kInet), Verdict::kBroken},
    {"version 3", version_2(0x31, 0x11, kInet), Verdict::kBroken},
    {"no header", "CONNECT {}\r\n", Verdict::kNone},
    {"nearly version 1", "PROXYTCP4", Verdict::kNone},
    {"nearly version 2", "\r\n\r\n\r\n", Verdict::kNone},
    {"TLS", "\x16\x03\x01", Verdict::kNone},
    {"a beginning that fits", "PRO", Verdict::kIncomplete},
    {"nothing", "", Verdict::kIncomplete},
};

TEST_CASE("PROXY header: both versions") {
  for (const Case& c : kCases) {
    CAPTURE(c.name);
    const ProxyHeader header = parse_proxy_header(c.bytes);
    CHECK(header.verdict == c.verdict);
    CHECK(header.address == c.address);
    CHECK(header.port == c.port);
    CHECK((header.verdict == Verdict::kBroken) == (*header.error != '\0'));
    if (c.verdict == Verdict::kHeader) CHECK(header.used == c.bytes.size());
  }
}

TEST_CASE("PROXY header: any beginning of one is incomplete, what follows it does not matter") {
  for (const Case& c : kCases) {
    if (c.verdict != Verdict::kHeader) continue;
    CAPTURE(c.name);
    for (std::size_t cut = 0; cut < c.bytes.size(); ++cut) {
      CHECK(parse_proxy_header(std::string_view(c.bytes).substr(0, cut)).verdict ==
            Verdict::kIncomplete);
    }
    const ProxyHeader header = parse_proxy_header(c.bytes + "CONNECT {}\r\n");
    CHECK(header.verdict == Verdict::kHeader);
    CHECK(header.used == c.bytes.size());
  }
}

}  // namespace
}  // namespace petiole
