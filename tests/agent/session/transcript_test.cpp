// What a client says, and what it must hear, by the wire reference.
#include <doctest/doctest.h>

#include "agent/protocol/info.h"
#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

struct Case {
  const char* name;
  std::string said, heard;
  bool closes = false;
};

const std::string kHead = std::string(kQuiet);
const std::string kVerbose = "CONNECT {\"verbose\":true,\"pedantic\":false}\r\n";

const Case kCases[] = {
    {"verbose and pedantic without a CONNECT", "SUB a 1\r\nPUB a.* 0\r\n\r\n",
     "+OK\r\n-ERR 'Invalid Publish Subject'\r\n+OK\r\n"},
    {"ping before CONNECT", "PING\r\n", "PONG\r\n"},
    {"echo", kHead + "SUB a 1\r\nPUB a 2\r\nhi\r\n", "MSG a 1 2\r\nhi\r\n"},
    {"no echo", "CONNECT {\"verbose\":false,\"echo\":false}\r\nSUB a 1\r\nPUB a 2\r\nhi\r\n", ""},
    {"verbose acknowledges before it delivers",
     kVerbose + "SUB a 1\r\nPUB a 2\r\nhi\r\nUNSUB 1\r\n",
     "+OK\r\n+OK\r\n+OK\r\nMSG a 1 2\r\nhi\r\n+OK\r\n"},
    {"keys of CONNECT ignore case, unknown ones are ignored",
     "CONNECT {\"Verbose\":false,\"x\":{}}\r\nSUB a 1\r\n", ""},
    {"bad JSON", "CONNECT {\r\nPING\r\n", "", true},
    {"a field of another type", "CONNECT {\"verbose\":1}\r\n", "", true},
    {"unknown operation", kHead + "FOO\r\n", "-ERR 'Unknown Protocol Operation'\r\n", true},
    {"bad arguments close in silence", kHead + "PUB a\r\n", "", true},
    {"HPUB without headers", kVerbose + "HPUB a 2 2\r\nxx\r\n", "+OK\r\n", true},
    {"-ERR of the client", kHead + "-ERR 'x'\r\n", "", true},
    {"INFO and +OK of the client are ignored", kHead + "INFO {}\r\n+OK\r\nPING\r\n", "PONG\r\n"},
    {"payload over the limit", kHead + "PUB a 1048577\r\n", "-ERR 'Maximum Payload Violation'\r\n",
     true},
    {"control line", kHead + "SUB " + std::string(4100, 'a') + " 1\r\n",
     "-ERR 'maximum control line exceeded'\r\n", true},
    {"client protocol", "CONNECT {\"verbose\":false,\"protocol\":2}\r\n",
     "-ERR 'invalid client protocol'\r\n", true},
    {"no responders needs headers", "CONNECT {\"verbose\":false,\"no_responders\":true}\r\n",
     "-ERR 'no responders requires headers support'\r\n", true},
    {"an account cannot be asked for", "CONNECT {\"account\":\"x\"}\r\n",
     "-ERR 'Authorization Violation'\r\n", true},
    {"bad subjects", kHead + "SUB a..b 1\r\nSUB a.>.b 2\r\nPING\r\n",
     "-ERR 'Invalid Subject'\r\n-ERR 'Invalid Subject'\r\nPONG\r\n"},
    {"a known sid is ignored", kHead + "SUB a 1\r\nSUB b 1\r\nPUB b 1\r\nx\r\nPUB a 1\r\ny\r\n",
     "MSG a 1 1\r\ny\r\n"},
    {"reserved queue", kHead + "SUB a _sys_ 1\r\n",
     "-ERR 'Permissions Violation for Subscription to \"a\" using queue \"_sys_\"'\r\n"},
    {"reserved subjects", kHead + "PUB _GR_.a 0\r\n\r\nPUB $NRG.a 0\r\n\r\n",
     "-ERR 'Permissions Violation for Publish to \"_GR_.a\"'\r\n"
     "-ERR 'Permissions Violation for Publish to \"$NRG.a\"'\r\n"},
    {"reserved replies",
     kHead + "PUB a _R_.x 0\r\n\r\nPUB a $JS.ACK.x 0\r\n\r\nPUB a _GR_.x 0\r\n\r\n",
     "-ERR 'Permissions Violation for Publish with Reply of \"_R_.x\"'\r\n"
     "-ERR 'Permissions Violation for Publish with Reply of \"$JS.ACK.x\"'\r\n"
     "-ERR 'Permissions Violation for Publish with Reply of \"_GR_.x\"'\r\n"},
    {"a reserved prefix alone",
     kHead + "PUB a _GR_. 0\r\n\r\nPUB _GR_. 0\r\n\r\nPUB a $JS. 0\r\n\r\n", ""},
    {"a published subject that is refused gets no +OK",
     kVerbose + "PUB _GR_.a 0\r\n\r\nPUB a..b 0\r\n\r\n",
     "+OK\r\n-ERR 'Permissions Violation for Publish to \"_GR_.a\"'\r\n+OK\r\n"},
    {"pedantic objects and delivers all the same",
     "CONNECT {\"verbose\":false,\"pedantic\":true}\r\nSUB a.* 1\r\nPUB a.* 1\r\nx\r\n",
     "-ERR 'Invalid Publish Subject'\r\nMSG a.* 1 1\r\nx\r\n"},
    {"headers pass verbatim", kHead + "SUB a 1\r\nHPUB a r 3 5\r\nxyzhi\r\n",
     "HMSG a 1 r 3 5\r\nxyzhi\r\n"},
    {"no responders", kHead + "SUB i.* 7\r\nPUB nobody i.1 2\r\nhi\r\n",
     "HMSG i.1 7 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n"},
    {"no responders, but nobody listens to the reply", kHead + "PUB nobody i.1 2\r\nhi\r\n", ""},
    {"no responders asked for by none", kVerbose + "SUB i 7\r\nPUB nobody i 0\r\n\r\n",
     "+OK\r\n+OK\r\n+OK\r\n"},
    {"unknown sid", kHead + "UNSUB 9\r\nPING\r\n", "PONG\r\n"},
    {"auto-unsubscribe counts from SUB on",
     kHead +
         "SUB a 1\r\nPUB a 1\r\n1\r\nUNSUB 1 3\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\nPUB a 1\r\n4\r\n",
     "MSG a 1 1\r\n1\r\nMSG a 1 1\r\n2\r\nMSG a 1 1\r\n3\r\n"},
    {"auto-unsubscribe below what was delivered",
     kHead + "SUB a 1\r\nPUB a 1\r\n1\r\nUNSUB 1 1\r\nPUB a 1\r\n2\r\n", "MSG a 1 1\r\n1\r\n"},
    {"a sid is free again after auto-unsubscribe",
     kHead + "SUB a 1\r\nUNSUB 1 1\r\nPUB a 1\r\n1\r\nSUB b 1\r\nPUB b 1\r\n2\r\n",
     "MSG a 1 1\r\n1\r\nMSG b 1 1\r\n2\r\n"},
    {"a second CONNECT drops the subscriptions", kHead + "SUB a 1\r\n" + kHead + "PUB a 1\r\nx\r\n",
     ""},
    {"an empty published token reaches nobody", kHead + "SUB > 1\r\nPUB a..b 1\r\nx\r\n", ""},
};

