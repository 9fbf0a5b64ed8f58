#include "agent/closed_connections.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

namespace petiole::test {
namespace {

using namespace std::chrono_literals;

ConnectionReport full(std::uint64_t cid) {
  ConnectionReport report;
  report.cid = cid;
  report.kind = PeerKind::kLeaf;
  report.type = "websocket";
  report.ip = "2001:db8::1";
  report.port = 65535;
  report.start = WallTime(1h);
  report.last_activity = WallTime(3h + 1ns);
  report.stop = WallTime(2h);  // The clock was set back meanwhile.
  report.uptime = 90min;
  report.reason = "Slow Consumer (Pending Bytes)";
  report.rtt = 226us;
  report.pending_bytes = std::numeric_limits<std::uint64_t>::max();
  report.counters = {1, 127, 128, 1ull << 40};
  report.subscriptions = 300;
  report.name = "edge " + std::string(200, 'n');
  report.lang = "c++", report.version = "1.2.3";
  report.tls_version = "1.3", report.tls_cipher = "TLS_AES_128_GCM_SHA256";
  report.user = "app", report.account = "$G";
  report.is_spoke = true;
  return report;
}

void check_same(const ConnectionReport& got, const ConnectionReport& wanted) {
  CHECK(got.cid == wanted.cid);
  CHECK(got.kind == wanted.kind);
  CHECK(got.type == wanted.type);
  CHECK(got.ip == wanted.ip);
  CHECK(got.port == wanted.port);
  CHECK(got.start == wanted.start);
  CHECK(got.last_activity == wanted.last_activity);
  CHECK(got.stop == wanted.stop);
  CHECK(got.uptime == wanted.uptime);
  CHECK(got.reason == wanted.reason);
  CHECK(got.rtt == wanted.rtt);
  CHECK(got.pending_bytes == wanted.pending_bytes);
  CHECK(got.counters.messages_in == wanted.counters.messages_in);
  CHECK(got.counters.bytes_in == wanted.counters.bytes_in);
  CHECK(got.counters.messages_out == wanted.counters.messages_out);
  CHECK(got.counters.bytes_out == wanted.counters.bytes_out);
  CHECK(got.subscriptions == wanted.subscriptions);
  CHECK(got.name == wanted.name);
  CHECK(got.lang == wanted.lang);
  CHECK(got.version == wanted.version);
  CHECK(got.tls_version == wanted.tls_version);
  CHECK(got.tls_cipher == wanted.tls_cipher);
  CHECK(got.user == wanted.user);
  CHECK(got.account == wanted.account);
  CHECK(got.is_spoke == wanted.is_spoke);
}

std::vector<ConnectionReport> all(const ClosedConnections& closed) {
  std::vector<ConnectionReport> reports;
  closed.for_each([&](const ConnectionReport& each) { reports.push_back(each); });
  return reports;
}

TEST_CASE("closed connections: what comes out is what went in") {
  ClosedConnections closed(3);
  closed.add(ConnectionReport{});
  closed.add(full(7));
  const auto reports = all(closed);
  REQUIRE(reports.size() == 2);
  check_same(reports[0], ConnectionReport{});
  check_same(reports[1], full(7));
}

TEST_CASE("closed connections: words that are shared are kept once, and not for longer") {
  ClosedConnections closed(4);
  for (std::uint64_t cid = 1; cid <= 100; ++cid) {
    ConnectionReport report = full(cid);
    if (cid % 2 == 0) report.name = std::to_string(cid);
    closed.add(report);
    CHECK(closed.size() == std::min<std::size_t>(cid, 4));
    CHECK(closed.word_sets() <= 3);
  }
  const auto reports = all(closed);
  REQUIRE(reports.size() == 4);
  check_same(reports[0], full(97));
  CHECK(reports[1].name == "98");
  check_same(reports[2], full(99));
  CHECK(reports[3].name == "100");
}

TEST_CASE("closed connections: none are kept where none are wanted") {
  ClosedConnections closed(0);
  closed.add(full(1));
  CHECK(closed.size() == 0);
  CHECK(closed.word_sets() == 0);
}

}  // namespace
}  // namespace petiole::test
