#include <doctest/doctest.h>

#include "agent/command/doctor.h"
#include "agent/command/doctor_link.h"
#include "agent/config/features.h"
#include "tests/support/sim.h"
#include "tests/support/sim_network.h"

namespace petiole {
namespace {

using namespace std::chrono_literals;

struct Patient {
  bool tls_wanted = false, by_proxy = false;
  test::SimClock clock;
  ChunkPool chunks;
  test::FakeWire wire{chunks};
  std::vector<DoctorStep> steps;
  std::optional<bool> result;
  std::shared_ptr<DoctorRecord> record = std::make_shared<DoctorRecord>(
      clock, [this](const DoctorStep& step) { steps.push_back(step); },
      [this](bool ok) { result = ok; });
  DoctorLink link{DoctorLogin{.jwt = {},
                              .seed = {},
                              .user = "u",
                              .password = "p",
                              .tls = {},
                              .tls_wanted = tls_wanted,
                              .tls_done = false,
                              .by_proxy = by_proxy,
                              .name = "doc"},
                  record};

  explicit Patient(bool tls = false, bool proxy = false) : tls_wanted(tls), by_proxy(proxy) {
    link.opened(wire, clock.now());
  }
  std::size_t say(std::string_view text) {
    const Result<std::size_t> used = link.receive(text, clock.now());
    return used.ok() ? *used : 0;
  }
};

constexpr std::string_view kInfo =
    "INFO {\"server_id\":\"N\",\"server_name\":\"hub\",\"version\":\"2.12.0\",\"client_id\":1,"
    "\"headers\":true,\"leafnode_urls\":[],\"info_on_connect\":true,\"jetstream\":true} \r\n";

}  // namespace

TEST_CASE("doctor: a hub that takes us") {
  Patient patient;
  CHECK(patient.say(kInfo) == kInfo.size());
  const std::string sent = patient.wire.take();
  CHECK(sent.find("CONNECT {") == 0);
  CHECK(sent.find("\"user\":\"u\"") != std::string::npos);
  patient.say(
      "INFO {\"connect_info\":true,\"remote_account\":\"A\","
      "\"export\":{\"deny\":[\"x\"]}} \r\nLS+ foo\r\nPONG\r\n");
  REQUIRE(patient.steps.size() == 4);
  CHECK(patient.steps[0].detail == "hub, NATS 2.12.0");
  CHECK(patient.steps[1].detail == "account A");
  CHECK(patient.steps[2].detail == "may send everything but not x; may receive everything");
  CHECK(patient.steps[3].name == "JetStream");
  CHECK(patient.result == true);
  CHECK(patient.wire.closed);
}

TEST_CASE("doctor: a hub that wants a newer version is no matter of permissions") {
  const std::string_view advice = doctor_advice(
      "permissions", "connection rejected since minimum version required is \"2.15.0\"");
  CHECK(advice.find("min_version") != std::string_view::npos);
}

TEST_CASE("doctor: permissions that JetStream does not get by with") {
  struct Case {
    const char* lists;
    const char* detail;
  };
  const Case cases[] = {
      {"", "domain d"},
      {R"(,"export":{"deny":["x"]},"import":{"allow":["_PETIOLE.>"]})", "domain d"},
      {R"(,"import":{"allow":["a","_PETIOLE.box.>"]})", "domain d"},
      {R"(,"export":{"deny":["$JS.>"]})", "domain d, but the login may not send $JS.d.API.>"},
      {R"(,"export":{"allow":["a.>"]})", "domain d, but the login may not send $JS.d.API.>"},
      {R"(,"import":{"allow":["a.>"]})", "domain d, but the login may not receive _PETIOLE.>"},
      {R"(,"import":{"deny":["_PETIOLE.>"]})",
       "domain d, but the login may not receive _PETIOLE.>"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.lists);
    Patient patient;
    patient.say(kInfo);
    patient.say(std::string(R"(INFO {"connect_info":true,"domain":"d")") + c.lists +
                "} \r\nPONG\r\n");
    CHECK(patient.steps.back().name == "JetStream");
    CHECK(patient.steps.back().detail == c.detail);
    const bool good = c.detail == std::string("domain d");
    CHECK(patient.result == good);
    CHECK(patient.steps.back().advice.empty() == good);
  }
}

TEST_CASE("doctor: a proxy that cannot be reached is not taken for the hub") {
  Patient patient(false, true);
  patient.link.closed({Errc::kNetwork, Stage::kConnect, "connection refused"}, patient.clock.now());
  CHECK(patient.steps.back().name == "proxy");
  CHECK(patient.steps.back().detail == "TCP: connection refused");
  CHECK(patient.steps.back().advice.find("The proxy") == 0);
}

TEST_CASE("doctor: a login that is refused") {
  Patient patient;
  patient.say(kInfo);
  patient.say("-ERR 'Authorization Violation'\r\n");
  CHECK(patient.steps.back().name == "authentication");
  CHECK_FALSE(patient.steps.back().ok);
  CHECK(patient.steps.back().advice.find("The hub refused the login") == 0);
  CHECK(patient.result == false);
}

TEST_CASE("doctor: a client port is told from a leaf port") {
  Patient patient;
  patient.say("INFO {\"server_id\":\"N\",\"client_id\":1} \r\n");
  CHECK(patient.steps.back().detail == "not a leaf port");
  CHECK(patient.steps.back().advice.find("leafnodes") != std::string::npos);
}

TEST_CASE("doctor: TLS that the INFO asks for, silence, and a close") {
  Patient tls;
  tls.say("INFO {\"client_id\":1,\"leafnode_urls\":[],\"tls_required\":true} \r\n");
  CHECK(tls.wire.tls);
  tls.link.closed({Errc::kTls, Stage::kTls, "certificate has expired"}, tls.clock.now());
  CHECK(tls.steps.back().name == "TLS");

  Patient silent;
  CHECK_FALSE(silent.link.tick(silent.clock.now() + 15s).ok());
  CHECK(silent.steps.back().name == "INFO");

  Patient closing;
  closing.link.closed({Errc::kClosed, Stage::kOpen, ""}, closing.clock.now());
  CHECK(closing.result == false);
}

TEST_CASE("doctor: where TLS is asked for, a hub without gets no password") {
  Patient patient(true);
  patient.say(kInfo);
  CHECK(patient.wire.take() == "");
  CHECK(patient.steps.back().name == "TLS");
  CHECK_FALSE(patient.steps.back().ok);
  CHECK(patient.steps.back().detail.find("offers no TLS") != std::string::npos);
  CHECK(patient.result == false);
}

TEST_CASE("doctor: any cut of the hub's words gives the same steps") {
  const std::string words =
      std::string(kInfo) + "INFO {\"connect_info\":true} \r\nLS+ a\r\nPONG\r\n";
  for (std::size_t cut = 0; cut <= words.size(); ++cut) {
    CAPTURE(cut);
    Patient patient;
    const std::size_t used = patient.say(std::string_view(words).substr(0, cut));
    patient.say(std::string_view(words).substr(used));
    CHECK(patient.steps.size() == 4);
    CHECK(patient.result == true);
  }
}

TEST_CASE("doctor: a host without a name, and one that refuses") {
  for (const bool refuse : {false, true}) {
    test::SimClock clock;
    test::SimLoop loop(clock);
    test::SimEntropy entropy(1);
    test::SimLog log;
    test::SimWorker worker(loop, [] { return Duration::zero(); });
    ChunkPool chunks;
    test::SimNetwork network(loop, chunks, 1);
    network.host("hub");
    if (refuse) network.refuse("hub", true);
    if (!refuse) network.break_dns("me", true);
    Host host{loop, clock, network.host("me"), entropy, log, worker, chunks};
    std::string printed;
    std::optional<int> code;
    const std::string arguments[] = {"nats-leaf://hub"};
    run_doctor(
        arguments, {}, host, [&](std::string_view text) { printed += text; },
        [&](int exit_code) { code = exit_code; });
    loop.run_until([&] { return code.has_value(); }, 60s);
    CAPTURE(printed);
    CHECK(code == 1);
    CHECK(printed.find(refuse ? "FAIL  TCP" : "FAIL  DNS") != std::string::npos);
  }
}

TEST_CASE("doctor: files for TLS are looked at before the hub is") {
  if (!kHasTls) return;
  test::SimClock clock;
  test::SimLoop loop(clock);
  test::SimEntropy entropy(1);
  test::SimLog log;
  test::SimWorker worker(loop, [] { return Duration::zero(); });
  ChunkPool chunks;
  test::SimNetwork network(loop, chunks, 1);
  Host host{loop, clock, network.host("me"), entropy, log, worker, chunks};
  ConfigSources sources;
  sources.check_tls = [](const TlsOptions& options) {
    return "tls: ca_file \"" + options.ca_file + "\": No such file or directory";
  };
  std::string printed;
  std::optional<int> code;
  const std::string arguments[] = {"tls://hub", "--tlsca", "nope.pem"};
  run_doctor(
      arguments, sources, host, [&](std::string_view text) { printed += text; },
      [&](int exit_code) { code = exit_code; });
  loop.run_until([&] { return code.has_value(); }, 60s);
  CHECK(code == 1);
  CHECK(printed.find("  ca_file \"nope.pem\": No such file or directory\n") != printed.npos);
  CHECK(printed.find("DNS") == printed.npos);
}

TEST_CASE("doctor: arguments") {
  RemoteConfig remote;
  const std::string good[] = {"tls://hub", "--creds",    "f",
                              "--tlsca=c", "--insecure", "--handshake_first"};
  const std::string wrong = parse_doctor_arguments(good, remote);
  if (kHasTls) {
    CHECK(wrong.empty());
    CHECK(remote.credentials == "f");
    CHECK(remote.tls->ca_file == "c");
    CHECK(remote.tls->insecure);
    CHECK(remote.tls_handshake_first);
  } else {
    CHECK_FALSE(wrong.empty());
  }
  RemoteConfig none;
  CHECK_FALSE(parse_doctor_arguments({}, none).empty());
}

}  // namespace petiole
