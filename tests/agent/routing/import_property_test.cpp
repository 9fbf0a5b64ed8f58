// Random accounts that share at random, beside a model that walks over everything: whatever is
// published arrives just where the model says, and nowhere else.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "agent/routing/exchange.h"
#include "agent/subject/subject.h"
#include "tests/support/sim.h"

namespace petiole::test {
namespace {

using Kind = ExportConfig::Kind;
using Arrivals = std::vector<std::string>;  // "<account> <sid> <subject>"

class Ear : public Subscriber {
 public:
  Ear(std::string account, PeerKind kind, Arrivals& heard)
      : account_(std::move(account)), kind_(kind), heard_(heard) {}
  PeerKind kind() const override { return kind_; }
  bool deliver(Subscription& subscription, const Message& message) override {
    heard_.push_back(account_ + ' ' + std::string(subscription.sid()) + ' ' +
                     std::string(message.subject));
    return true;
  }
  bool deliver_leaf(const Message& message, bool, const std::string_view*, std::size_t) override {
    heard_.push_back(account_ + " leaf " + std::string(message.subject));
    return true;
  }

 private:
  std::string account_;
  PeerKind kind_;
  Arrivals& heard_;
};

class NoNetwork : public Network {
 public:
  Result<std::unique_ptr<Listener>> listen(const ListenOptions&, Accept) override {
    return {Errc::kUnsupported};
  }
  std::unique_ptr<Dial> dial(const DialOptions&, std::unique_ptr<Protocol>) override {
    return nullptr;
  }
};

constexpr const char* kPatterns[] = {"a", "b", "a.a", "a.b", "b.*", "*.a", "*.*", "a.>", ">", "*"};
constexpr const char* kSubjects[] = {"a",   "b",     "a.a",   "a.b",   "b.a",   "b.b",
                                     "p.a", "p.a.b", "p.b.a", "a.b.a", "p.p.a", "c"};
// How a subject looks on the other side: as it is, behind a prefix, or with its tokens exchanged.
enum class Look { kSame, kPrefix, kExchange };

std::string exchanged(std::string_view subject) {
  const std::size_t dot = subject.find('.');
  return std::string(subject.substr(dot + 1)) + '.' + std::string(subject.substr(0, dot));
}

struct World {
  explicit World(unsigned seed) : random(seed) {
    for (const char* name : {"A", "B", "C", "D"}) {
      accounts.push_back(std::make_unique<Account>(name, Limits{}, entropy));
      configs.push_back({.name = name});
      clients.push_back(std::make_unique<Ear>(name, PeerKind::kClient, heard));
      leafs.push_back(std::make_unique<Ear>(name, PeerKind::kLeaf, heard));
    }
    connect();
  }
  ~World() {
    for (auto& [subscription, account] : subscriptions) account->retire(subscription);
  }

  std::size_t below(std::size_t bound) { return random() % bound; }
  template <class T, std::size_t n>
  T one_of(T (&list)[n]) {
    return list[below(n)];
  }

  void connect() {
    for (std::size_t i = 0; i < accounts.size(); ++i) exchange.set(*accounts[i], configs[i]);
    exchange.connect();
  }

  void add_import() {
    const std::size_t importer = below(accounts.size()), exporter = below(accounts.size());
    const Kind kind = below(2) == 0 ? Kind::kStream : Kind::kService;
    const std::string subject = one_of(kPatterns);
    ImportConfig import{.kind = kind, .account = configs[exporter].name, .subject = subject};
    const std::size_t look = below(3);
    if (look == 1) import.to = "p." + subject;
    if (look == 2 && subject == "*.*") import.to = "$2.$1";
    configs[exporter].exports.push_back({.kind = kind, .subject = subject});
    configs[importer].imports.push_back(import);
    connect();
  }

  void drop_import() {
    auto& imports = configs[below(configs.size())].imports;
    if (imports.empty()) return;
    imports.erase(imports.begin() + static_cast<long>(below(imports.size())));
    connect();
  }

  void add_subscription() {
    const std::size_t at = below(accounts.size());
    const bool leaf = below(4) == 0;
    Subscription* const made = make_subscription(leaf ? *leafs[at] : *clients[at],
                                                 one_of(kPatterns), {}, std::to_string(++last_sid));
    subscriptions.emplace_back(made, accounts[at].get());
    accounts[at]->add(*made);
  }

  void drop_subscription() {
    if (subscriptions.empty()) return;
    const std::size_t at = below(subscriptions.size());
    subscriptions[at].second->retire(subscriptions[at].first);
    subscriptions.erase(subscriptions.begin() + static_cast<long>(at));
  }

