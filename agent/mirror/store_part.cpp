#include "agent/mirror/store_part.h"

#include <algorithm>
#include <utility>

#include "agent/mirror/ids.h"
#include "agent/mirror/rule_state.h"

namespace petiole {

namespace {

constexpr std::string_view kOwner = "mirror/account";
constexpr std::string_view kSeveral = "mirror/several";
constexpr std::string_view kCatalog = "mirror/logs";       // As of rules.cpp.
constexpr std::string_view kAccounts = "mirror/accounts";  // With a prefix, ever; a line for each.
// How often a disk had failed, of the store, and of that what a part has accounted for: an account
// that is not there at the start after a failure may come back when its mark is gone.
constexpr std::string_view kDoubts = "mirror/doubts";
constexpr std::string_view kDoubtsKnown = "mirror/doubts-known";

std::string doubts_of(const Store& store) { return store.state(kDoubts).value_or("0"); }

}  // namespace

class StorePart final : public Store {
 public:
  StorePart(Store& store, StoreParts& all, std::string prefix, bool several)
      : store_(store), all_(all), prefix_(std::move(prefix)), recovery_(store.recovery()) {
    const std::string known = state(kDoubtsKnown).value_or("0");
    recovery_.doubtful = recovery_.doubtful || known != doubts_of(store_);
    if (prefix_.empty()) {
      if (several) give_up_nameless();
      return;
    }
    recovery_.recovered_logs.clear();
    recovery_.lost_messages = 0;
    recovery_.lost_uncounted = false;
  }

  Log& log(std::string_view name) override { return store_.log(prefixed(name)); }
  void drop_log(std::string_view name) override { store_.drop_log(prefixed(name)); }
  void set_state(std::string_view key, std::string_view value) override {
    store_.set_state(prefixed(key), value);
  }
  std::optional<std::string> state(std::string_view key) const override {
    return store_.state(prefixed(key));
  }
  void when_durable(std::function<void(Status)> done) override {
    store_.when_durable(std::move(done));
  }
  Status status() const override { return store_.status(); }
  void on_status(std::function<void(Status)> changed) override { changed_ = std::move(changed); }
  bool doubt_noted() const override { return store_.doubt_noted(); }
  void settle_doubt() override {
    const std::string doubts = doubts_of(store_);
    if (state(kDoubtsKnown).value_or("0") != doubts) set_state(kDoubtsKnown, doubts);
    store_.settle_doubt();
  }
  void settle_salvage() override {
    if (!prefix_.empty()) return;
    for (const std::string& log : nameless_) store_.drop_log(log);
    store_.settle_salvage();
  }
  void on_loss(Lost lost) override { lost_ = std::move(lost); }
  void on_yield(Yield yield) override { yield_ = std::move(yield); }
  std::optional<bool> another_yields() override { return all_.another_yields(*this); }
  StoreUsage usage() const override { return store_.usage(); }
  std::uint64_t queued_bytes() const override { return store_.queued_bytes(); }
  const StoreRecovery& recovery() const override { return recovery_; }
  // Message ids are made of it: they must differ between accounts.
  std::uint32_t epoch() const override {
    return prefix_.empty() ? store_.epoch()
                           : store_.epoch() ^ static_cast<std::uint32_t>(stable_hash(prefix_));
  }

  const std::string& prefix() const { return prefix_; }
  const Yield& yield() const { return yield_; }
  void tell_status(Status status) const {
    if (changed_) changed_(status);
  }
  void tell_loss(const std::string& log, const std::vector<Sequence>& records) const {
    const bool named = log.find('/') != log.npos;
    if (!lost_ || (prefix_.empty() ? named : !log.starts_with(prefix_))) return;
    lost_(log.substr(prefix_.size()), records);
  }

 private:
  // Nobody knows whose they are. The file that was set aside still has them.
  void give_up_nameless() {
    nameless_ = std::exchange(recovery_.recovered_logs, {});
    for (const std::string& log : nameless_) {
      recovery_.lost_messages += store_.log(log).state().messages;
    }
  }
  std::string prefixed(std::string_view name) const { return prefix_ + std::string(name); }

