// Auth callout in memory: who is asked about, and what each kind of answer comes to. Rules:
// wire/client-and-leaf.md section 2.3; nats-server auth_callout.go.
#include <doctest/doctest.h>

#include "agent/auth/callout_requests.h"
#include "agent/auth/callout_tokens.h"
#include "agent/auth/gate.h"
#include "platform/json.h"
#include "tests/agent/auth/tokens.h"
#include "tests/agent/session/clients.h"

namespace petiole::test {
namespace {

constexpr std::string_view kRefused = "-ERR 'Authorization Violation'\r\n";

std::string in_quotes(const std::string& text) { return '"' + text + '"'; }

// What a service was asked.
struct Asked {
  std::string token, reply, header;
  json::object claims;

  std::string text(std::string_view name) const { return std::string(get_string(claims, name)); }
  const json::object& part(std::string_view name) const {
    const json::object& nats = find(claims, "nats")->get_object();
    return name.empty() ? nats : find(nats, name)->get_object();
  }
  std::string user_nkey() const { return std::string(get_string(part(""), "user_nkey")); }
  std::string server() const { return std::string(get_string(part("server_id"), "id")); }
  std::string user() const { return std::string(get_string(part("connect_opts"), "user")); }
};

// The service: keeps questions, and answers when the test says so.
struct Service final : Subscriber {
  explicit Service(Account& in) : account(in) {
    subscription = make_subscription(*this, "$SYS.REQ.USER.AUTH", {}, "1");
    account.add(*subscription);
  }
  ~Service() override { account.retire(subscription); }
  PeerKind kind() const override { return PeerKind::kSystem; }
  bool deliver(Subscription&, const Message& message) override {
    Asked question{
        std::string(message.payload), std::string(message.reply), std::string(message.header), {}};
    const std::string& token = question.token;
    const std::size_t first = token.find('.');
    if (token.starts_with("eyJ") && first != token.npos) {  // Not sealed.
      const auto body =
          base64_decode(std::string_view(token).substr(first + 1, token.rfind('.') - first - 1));
      question.claims = parse_json(*body)->get_object();
    }
    asked.push_back(std::move(question));
    return true;
  }
  void answer(const Asked& question, std::string_view payload) {
    account.publish({.from = this}, {question.reply, {}, {}, payload, nullptr});
  }
  Account& account;
  Subscription* subscription;
  std::vector<Asked> asked;
};

// What is not said is 0, and means it; the later of two of a name counts.
const std::string kUnlimited = R"("subs":-1,"data":-1,"payload":-1,)";

struct CalloutFixture {
  Machine machine;
  Config config;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Service> service_;