  // The model.
  struct Made {
    ImportConfig import;
    std::string importer;
    Look look;
  };
  std::vector<Made> made_imports() {
    std::vector<Made> all;
    const AccountLookup lookup = [&](std::string_view name) { return exchange.config(name); };
    for (const AccountConfig& config : configs) {
      std::vector<std::string> seen;
      for (const ImportConfig& each : config.imports) {
        ImportPath path;
        const std::string key =
            (each.kind == Kind::kStream ? "st " + each.subject : "sv " + local_subject(each)) +
            ' ' + each.account;
        const bool twice = std::find(seen.begin(), seen.end(), key) != seen.end();
        if (twice || !check_import(config, each, lookup, true, path).empty()) continue;
        seen.push_back(key);
        const Look look = each.to.empty()            ? Look::kSame
                          : each.to.starts_with("p") ? Look::kPrefix
                                                     : Look::kExchange;
        all.push_back({each, config.name, look});
      }
    }
    return all;
  }

  void listen(const std::string& account, const std::string& subject, Arrivals& wanted,
              bool& leaf_served) {
    for (const auto& [subscription, owner] : subscriptions) {
      if (owner->name() != account || !matches(subscription->subject(), subject)) continue;
      const bool leaf = subscription->owner->kind() == PeerKind::kLeaf;
      if (leaf && std::exchange(leaf_served, true)) continue;
      wanted.push_back(account + (leaf ? " leaf" : ' ' + std::string(subscription->sid())) + ' ' +
                       subject);
    }
  }

  void expect(const std::string& account, const std::string& subject, bool service,
              std::vector<const Made*> way, const std::vector<Made>& imports, Arrivals& wanted) {
    bool leaf_served = false;
    listen(account, subject, wanted, leaf_served);
    for (const Made& each : imports) {
      if (each.import.kind == Kind::kStream && each.import.account == account && !service &&
          matches(each.import.subject, subject)) {
        bool its_leaf_served = false;
        listen(each.importer,
               each.look == Look::kSame     ? subject
               : each.look == Look::kPrefix ? "p." + subject
                                            : exchanged(subject),
               wanted, its_leaf_served);
      }
      if (each.import.kind != Kind::kService || each.importer != account) continue;
      if (std::find(way.begin(), way.end(), &each) != way.end()) continue;
      const bool prefixed = each.look == Look::kPrefix;
      if (prefixed && !subject.starts_with("p.")) continue;
      const std::string foreign = prefixed ? subject.substr(2) : subject;
      if (!matches(each.import.subject, foreign)) continue;
      std::vector<const Made*> further = way;
      further.push_back(&each);
      expect(each.import.account, each.look == Look::kExchange ? exchanged(foreign) : foreign, true,
             further, imports, wanted);
    }
  }

  void publish() {
    const std::string account = configs[below(configs.size())].name, subject = one_of(kSubjects);
    const std::vector<Made> imports = made_imports();
    Arrivals wanted;
    expect(account, subject, false, {}, imports, wanted);
    heard.clear();
    Message message;
    message.subject = subject;
    message.payload = "x";
    const auto at = std::find_if(accounts.begin(), accounts.end(),
                                 [&](const auto& each) { return each->name() == account; });
    const bool any = (*at)->has_interest(subject);
    const PublishOutcome outcome = (*at)->publish({}, message);
    std::sort(wanted.begin(), wanted.end());
    std::sort(heard.begin(), heard.end());
    CAPTURE(account);
    CAPTURE(subject);
    CHECK(heard == wanted);
    CHECK((outcome.delivered != 0) == !wanted.empty());
    CHECK(any == !wanted.empty());
  }

  SimClock clock;
  SimLoop loop{clock};
  SimEntropy entropy{1};
  SimLog log;
  SimWorker worker{loop, [] { return Duration{}; }};
  ChunkPool chunks;
  NoNetwork network;
  Host host{loop, clock, network, entropy, log, worker, chunks};
  std::mt19937 random;
  Arrivals heard;
  std::vector<std::unique_ptr<Account>> accounts;
  std::vector<AccountConfig> configs;
  std::vector<std::unique_ptr<Ear>> clients, leafs;
  std::vector<std::pair<Subscription*, Account*>> subscriptions;
  int last_sid = 0;
  Exchange exchange{host, {"s", ""}, "$SYS"};
};

TEST_CASE("imports: random accounts share what they are to share") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    World world(seed);
    for (int step = 0; step < 120; ++step) {
      switch (world.below(8)) {
        case 0:
          world.add_import();
          break;
        case 1:
          world.drop_import();
          break;
        case 2:
        case 3:
          world.add_subscription();
          break;
        case 4:
          world.drop_subscription();
          break;
        default:
          world.publish();
      }
    }
    while (!world.subscriptions.empty()) world.drop_subscription();
    for (AccountConfig& config : world.configs) config.imports.clear();
    world.connect();
    for (const auto& account : world.accounts) CHECK(account->subscription_count() == 0);
  }
}

}  // namespace
}  // namespace petiole::test