  Store& store_;
  StoreParts& all_;
  std::string prefix_;
  StoreRecovery recovery_;
  std::vector<std::string> nameless_;
  Yield yield_;
  std::function<void(Status)> changed_;
  Lost lost_;
};

StoreParts::StoreParts(Store& store, std::string_view first, bool several)
    : store_(store), several_(several || store.state(kSeveral).has_value()) {
  if (several_ && !store.state(kSeveral)) store.set_state(kSeveral, "1");
  if (const auto known = store.state(kOwner)) {
    owner_ = *known;
  } else {
    owner_ = first;
    store.set_state(kOwner, owner_);
  }
  if (store_.recovery().doubtful) {
    const std::uint64_t before = parse_number(doubts_of(store_)).value_or(0);
    store_.set_state(kDoubts, std::to_string(before + 1));
  }
  store_.on_status([this](Status status) {
    for (const auto& each : parts_) each->tell_status(status);
  });
  store_.on_loss([this](const std::string& log, const std::vector<Sequence>& records) {
    for (const auto& each : parts_) each->tell_loss(log, records);
  });
}

StoreParts::~StoreParts() {
  store_.on_status([](Status) {});
  store_.on_loss([](const std::string&, const std::vector<Sequence>&) {});
}

std::string StoreParts::prefix(std::string_view account) const {
  return account == owner_ ? std::string() : std::string(account) + '/';
}

Store& StoreParts::part(std::string_view account) {
  const std::string wanted = prefix(account);
  for (const auto& each : parts_) {
    if (each->prefix() == wanted) return *each;
  }
  const std::string known = store_.state(kAccounts).value_or("");
  const std::string line = std::string(account) + '\n';
  if (!wanted.empty() && ('\n' + known).find('\n' + line) == std::string::npos) {
    store_.set_state(kAccounts, known + line);
  }
  return *parts_.emplace_back(std::make_unique<StorePart>(store_, *this, wanted, several_));
}

// The account that could give up the most does so, whoever filled the store last.
std::optional<bool> StoreParts::another_yields(const StorePart& caller) {
  const auto bytes = [](const StorePart& part) {
    return part.yield().bytes ? part.yield().bytes() : 0;
  };
  const StorePart* most = &caller;
  std::uint64_t most_bytes = bytes(caller);
  for (const auto& each : parts_) {
    const std::uint64_t here = bytes(*each);
    if (here <= most_bytes) continue;
    most = each.get();
    most_bytes = here;
  }
  if (most == &caller) return std::nullopt;
  return most->yield().give();
}

bool StoreParts::has_logs(std::string_view account) const {
  return !store_.state(prefix(account) + std::string(kCatalog)).value_or("").empty();
}

std::vector<std::string> StoreParts::left_behind(const std::vector<std::string>& linked) {
  std::vector<std::string> lines;
  std::string accounts = owner_ + '\n' + store_.state(kAccounts).value_or("");
  for (std::size_t end = accounts.find('\n'); end != accounts.npos; end = accounts.find('\n')) {
    const std::string account = accounts.substr(0, end);
    accounts.erase(0, end + 1);
    if (std::find(linked.begin(), linked.end(), account) != linked.end()) continue;
    if (std::string line = left_by(account); !line.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

// Of what was confirmed some may still be there, for its ids: then it is at most so many.
std::string StoreParts::left_by(std::string_view account) {
  const std::string before = prefix(account);
  std::string catalog = store_.state(before + std::string(kCatalog)).value_or(""), rules;
  std::uint64_t messages = 0, bytes = 0;
  for (std::size_t end = catalog.find('\n'); end != catalog.npos; end = catalog.find('\n')) {
    const std::string line = catalog.substr(0, end);
    catalog.erase(0, end + 1);
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string log = line.substr(0, space);
    const LogState held = store_.log(before + log).state();
    const auto state = decode_state(store_.state(before + "mirror/" + log).value_or(""));
    if (held.messages == 0 || (state && state->cursor >= held.last)) continue;
    messages += held.messages;
    bytes += held.bytes;
    rules += line.substr(space);
  }
  if (messages == 0) return {};
  return "account \"" + std::string(account) + "\" has no remote: up to " +
         std::to_string(messages) + " messages (" + std::to_string(bytes) + " bytes) of" + rules +
         " stay in the store and go nowhere until it has one";
}

}  // namespace petiole