  CalloutFixture() {
    machine.clock.set_wall_offset(std::chrono::seconds(9000));
    for (const char* name : {"AUTH", "APP"}) config.accounts.push_back({.name = name});
    config.auth.users = {{.user = "auth", .password = "p", .account = "AUTH"},
                         {.user = "local", .password = "p", .account = "APP"}};
    config.auth.timeout = 2s;
    config.auth.callout = CalloutConfig{.issuer = kAcc.text, .account = "AUTH", .users = {"auth"}};
  }
  Server& server() {
    if (!server_) server_ = std::make_unique<Server>(config, machine.host);
    return *server_;
  }
  Service& service() {
    if (!service_) service_ = std::make_unique<Service>(*server().account("AUTH"));
    return *service_;
  }
  std::unique_ptr<Client> come(const std::string& user, const std::string& more = {}) {
    auto client = std::make_unique<Client>(machine, server());
    client->say("CONNECT {\"verbose\":true,\"pedantic\":false,\"user\":" + in_quotes(user) +
                ",\"pass\":\"p\"" + more + "}\r\n");
    return client;
  }
  static std::string user_token(const Asked& asked, const Key& by, const std::string& claims,
                                const std::string& nats = {}) {
    return seal("{" + claims + "\"iat\":1,\"iss\":" + in_quotes(by.text) +
                    ",\"sub\":" + in_quotes(asked.user_nkey()) + ",\"nats\":{" + kUnlimited + nats +
                    "\"type\":\"user\",\"version\":2}}",
                by);
  }
  static std::string response(const Asked& asked, const Key& by, const std::string& nats,
                              const std::string& claims = {}) {
    return seal("{" + claims + "\"iat\":1,\"iss\":" + in_quotes(by.text) + ",\"sub\":" +
                    in_quotes(asked.user_nkey()) + ",\"aud\":" + in_quotes(asked.server()) +
                    ",\"nats\":{" + nats + "\"type\":\"authorization_response\",\"version\":2}}",
                by);
  }
  static std::string good(const Asked& asked, const std::string& nats = {},
                          const std::string& claims = "\"aud\":\"APP\",") {
    return response(asked, kAcc,
                    "\"jwt\":" + in_quotes(user_token(asked, kAcc, claims, nats)) + ",");
  }
  // What is said to a client when the service answers what `make` makes.
  template <class Make>
  std::string outcome(Make make) {
    service();
    auto client = come("joe");
    REQUIRE(service().asked.size() == 1);
    const Asked asked = std::exchange(service().asked, {})[0];
    service().answer(asked, make(asked));
    return client->wait(10ms);
  }
};

TEST_CASE_FIXTURE(CalloutFixture, "callout: the question") {
  service();
  auto client = come("joe", R"(,"name":"box","lang":"go","version":"1","sig":"s")");
  CHECK(client->wire.take().empty());
  REQUIRE(service().asked.size() == 1);
  const Asked& asked = service().asked[0];
  CHECK(asked.text("aud") == "nats-authorization-request");
  CHECK(asked.text("sub") == kAcc.text);
  CHECK(asked.text("iss") == server().id());
  CHECK(get_int(asked.claims, "exp") == get_int(asked.claims, "iat") + 2);
  CHECK(asked.server() == server().id());
  CHECK(decode_nkey_public(asked.user_nkey(), kUserKey));
  CHECK(get_string(asked.part("client_info"), "host") == "127.0.0.1");
  CHECK(get_string(asked.part("client_info"), "user") == "joe");
  CHECK(get_string(asked.part("client_info"), "kind") == "Client");
  CHECK(get_string(asked.part("connect_opts"), "pass") == "p");
  CHECK(get_string(asked.part("connect_opts"), "lang") == "go");
  CHECK(asked.header.empty());
  // Signed by the key that names the server.
  const auto key = decode_nkey_public(server().id(), kServerKey);
  const std::size_t dot = asked.token.rfind('.');
  const auto raw = base64_decode(std::string_view(asked.token).substr(dot + 1));
  Ed25519Signature signature{};
  REQUIRE(raw->size() == signature.size());
  std::copy(raw->begin(), raw->end(), signature.begin());
  CHECK(*ed25519_verify(*key, std::string_view(asked.token).substr(0, dot), signature));
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: what each answer comes to") {
  using F = CalloutFixture;
  using Make = std::string (*)(const Asked&);
  struct Case {
    const char* name;
    Make make;
    bool in;
  };
  const Case cases[] = {
      {"good", [](const Asked& a) { return good(a); }, true},
      {"nothing", [](const Asked&) { return std::string(); }, false},
      {"no token", [](const Asked&) { return std::string("hello"); }, false},
      {"no signature", [](const Asked& a) { return good(a).substr(0, 100); }, false},
      {"an error", [](const Asked& a) { return response(a, kAcc, R"("error":"no",)"); }, false},
      {"neither", [](const Asked& a) { return response(a, kAcc, ""); }, false},
      {"another response issuer",
       [](const Asked& a) {
         return response(a, kOtherAcc,
                         "\"jwt\":" + in_quotes(user_token(a, kAcc, "\"aud\":\"APP\",")) + ",");
       },
       false},
      {"another user issuer",
       [](const Asked& a) {
         return response(
             a, kAcc, "\"jwt\":" + in_quotes(user_token(a, kOtherAcc, "\"aud\":\"APP\",")) + ",");
       },
       false},
      {"an operator as issuer", [](const Asked& a) { return response(a, kOp, R"("error":"no",)"); },
       false},
      {"another server",
       [](const Asked& a) {
         Asked other = a;
         other.claims["nats"].as_object()["server_id"].as_object()["id"] = Key(kServerKey, 77).text;
         return good(other);
       },
       false},
      {"another user",
       [](const Asked& a) {
         Asked other = a;
         other.claims["nats"].as_object()["user_nkey"] = kJane.text;
         return good(other);
       },
       false},
      {"no such account", [](const Asked& a) { return good(a, "", "\"aud\":\"NO\","); }, false},
      {"no account", [](const Asked& a) { return good(a, "", ""); }, false},
      {"$G", [](const Asked& a) { return good(a, "", "\"aud\":\"$G\","); }, true},
      {"issuer_account",
       [](const Asked& a) {
         return good(a, "\"issuer_account\":" + in_quotes(kOtherAcc.text) + ",");
       },
       false},
      {"expired", [](const Asked& a) { return good(a, "", R"("exp":9999,"aud":"APP",)"); }, false},
      {"not yet", [](const Asked& a) { return good(a, "", R"("nbf":99999,"aud":"APP",)"); }, false},
      {"an expired response",
       [](const Asked& a) {
         return response(a, kAcc,
                         "\"jwt\":" + in_quotes(user_token(a, kAcc, "\"aud\":\"APP\",")) + ",",
                         "\"exp\":9999,");
       },
       false},
      {"for WebSocket alone",
       [](const Asked& a) { return good(a, R"("allowed_connection_types":["WEBSOCKET"],)"); },
       false},
      {"from elsewhere", [](const Asked& a) { return good(a, R"("src":["10.0.0.0/8"],)"); }, false},
      {"behind a proxy", [](const Asked& a) { return good(a, R"("proxy_required":true,)"); },
       false},
      {"a user's token alone",
       [](const Asked& a) { return F::user_token(a, kAcc, "\"aud\":\"APP\","); }, false},
  };
  for (const Case& c : cases) {
    CAPTURE(std::string(c.name));
    CHECK(outcome(c.make) == (c.in ? std::string_view("+OK\r\n") : kRefused));
  }
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: as whom somebody comes in") {
  auto client = come("joe");
  service();
  client = come("joe");
  service().answer(service().asked[0], good(service().asked[0], R"("pub":{"allow":["a"]},)",
                                            R"("name":"Joe","exp":20000,"aud":"APP",)"));
  CHECK(client->wait(10ms) == "+OK\r\n");
  CHECK(client->session->report(false).account == "APP");
  CHECK(client->session->report(false).user == "Joe");
  CHECK(client->say("PUB b 0\r\n\r\n").find("Permissions Violation for Publish") !=
        std::string::npos);
  machine.clock.set_wall_offset(std::chrono::seconds(20001));
  CHECK(client->wait(1min).ends_with("-ERR 'User Authentication Expired'\r\n"));
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: the token's limits, tags and name") {
  service();
  const auto enter = [this](const std::string& nats) {
    auto client = come("joe");
    const Asked asked = std::exchange(service().asked, {}).at(0);
    service().answer(asked, good(asked, nats, R"("aud":"APP","name":"Joe",)"));
    return client;
  };
  auto client = enter(R"("payload":4,"subs":1,"tags":["role:x","y"],)");
  CHECK(client->wait(10ms) == "+OK\r\n");
  CHECK(client->say("SUB a 1\r\nSUB b 2\r\n") ==
        "+OK\r\n-ERR 'maximum subscriptions exceeded'\r\n");
  CHECK(client->session->report(false).tags == std::vector<std::string>{"role:x", "y"});
  CHECK(client->session->report(false).jwt.empty());
  CHECK(client->session->identity()->claims->name == "Joe");
  CHECK(client->say("PUB a 5\r\n12345\r\n") == "-ERR 'Maximum Payload Violation'\r\n");
  CHECK(enter(R"("payload":0,)")->wait(10ms) == "+OK\r\n");
  CHECK(enter(R"("subs":0,)")->wait(10ms).find("maximum subscriptions exceeded") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: who is asked about") {
  config.auth.callout->allowed_accounts = {"APP"};
  config.accounts.push_back({.name = "OTHER"});
  config.auth.users.push_back({.user = "other", .password = "p", .account = "OTHER"});
  const auto asks = [this](const std::string& user) {
    service();
    const auto client = come(user);
    return std::exchange(service().asked, {}).size();
  };
  CHECK(asks("auth") == 0);
  CHECK(asks("local") == 1);
  CHECK(asks("other") == 0);
  CHECK(asks("nobody") == 1);
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: those in the service's account cannot ask") {
  auto client = come("auth");
  CHECK(client->say("PUB $SYS.REQ.USER.AUTH 0\r\n\r\n")
            .find("Permissions Violation for Publish to") != std::string::npos);
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: whom it lets in neither sees nor answers questions") {
  service();
  auto auth = come("auth"), inside = come("joe");
  service().answer(service().asked[0], good(service().asked[0], "", "\"aud\":\"AUTH\","));
  CHECK(inside->wait(10ms) == "+OK\r\n");
  for (const std::string subject : {"$SYS.REQ.USER.AUTH", "$SYS._INBOX.a.b"}) {
    CHECK(inside->say("SUB " + subject + " 1\r\n").find("Violation for Subscription") !=
          std::string::npos);
    CHECK(inside->say("PUB " + subject + " 0\r\n\r\n").find("Violation for Publish") !=
          std::string::npos);
    CHECK(auth->say("SUB " + subject + " 1\r\n") == "+OK\r\n");
  }
  inside->say("SUB > 2\r\n");
  auth->wire.take();
  auto other = come("jane");
  service().answer(service().asked[1], good(service().asked[1]));
  CHECK(other->wait(10ms) == "+OK\r\n");
  CHECK(inside->wire.take().empty());
  CHECK(auth->wire.take().find("MSG $SYS.REQ.USER.AUTH") != std::string::npos);
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: an operation before CONNECT asks nobody") {
  service();
  Client client(machine, server());
  CHECK(client.say("PING\r\n") == kRefused);
  CHECK(service().asked.empty());
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: without an answer in time it is no") {
  service();
  auto client = come("joe");
  CHECK(client->wait(1900ms).empty());
  CHECK(client->wait(200ms) == kRefused);
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: a second answer, a late one, one for who has gone") {
  service();
  auto client = come("joe"), gone = come("jane");
  REQUIRE(service().asked.size() == 2);
  const Asked first = service().asked[0], second = service().asked[1];
  service().answer(first, good(first));
  service().answer(first, "");
  gone.reset();
  service().answer(second, good(second));
  CHECK(client->wait(10ms) == "+OK\r\n");
  service().answer(first, "");
  CHECK(client->wait(3s).find("-ERR") == std::string::npos);
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: no more questions than are good are open") {
  service();
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < CalloutRequests::kWaitingMax; ++i) clients.push_back(come("joe"));
  CHECK(service().asked.size() == CalloutRequests::kWaitingMax);
  auto late = std::make_unique<Client>(machine, server());
  CHECK(late->say("CONNECT {\"verbose\":true,\"user\":\"joe\"}\r\n").find("throttling") !=
        std::string::npos);
  clients.pop_back();
  CHECK(come("joe")->wire.take().empty());  // Room is made by those that have gone.
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: sealed for the service, and by it") {
  SimEntropy entropy(5);
  const ServerKeys keys = make_server_keys(entropy);  // The service's.
  config.auth.callout->xkey = keys.xkey;
  service();
  const auto ask = [&] {
    auto client = come("joe");
    Asked asked = std::exchange(service().asked, {}).at(0);
    CHECK(asked.header == "NATS/1.0\r\nNats-Server-Xkey: " + server().keys().xkey + "\r\n\r\n");
    const auto open = open_from(asked.token, server().keys().xkey, keys);
    REQUIRE(open.ok());
    const std::size_t first = open->find('.');
    asked.claims = parse_json(*base64_decode(std::string_view(*open).substr(
                                  first + 1, open->rfind('.') - first - 1)))
                       ->get_object();
    CHECK(get_string(asked.part("server_id"), "xkey") == server().keys().xkey);
    return std::pair(std::move(client), std::move(asked));
  };
  auto [client, asked] = ask();
  service().answer(asked, *seal_for(good(asked), server().keys().xkey, keys, entropy));
  CHECK(client->wait(10ms) == "+OK\r\n");
  std::tie(client, asked) = ask();
  service().answer(asked, good(asked));  // In clear is well, too.
  CHECK(client->wait(10ms) == "+OK\r\n");
  std::tie(client, asked) = ask();
  const ServerKeys stranger = make_server_keys(entropy);
  service().answer(asked, *seal_for(good(asked), server().keys().xkey, stranger, entropy));
  CHECK(client->wait(10ms) == kRefused);
}

TEST_CASE_FIXTURE(CalloutFixture,
                  "callout: a reload keeps those that came in by it, while it stays") {
  service();
  auto client = come("joe");
  service().answer(service().asked[0], good(service().asked[0]));
  CHECK(client->wait(10ms) == "+OK\r\n");
  Config other = config;
  other.accounts.push_back({.name = "MORE"});
  other.auth.users[1].permissions.emplace();
  std::swap(other.auth.users[0], other.auth.users[1]);
  server().replace(other);
  CHECK_FALSE(client->wire.closed);
  other.auth.callout->issuer = kOtherAcc.text;
  server().replace(other);
  CHECK(client->wire.take() == kRefused);
}

TEST_CASE_FIXTURE(CalloutFixture,
                  "callout: what the service might judge by sends them to it again") {
  service();
  using Change = void (*)(Config&);
  const Change changes[] = {
      [](Config& c) { c.server_tags = {"a"}; },
      [](Config& c) { c.auth.users.push_back({.user = "new", .password = "p", .account = "APP"}); },
      [](Config& c) { c.auth.users.pop_back(); },
      [](Config& c) { c.auth.users[1].password = "q"; },
      [](Config& c) { c.auth.users[1].account = "AUTH"; },
      [](Config& c) { c.auth.users[1].connection_types = kStandardConnection; },
      [](Config& c) { c.auth.token = "t"; },
      [](Config& c) { c.auth.no_auth_user = "local"; },
      [](Config& c) { c.tls.options.verify = true; },
  };
  for (const Change change : changes) {
    CAPTURE(&change - changes);
    auto client = come("joe");
    const Asked asked = std::exchange(service().asked, {}).at(0);
    service().answer(asked, good(asked));
    CHECK(client->wait(10ms) == "+OK\r\n");
    Config other = config;
    change(other);
    server().replace(other);
    CHECK(client->wire.closed);
    CHECK(client->wire.take() == "");
    server().replace(config);
  }
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: a lower limit of the account closes what is over it") {
  service();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(come("joe"));
    const Asked asked = std::exchange(service().asked, {}).at(0);
    service().answer(asked, good(asked));
    CHECK(clients.back()->wait(10ms) == "+OK\r\n");
  }
  Config other = config;
  other.accounts[1].limits.connections = 2;
  server().replace(other);
  other.accounts[1].limits.payload_bytes = 100;
  server().replace(other);
  CHECK(std::count_if(clients.begin(), clients.end(),
                      [](const auto& each) { return !each->wire.closed; }) == 2);
  CHECK(clients[0]->wire.take() == "-ERR 'maximum account active connections exceeded'\r\n");
  CHECK(clients[1]->say("PUB a 101\r\n").find("Maximum Payload Violation") != std::string::npos);
}

TEST_CASE_FIXTURE(CalloutFixture, "callout: reloads leave the answer to who waits for it") {
  service();
  auto client = come("joe");
  Config other = config;
  for (const char* name : {"v", "w", "x"}) {
    other.auth.users.push_back({.user = name, .password = "p", .account = "APP"});
    server().replace(other);
  }
  service().answer(service().asked[0], good(service().asked[0]));
  CHECK(client->wait(10ms) == "+OK\r\n");
}

TEST_CASE("callout: names that clash with nothing; boxes that are none") {
  SimEntropy entropy(9);
  const ServerKeys keys = make_server_keys(entropy), other = make_server_keys(entropy);
  CHECK(decode_nkey_public(keys.id, kServerKey));
  CHECK(decode_nkey_public(keys.xkey, kCurveKey));
  CHECK(decode_nkey_public(make_user_nkey(entropy), kUserKey));
  CHECK_FALSE(seal_for("x", keys.id, keys, entropy).ok());
  const std::string sealed = *seal_for("hello", other.xkey, keys, entropy);
  CHECK(*open_from(sealed, keys.xkey, other) == "hello");
  CHECK_FALSE(open_from(sealed, other.xkey, other).ok());
  CHECK_FALSE(open_from("xkv1", keys.xkey, other).ok());
  CHECK_FALSE(open_from("xkv2" + sealed.substr(4), keys.xkey, other).ok());
  CHECK_FALSE(open_from("", keys.xkey, other).ok());
}

}  // namespace
}  // namespace petiole::test