TEST_CASE_FIXTURE(ServerFixture, "client: transcripts") {
  for (const Case& each : kCases) {
    CAPTURE(std::string(each.name));
    Client client(machine, server());
    CHECK(client.say(each.said) == each.heard);
    CHECK(client.wire.closed == each.closes);
  }
  CHECK(server().global().subscription_count() == 0);
}

TEST_CASE_FIXTURE(ServerFixture, "client: any cut of the input gives the same answers") {
  for (const Case& each : kCases) {
    CAPTURE(std::string(each.name));
    Client client(machine, server());
    std::string heard;
    for (const char c : each.said) heard += client.say(std::string_view(&c, 1));
    CHECK(heard == each.heard);
    CHECK(client.wire.closed == each.closes);
  }
}

TEST_CASE_FIXTURE(ServerFixture, "client: INFO comes first, with a blank before its end") {
  Client client(machine, server());
  REQUIRE(client.info.starts_with("INFO {"));
  REQUIRE(client.info.ends_with("} \r\n"));
  const Result<ServerInfo> info =
      parse_info(std::string_view(client.info).substr(5, client.info.size() - 7));
  REQUIRE(info.ok());
  CHECK(info->server_id == server().id());
  CHECK(info->version == kNatsVersion);
  CHECK(info->headers);
  CHECK(info->max_payload == 1 << 20);
  CHECK(info->client_id != 0);
  CHECK(!info->auth_required);
}

TEST_CASE_FIXTURE(ServerFixture,
                  "client: another INFO follows the first PONG of those that take it") {
  auto client = connect("CONNECT {\"verbose\":false,\"protocol\":1}\r\n");
  const std::string heard = client->say("PING\r\n");
  CHECK(heard.starts_with("PONG\r\nINFO {"));
  CHECK(heard.find("\"connect_info\":true,\"remote_account\":\"$G\"") != heard.npos);
  CHECK(client->say("PING\r\n") == "PONG\r\n");
  client->session->announce_lame_duck();
  CHECK(client->wire.take().find("\"ldm\":true") != std::string::npos);
}

TEST_CASE_FIXTURE(ServerFixture, "client: maximum subscriptions") {
  config.limits.subscriptions_max = 1;
  auto client = connect();
  CHECK(client->say("SUB a 1\r\nSUB b 2\r\n") == "-ERR 'maximum subscriptions exceeded'\r\n");
  CHECK(!client->wire.closed);
}

}  // namespace
}  // namespace petiole::test
