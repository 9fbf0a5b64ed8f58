// Users of accounts whose JWTs change, expire, are revoked and deleted while they come, talk and
// go, at random from a seed: nobody stays who would not be let in, nobody keeps a subscription that
// he may not have, and nothing is left of who is gone.
//
// PETIOLE_SEEDS in the environment: so many runs.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <vector>

#include "agent/auth/admission.h"
#include "agent/auth/validity.h"
#include "agent/system/system.h"
#include "tests/agent/auth/operator_fixture.h"

namespace petiole::test {
namespace {

constexpr const char* kPatterns[] = {">", "a", "a.*", "b.>", "*.x", "in.1", "in.*", "$SYS.>"};
constexpr const char* kSubjects[] = {"a", "a.x", "b.x", "b.y.z", "in.1", "in.2", "q", "m.x"};
constexpr const char* kRules[] = {
    "",
    R"("pub":{"deny":["a"]},)",
    R"("sub":{"deny":["b.>"]},)",
    R"("sub":{"allow":["a.*","in.*"]},)",
    R"("pub":{"allow":["in.*"]},"sub":{"allow":[">"],"deny":["*.x"]},)",
    R"("resp":{"max":2,"ttl":0},)",
};

class OperatorTurmoil : OperatorFixture {
 public:
  explicit OperatorTurmoil(std::uint64_t seed) : random_(seed) {
    keep_files();
    config.auth.trust.resolver.allow_delete = true;
    config.limits.pending_bytes_max = 4000;
    for (const Key* each : kAccounts) put(account_of(*each), *each);
    system_ = std::make_unique<System>(server(), [this] {
      MonitorInput input{.server = server()};
      input.now = machine.clock.now();
      return input;
    });
    serve_claims();
  }
  ~OperatorTurmoil() {
    clients_.clear();
    system_.reset();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    clients_.clear();
    machine.loop.run_for(5s);
    check();
    for (const auto& [name, account] : server().accounts()) {
      CHECK(account->client_count() == 0);
      account->for_each(
          [](const Subscription& each) { CHECK(each.owner->kind() != PeerKind::kClient); });
    }
  }

 private:
  static inline const Key* const kAccounts[] = {&kAcc, &kOtherAcc, &kSys};
  static inline const Key* const kUsers[] = {&kJoe, &kJane};

  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class List>
  const auto& of(const List& list) {
    return list[below(std::size(list))];
  }
  std::int64_t now() {
    using namespace std::chrono;
    return floor<seconds>(machine.clock.wall().time_since_epoch()).count();
  }
  std::string some_end() {
    if (!one_in(4)) return {};
    return "\"exp\":" + std::to_string(now() + static_cast<std::int64_t>(below(200))) + ",";
  }

  std::string account_of(const Key& key) {
    const Key& other = &key == &kAcc ? kOtherAcc : kAcc;
    std::string nats = "\"limits\":{\"subs\":" + std::string(one_in(3) ? "3" : "-1") +
                       ",\"data\":-1,\"payload\":-1,\"imports\":-1,\"exports\":-1,"
                       "\"wildcards\":true,\"leaf\":-1,\"conn\":" +
                       (one_in(3) ? "2" : "-1") + "},";
    if (one_in(2)) nats += "\"signing_keys\":[\"" + kAccSigner.text + "\"],";
    if (one_in(2)) nats += "\"default_permissions\":{" + trimmed(of(kRules)) + "},";
    if (one_in(3)) nats += "\"mappings\":{\"m.*\":[{\"subject\":\"a.$1\",\"weight\":100}]},";
    if (one_in(3)) {
      nats += "\"revocations\":{\"" + of(kUsers)->text + "\":" + std::to_string(now()) + "},";
    }
    if (!one_in(3)) {
      nats += R"("exports":[{"name":"s","subject":"b.>","type":"stream"},)"
              R"({"name":"q","subject":"q","type":"service"}],)";
    }
    if (&key != &kSys && one_in(2)) {
      nats += R"("imports":[{"name":"s","subject":"b.>","type":"stream","account":")" + other.text +
              R"("},{"name":"q","subject":"q","type":"service","account":")" + other.text + "\"}],";
    }
    return token("account", key, kOp, nats, &key == &kSys ? std::string() : some_end());
  }
  static std::string trimmed(std::string text) {
    if (!text.empty()) text.pop_back();
    return text;
  }

