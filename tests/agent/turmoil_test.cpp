// Clients and leafs that come and go, are too slow, are kicked or not let in any more, several of
// it in the same turn, at random from a seed: nothing may be used after it is gone (with the
// address sanitizer that ends the test), and nothing of a client may be left behind.
//
// PETIOLE_SEEDS in the environment: so many runs.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "agent/agent.h"
#include "platform/json.h"
#include "tests/support/leaf_world.h"

namespace petiole::test {
namespace {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_()) % bound; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class List>
  const auto& of(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  std::mt19937_64 engine_;
};

// bcrypt of "secret", cost 4.
constexpr const char* kHash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

constexpr const char* kUsers[] = {"a", "b", "c", "hashed", "narrow", "sys", "sys", "stranger"};
constexpr const char* kSubjects[] = {"s.a",   "s.b",    "x.a",  "x.b", "q",     "q.far", "m.a",
                                     "m.out", "in.box", "late", "l.1", "l.1.2", "t"};
constexpr const char* kPatterns[] = {">",   "s.*",  "x.>",    "*.a", "s.a",  "q",
                                     "m.>", "in.*", "_R_.>",  "l.*", "late", "q.far",
                                     "*",   "*.*",  "in.box", "l.>", "t",    "$SYS.>"};
constexpr const char* kAsked[] = {
    "$SYS.REQ.SERVER.PING",      "$SYS.REQ.SERVER.PING.CONNZ",   "$SYS.REQ.SERVER.PING.SUBSZ",
    "$SYS.REQ.ACCOUNT.A.CONNZ",  "$SYS.REQ.ACCOUNT.PING.STATZ",  "$SYS.REQ.USER.INFO",
    "$SYS.REQ.ACCOUNT.A.INFO",   "$SYS.REQ.SERVER.PING.LEAFZ",   "$SYS.DEBUG.SUBSCRIBERS",
    "$SYS.REQ.SERVER.PING.VARZ", "$SYS.REQ.SERVER.PING.ACCOUNTZ"};
constexpr const char* kPages[] = {"/connz?subs=detail&auth=1&state=all",
                                  "/subsz?subs=1",
                                  "/varz",
                                  "/leafz?subs=1",
                                  "/accstatz?unused=1",
                                  "/accountz?acc=A"};

UserConfig user(const char* name, const char* account) {
  return {.user = name, .password = "p", .nkey = {}, .account = account};
}

ImportConfig imported(ExportConfig::Kind kind, const char* account, const char* subject,
                      const char* here) {
  return {.kind = kind, .account = account, .subject = subject, .to = here};
}

RemoteConfig remote(const char* host, const char* account, const char* name = "") {
  RemoteConfig made;
  made.urls = {to(host)};
  made.urls[0].user = name;
  made.urls[0].password = *name ? "p" : "";
  made.account = account;
  return made;
}

Config hub_config(const char* name) {
  Config config;
  config.server_name = name;
  config.leaf_listen.enabled = true;
  return config;
}

Config box_config() {
  Config config;
  config.server_name = "box";
  config.remotes = {remote("edge", "$G", "b")};
  return config;
}

// What all edges have, and what each of them may have.
Config edge_config(Dice& dice) {
  constexpr auto kStream = ExportConfig::Kind::kStream, kService = ExportConfig::Kind::kService;
  Config config;
  config.server_name = "edge";
  config.leaf_listen.enabled = true;
  config.limits.pending_bytes_max = 4000;
  config.limits.ping_interval = 20s;
  config.auth.users = {user("a", "A"), user("b", "B"), user("hashed", "A"), user("sys", "$SYS")};
  config.auth.users[2].password = kHash;
  AccountConfig a{.name = "A"}, b{.name = "B"}, c{.name = "C"};
  a.exports = {{.kind = kStream, .subject = "s.>"}, {.kind = kService, .subject = "q.>"}};
  a.exports.push_back({.kind = kService, .subject = "q", .latency_sampling = 100});
  a.exports.back().latency_subject = "late";
  b.exports = {{.kind = kStream, .subject = "x.>"}};
  if (dice.one_in(2)) b.imports = {imported(kStream, "A", "s.>", dice.one_in(2) ? "" : "in.>")};
  if (dice.one_in(2)) b.imports.push_back(imported(kService, "A", "q", "q"));
  if (dice.one_in(3)) a.imports = {imported(kStream, "B", "x.>", "")};
  if (dice.one_in(2)) a.mappings = {{.source = "m.*", .destinations = {{.subject = "s.$1"}}}};
  if (dice.one_in(3)) a.limits.connections = 2;
  if (dice.one_in(3)) a.trace_dest = "t";
  const bool third = dice.one_in(2);
  if (third) {
    c.imports = {imported(kStream, "A", "s.*", "l.$1"), imported(kService, "A", "q.>", "q.>")};
    config.auth.users.push_back(user("c", "C"));
    UserConfig narrow = user("narrow", "C");
    narrow.permissions.emplace().publish.deny = {"x.>"};
    narrow.permissions->subscribe.deny = {"s.b"};
    narrow.permissions->responses.emplace();
    config.auth.users.push_back(narrow);
  }
  config.accounts = {a, b};
  if (third) config.accounts.push_back(c);
  if (dice.one_in(4)) config.auth.users[0].password = "other";
  if (dice.one_in(4)) config.auth.no_auth_user = dice.one_in(2) ? "a" : "b";
  if (dice.one_in(6)) config.auth.users.push_back({.user = {}, .password = {}, .nkey = "U"});
  if (dice.one_in(6)) {  // Nobody answers; the leafs come in unasked.
    config.auth.callout.emplace();
    config.auth.callout->account = "A";
    config.auth.callout->users = {"b", "sys"};
  }
  if (dice.one_in(5)) config.limits.connections_max = 4;
  if (!dice.one_in(4)) config.remotes.push_back(remote("hub", "A"));
  if (dice.one_in(2)) config.remotes.push_back(remote("far", "B"));
  return config;
}

// A client that follows no rules but those of the syntax.
class Guest {
 public:
  // `server` is the id of that.
  Guest(Network& network, std::string server, Dice& dice)
      : network_(network), server_(std::move(server)), dice_(dice) {}
  ~Guest() {
    if (session_) session_->guest = nullptr;
  }

