// What a client may do, in the words of wire/client-and-leaf.md sections 1.11 and 2.4.
#include <doctest/doctest.h>

#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

const std::string kHello =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,"
    "\"user\":\"u\",\"pass\":\"p\"}\r\n";
const std::string kOther =
    "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"user\":\"all\","
    "\"pass\":\"p\"}\r\n";

struct Permitted : ServerFixture {
  std::unique_ptr<Client> user, other;
  void start(PermissionsConfig permissions) {
    config.auth.users = {
        {.user = "u", .password = "p", .nkey = {}, .permissions = std::move(permissions)},
        {.user = "all", .password = "p", .nkey = {}}};
    user = connect(kHello);
    other = connect(kOther);
  }
};

TEST_CASE_FIXTURE(Permitted,
                  "permissions: what may not be published is dropped, the rest goes on") {
  start({.publish = {.allow = {{"ok.>"}}, .deny = {"ok.not"}}});
  other->say("SUB > 1\r\n");
  CHECK(user->say("PUB no 1\r\nx\r\nPUB ok.a 1\r\ny\r\nPUB ok.not 0\r\n\r\nPING\r\n") ==
        "-ERR 'Permissions Violation for Publish to \"no\"'\r\n"
        "-ERR 'Permissions Violation for Publish to \"ok.not\"'\r\nPONG\r\n");
  CHECK(other->wire.take() == "MSG ok.a 1 1\r\ny\r\n");
  CHECK_FALSE(user->wire.closed);
}

TEST_CASE_FIXTURE(Permitted, "permissions: verbose clients get no +OK for what is refused") {
  start({.publish = {.allow = {{"ok"}}}, .subscribe = {.allow = {{"ok"}}}});
  user->say("CONNECT {\"verbose\":true,\"user\":\"u\",\"pass\":\"p\"}\r\n");
  CHECK(user->say("PUB no 0\r\n\r\nPUB ok 0\r\n\r\n") ==
        "-ERR 'Permissions Violation for Publish to \"no\"'\r\n+OK\r\n");
  CHECK(user->say("SUB no 1\r\nSUB ok 1\r\n") ==
        "-ERR 'Permissions Violation for Subscription to \"no\"'\r\n+OK\r\n");
}

TEST_CASE_FIXTURE(Permitted, "permissions: subscriptions, plain and in queues") {
  start({.subscribe = {.allow = {{"ok.*", "work q.*"}}, .deny = {"ok.no"}}});
  CHECK(user->say("SUB no 1\r\nSUB no q 1\r\nSUB ok.> 1\r\nSUB ok.no 1\r\nSUB work 1\r\n"
                  "SUB work r 1\r\nSUB ok.* 1\r\nSUB work q.1 2\r\nPING\r\n") ==
        "-ERR 'Permissions Violation for Subscription to \"no\"'\r\n"
        "-ERR 'Permissions Violation for Subscription to \"no\" using queue \"q\"'\r\n"
        "-ERR 'Permissions Violation for Subscription to \"ok.>\"'\r\n"
        "-ERR 'Permissions Violation for Subscription to \"ok.no\"'\r\n"
        "-ERR 'Permissions Violation for Subscription to \"work\"'\r\n"
        "-ERR 'Permissions Violation for Subscription to \"work\" using queue \"r\"'\r\nPONG\r\n");
  other->say("PUB ok.a 0\r\n\r\nPUB ok.no 0\r\n\r\nPUB work 0\r\n\r\n");
  CHECK(user->wire.take() == "MSG ok.a 1 0\r\n\r\nMSG work 2 0\r\n\r\n");
}

TEST_CASE_FIXTURE(Permitted, "permissions: a queue goes to a member that may have it") {
  start({.subscribe = {.deny = {"secret.>"}}});
  user->say("SUB > workers 1\r\n");
  other->say("SUB > workers 1\r\n");
  std::unique_ptr<Client> third = connect(kOther);
  for (int i = 0; i < 20; ++i) third->say("PUB secret.x 0\r\n\r\n");
  CHECK(user->wire.take() == "");
  std::string all;
  for (int i = 0; i < 20; ++i) all += "MSG secret.x 1 0\r\n\r\n";
  CHECK(other->wire.take() == all);
}

TEST_CASE_FIXTURE(Permitted, "permissions: denied deliveries do not count for UNSUB") {
  start({.subscribe = {.deny = {"a.no"}}});
  user->say("SUB a.* 1\r\nUNSUB 1 2\r\n");
  other->say(
      "PUB a.no 0\r\n\r\nPUB a.1 0\r\n\r\nPUB a.no 0\r\n\r\nPUB a.2 0\r\n\r\nPUB a.3 0\r\n\r\n");
  CHECK(user->wire.take() == "MSG a.1 1 0\r\n\r\nMSG a.2 1 0\r\n\r\n");
}