  std::string connect(const Client& client) {
    const Key& user = *of(kUsers);
    const Key& account = *of(kAccounts);
    const bool by_signer = one_in(4);
    std::string nats = kFree + of(kRules);
    if (by_signer) nats += "\"issuer_account\":\"" + account.text + "\",";
    if (one_in(3)) nats += R"("bearer_token":true,)";
    const std::string issued =
        token("user", user, by_signer ? kAccSigner : account, nats, some_end());
    return hello(client, issued, user);
  }
  std::string sid() { return std::to_string(1 + below(5)); }
  std::string reply() { return one_in(2) ? std::string() : std::string(of(kSubjects)) + ' '; }
  std::string line(const Client& client) {
    switch (below(10)) {
      case 0:
        return connect(client);
      case 1:
      case 2:
      case 3:
        return std::string("SUB ") + of(kPatterns) + (one_in(3) ? " g " : " ") + sid() + "\r\n";
      case 4:
        return "UNSUB " + sid() + (one_in(2) ? " 2" : "") + "\r\n";
      case 5:
        return "PUB $SYS.REQ.ACCOUNT.PING.CONNZ in.1 0\r\n\r\nPING\r\nPONG\r\n";
      default:
        return std::string("PUB ") + of(kSubjects) + ' ' + reply() + "1\r\nx\r\n";
    }
  }

  void upset() {
    const Key& key = *of(kAccounts);
    if (one_in(5)) {
      Config changed = server().config();
      changed.limits.subscriptions_max = below(3) * 4;
      changed.server_tags = {"t" + std::to_string(below(3))};
      server().replace(changed);
    } else if (&key != &kSys && one_in(4)) {
      order("$SYS.REQ.CLAIMS.DELETE", deletion(key));
    } else {
      order("$SYS.REQ.CLAIMS.UPDATE", account_of(key));
    }
  }
  void order(std::string_view subject, const std::string& body) {
    server().account(kSys.text)->publish({}, {subject, {}, {}, body, nullptr});
  }
  static std::string deletion(const Key& account) {
    return token("generic", kOp, kOp, "\"accounts\":[\"" + account.text + "\"],");
  }

  void step() {
    if (clients_.size() < 8 && one_in(2)) {
      clients_.push_back(arrive());
      clients_.back()->say(connect(*clients_.back()));
    }
    for (std::size_t i = 1 + below(4); i > 0 && !clients_.empty(); --i) {
      Client& client = *of(clients_);
      client.say(line(client));
      if (one_in(3)) client.wire.take();
    }
    if (one_in(4)) upset();
    if (!clients_.empty() && one_in(6)) clients_.erase(clients_.begin() + chosen());
    constexpr Duration kSpans[] = {0s, 1ms, 60ms, 2s, 20s};
    const Duration span = of(kSpans);
    for (const auto& client : clients_) client->wait(0s);
    machine.loop.run_for(span);
    for (const auto& client : clients_) client->wait(0s);
    std::erase_if(clients_, [](const auto& client) { return client->wire.closed; });
    if (one_in(3)) check();
  }
  std::ptrdiff_t chosen() { return static_cast<std::ptrdiff_t>(below(clients_.size())); }

  void check() {
    machine.loop.run_for(200ms);  // What was changed is read and looked at.
    std::erase_if(clients_, [](const auto& client) { return client->wire.closed; });
    std::map<std::string, std::int64_t> members;
    for (const auto& client : clients_) {
      const ConnectionReport report = client->session->report(true);
      ++members[report.account];
      const Identity* const who = client->session->identity();
      if (report.account.empty()) continue;
      REQUIRE(who);
      CHECK(who->account == report.account);
      const AccountClaims* const account = server().gate().book()->find(report.account);
      CHECK(account);
      if (!account) continue;
      const Moment moment = server().calendar().now();
      const Admission admission =
          admit(who->claims, *account, {kStandardConnection, "127.0.0.1"}, moment);
      const bool expires = validity(*who->claims, moment) != Validity::kGood ||
                           validity(*account, moment) != Validity::kGood;  // Its timer is due.
      CHECK((admission.identity || expires));
      for (const Subscription* each : report.subscription_list) {
        CHECK((!who->permissions ||
               who->permissions->subscribe().interest(each->subject(), each->queue())));
      }
    }
    for (const auto& [name, account] : server().accounts()) {
      CHECK(account->client_count() == members[name]);
    }
  }

  std::mt19937_64 random_;
  std::unique_ptr<System> system_;
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_CASE("operator turmoil: nobody stays who would not be let in") {
  const char* const wanted = std::getenv("PETIOLE_SEEDS");
  const std::uint64_t seeds = wanted ? std::strtoull(wanted, nullptr, 10) : 20;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    OperatorTurmoil turmoil(seed);
    turmoil.run(200);
  }
}

}  // namespace
}  // namespace petiole::test