  void act() {
    if (!dial_) return dial();
    if (!wire_) return;
    const std::size_t lines = 1 + dice_.below(6);
    for (std::size_t i = 0; i < lines && wire_; ++i) say_something();
    if (wire_) wire_->wake();
    if (wire_ && dice_.one_in(12)) end();
  }
  void leave() {
    if (wire_) wire_->abort({Errc::kOk, "over"});
    quiet_ = true;
  }
  bool is_there() const { return wire_ != nullptr; }

 private:
  struct Session final : Protocol {
    explicit Session(Guest& of) : guest(&of) { of.session_ = this; }
    ~Session() override {
      if (guest) guest->session_ = nullptr;
    }
    void opened(Wire& wire, Time) override {
      if (guest) guest->opened(wire);
    }
    Result<std::size_t> receive(std::string_view input, Time) override { return input.size(); }
    Status tick(Time) override { return {}; }
    Time deadline() const override { return kNever; }
    void closed(const CloseReason&, Time) override {
      if (guest) guest->lost();
    }
    Guest* guest;
  };

  void dial() {
    DialOptions options;
    options.host = "edge";
    options.port = 4222;
    dial_ = network_.dial(options, std::make_unique<Session>(*this));
  }
  void opened(Wire& wire) {
    wire_ = &wire;
    if (quiet_) return wire.abort({Errc::kOk, "over"});
    connect();
    if (dice_.one_in(3)) say_something();
    wire.wake();
  }
  void lost() {
    wire_ = nullptr;
    dial_.reset();
  }
  void end() {
    switch (dice_.below(5)) {
      case 0:
        return wire_->abort({Errc::kOk, "enough"});
      case 1:
        return wire_->close({Errc::kOk, "enough"});
      case 2:
        return wire_->pause_reading();
      default:
        return wire_->resume_reading();
    }
  }

  void put(const std::string& text) { wire_->output().append(text); }
  void connect() {
    const std::string_view user = dice_.of(kUsers);
    std::string text = "CONNECT {\"pedantic\":false,\"headers\":true,\"no_responders\":true,";
    text += dice_.one_in(3) ? "\"verbose\":true," : "\"verbose\":false,";
    text += dice_.one_in(2) ? "\"echo\":true," : "\"echo\":false,";
    text.append("\"protocol\":1,\"user\":\"").append(user).append("\",\"pass\":\"");
    put(text + (user == "hashed" ? "secret" : "p") + "\"}\r\n");
  }
  std::string sid() { return std::to_string(1 + dice_.below(6)); }
  std::string reply() {
    return dice_.one_in(2) ? std::string() : std::string(dice_.of(kSubjects)) + ' ';
  }
  void publish(const std::string& subject, std::size_t bytes) {
    put("PUB " + subject + ' ' + reply() + std::to_string(bytes) + "\r\n" +
        std::string(bytes, '.') + "\r\n");
  }
  // What only one in the system account may.
  void order() {
    constexpr const char* kOrders[] = {"KICK", "KICK", "LDM", "RELOAD"};
    const std::string body = "{\"cid\":" + std::to_string(dice_.below(200)) + "}";
    put("PUB $SYS.REQ.SERVER." + server_ + "." + dice_.of(kOrders) + " in.box " +
        std::to_string(body.size()) + "\r\n" + body + "\r\n");
  }
  void publish_traced() {
    const std::string header = std::string("NATS/1.0\r\nNats-Trace-Dest: t\r\n") +
                               (dice_.one_in(2) ? "Nats-Trace-Only: true\r\n" : "") + "\r\n";
    const std::string size = std::to_string(header.size());
    put(std::string("HPUB ") + dice_.of(kSubjects) + ' ' + reply() + size + ' ' + size + "\r\n" +
        header + "\r\n");
  }
  void say_something() {
    switch (dice_.below(12)) {
      case 0:
      case 1:
        return put(std::string("SUB ") + dice_.of(kPatterns) + (dice_.one_in(3) ? " g " : " ") +
                   sid() + "\r\n");
      case 2:
        return put("UNSUB " + sid() + (dice_.one_in(2) ? " 3" : "") + "\r\n");
      case 3:
        return dice_.one_in(3) ? order() : publish(dice_.of(kAsked), 0);
      case 4:
        return publish_traced();
      case 5:
        return put("PING\r\n");
      case 6:
        if (dice_.one_in(4)) connect();
        return;
      case 7:
        if (dice_.one_in(8)) put("NOISE\r\n");
        return;
      default:
        return publish(dice_.of(kSubjects), dice_.one_in(4) ? 1000 : dice_.below(20));
    }
  }