TEST_CASE_FIXTURE(Permitted, "permissions: nobody may listen, so there is no responder") {
  start({.subscribe = {.deny = {"a.no"}}});
  std::unique_ptr<Client> asker = connect(
      "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true,\"pedantic\":false,"
      "\"user\":\"all\",\"pass\":\"p\"}\r\n");
  user->say("SUB a.* 1\r\n");
  CHECK(asker->say("SUB r 1\r\nPUB a.no r 0\r\n\r\n").find("NATS/1.0 503") != std::string::npos);
}

TEST_CASE_FIXTURE(Permitted, "permissions: answers to requests") {
  start(
      {.subscribe = {.allow = {{"service"}}}, .responses = ResponseRule{.max = 2, .expires = 1s}});
  user->say("SUB service 1\r\n");
  CHECK(user->say("PUB reply 0\r\n\r\n") ==
        "-ERR 'Permissions Violation for Publish to \"reply\"'\r\n");
  other->say("SUB reply 1\r\nPUB service reply 0\r\n\r\n");
  CHECK(user->wire.take() == "MSG service 1 reply 0\r\n\r\n");
  CHECK(user->say("PUB reply 1\r\n1\r\nPUB reply 1\r\n2\r\nPUB reply 1\r\n3\r\n") ==
        "-ERR 'Permissions Violation for Publish to \"reply\"'\r\n");
  CHECK(other->wire.take() == "MSG reply 1 1\r\n1\r\nMSG reply 1 1\r\n2\r\n");
  other->say("PUB service reply 0\r\n\r\n");
  user->wire.take();
  user->wait(2s);
  CHECK(user->say("PUB reply 0\r\n\r\n") ==
        "-ERR 'Permissions Violation for Publish to \"reply\"'\r\n");
}

TEST_CASE_FIXTURE(Permitted, "permissions: no right to answer is one to ask JetStream") {
  start({.subscribe = {.allow = {{"service"}}}, .responses = ResponseRule{}});
  user->say("SUB service 1\r\n");
  for (const std::string reply : {"$JS.API.INFO", "$JS.hub.API.INFO", "$JS.x"}) {  // Of a leaf.
    server().account("$G")->publish({}, {"service", reply, {}, "?", nullptr});
    CHECK(user->wire.take() == "MSG service 1 " + reply + " 1\r\n?\r\n");
    const std::string said = user->say("PUB " + reply + " 1\r\n!\r\n");
    CHECK(said.empty() == (reply == "$JS.x"));
  }
}

TEST_CASE_FIXTURE(Permitted, "permissions: reserved replies, whatever the lists say") {
  start({.publish = {.allow = {{">"}}}});
  for (const std::string reply : {"_R_.x", "$JS.ACK.x", "$JS.x", "$JS.hub.API.INFO", "_GR_.x"}) {
    CHECK(user->say("PUB a " + reply + " 0\r\n\r\n") ==
          "-ERR 'Permissions Violation for Publish with Reply of \"" + reply + "\"'\r\n");
  }
  CHECK(user->say("PUB _GR_.x 0\r\n\r\n") ==
        "-ERR 'Permissions Violation for Publish to \"_GR_.x\"'\r\n");
  CHECK_FALSE(user->wire.closed);
}

TEST_CASE_FIXTURE(Permitted, "permissions: go with the user when another logs in") {
  start({.publish = {.allow = {{"ok"}}}});
  other->say("SUB > 1\r\n");
  CHECK(user->say("PUB no 0\r\n\r\n") != "");
  CHECK(user->say(kOther + "PUB no 0\r\n\r\n") == "");
  CHECK(other->wire.take() == "MSG no 1 0\r\n\r\n");
  CHECK(user->say(kHello + "PUB no 0\r\n\r\n") != "");
  CHECK(user->session->report(false).user == "u");
}

TEST_CASE_FIXTURE(Permitted, "permissions: are those of the subject behind the mapping") {
  config.accounts.push_back({.name = "$G", .mappings = {{"in", {{"out"}}}, {"up", {{"no"}}}}});
  start({.publish = {.allow = {{"out"}}}});
  other->say("SUB > 1\r\n");
  CHECK(user->say("PUB in 1\r\nx\r\nPUB up 1\r\ny\r\nPING\r\n") ==
        "-ERR 'Permissions Violation for Publish to \"no\"'\r\nPONG\r\n");
  CHECK(other->wire.take() == "MSG out 1 1\r\nx\r\n");
}

TEST_CASE_FIXTURE(Permitted, "permissions: of no_auth_user") {
  config.auth.no_auth_user = "u";
  start({.publish = {.allow = {{"ok"}}}});
  std::unique_ptr<Client> silent = connect("");
  CHECK(silent->say("CONNECT {\"verbose\":false}\r\nPUB no 0\r\n\r\n") ==
        "-ERR 'Permissions Violation for Publish to \"no\"'\r\n");
}

}  // namespace
}  // namespace petiole::test