  Network& network_;
  std::string server_;
  Dice& dice_;
  std::unique_ptr<Dial> dial_;
  Session* session_ = nullptr;
  Wire* wire_ = nullptr;
  bool quiet_ = false;
};

class Turmoil {
 public:
  explicit Turmoil(std::uint64_t seed)
      : dice_(seed),
        turns_(seed + 1),
        world_(seed),
        hub_(hub_config("hub"), world_.host("hub"), nullptr),
        far_(hub_config("far"), world_.host("far"), nullptr),
        edge_(edge_config(dice_), world_.host("edge"), nullptr),
        box_(box_config(), world_.host("box"), nullptr) {
    world_.network.send_buffer_bytes = 3000;
    world_.loop.share_turns([this] { return !turns_.one_in(4); });
    edge_.on_reload([this] { return reload(), std::string(); });
    for (Agent* agent : {&hub_, &far_, &edge_, &box_}) REQUIRE(agent->start().status.ok());
    const Result<json::value> about = parse_json(edge_.monitor("/varz"));  // In most builds.
    const std::string id(about.ok() ? get_string(about->get_object(), "server_id") : "N");
    for (int i = 0; i < 8; ++i) {
      guests_.push_back(std::make_unique<Guest>(world_.network.host("app"), id, dice_));
    }
  }
  ~Turmoil() {
    for (const char* name : {"app", "box", "edge", "hub", "far"})
      world_.network.vanish(name, false);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    for (const auto& guest : guests_) guest->leave();
    world_.loop.run_for(20s);
  }
  bool is_quiet() const {
    return std::none_of(guests_.begin(), guests_.end(),
                        [](const auto& guest) { return guest->is_there(); });
  }
  // Of clients, in the accounts of the edge.
  std::size_t subscriptions() {
    std::size_t count = 0;
    for (const char* name : {"$G", "$SYS", "A", "B", "C"}) {
      Account* const account = edge_.account(name);
      if (!account) continue;
      CHECK(account->client_count() == 0);
      account->for_each([&](const Subscription& each) {
        if (each.owner->kind() == PeerKind::kClient) ++count;
      });
    }
    return count;
  }

 private:
  void reload() { CHECK(edge_.reload(edge_config(dice_)).errors.empty()); }

  void step() {
    const std::size_t acts = 1 + dice_.below(4);
    for (std::size_t i = 0; i < acts; ++i) guests_[dice_.below(guests_.size())]->act();
    if (dice_.one_in(12)) upset();
    constexpr Duration kSpans[] = {0s, 1ms, 1ms, 5ms, 60ms, 700ms, 3s};
    dice_.one_in(100) ? world_.loop.run_for(30s) : world_.loop.run_for(dice_.of(kSpans));
  }
  void upset() {
    switch (dice_.below(6)) {
      case 0:
      case 1:
        return reload();
      case 2:
        return world_.network.reset(dice_.one_in(2) ? "app" : "box", "edge");
      case 3:
        return world_.network.reset("edge", dice_.one_in(2) ? "hub" : "far");
      case 4:
        return world_.network.cut_after("app", "edge", 1 + dice_.below(2000));
      default:
        (void)edge_.monitor(dice_.of(kPages));
    }
  }

  Dice dice_, turns_;
  World world_;
  Agent hub_, far_, edge_, box_;
  std::vector<std::unique_ptr<Guest>> guests_;
};

TEST_CASE("turmoil: whatever comes in one turn, nothing is left of who is gone") {
  const char* const wanted = std::getenv("PETIOLE_SEEDS");
  const std::uint64_t seeds = wanted ? std::strtoull(wanted, nullptr, 10) : 40;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    Turmoil turmoil(seed);
    turmoil.run(300);
    CHECK(turmoil.is_quiet());
    CHECK(turmoil.subscriptions() == 0);
  }
}

}  // namespace
}  // namespace petiole::test
