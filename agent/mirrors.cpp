#include "agent/mirrors.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/mirror/store_part.h"

namespace petiole {

namespace {

// The state of all is the worst: "live" only when every one is.
int badness(const std::string& state) {
  constexpr const char* kWorseAndWorse[] = {
      "live",      "replaying", "refused by the hub", "waiting for interest",
      "resolving", "offline",   "disk hangs",         "storage failed"};
  const auto at = std::find(std::begin(kWorseAndWorse), std::end(kWorseAndWorse), state);
  return static_cast<int>(at - std::begin(kWorseAndWorse));
}

}  // namespace

Mirrors::Mirrors(Server& server, Store& store, const std::string& leaf_id) : server_(server) {
  const Config& config = server.config();
  const std::string first = config.remotes.empty() ? "$G" : config.remotes.front().account;
  const auto foreign = [&](const RuleConfig& rule) { return rule_account(rule, config) != first; };
  const bool several = std::any_of(config.mirror.rules.begin(), config.mirror.rules.end(), foreign);
  parts_ = std::make_unique<StoreParts>(store, first, several);
  for (const auto& entry : server.accounts()) {
    const std::string& name = entry.first;
    MirrorConfig own = config.mirror;
    std::erase_if(own.rules,
                  [&](const RuleConfig& rule) { return rule_account(rule, config) != name; });
    const bool remains = parts_->has_logs(name);
    if (own.rules.empty() && !remains && name != first) continue;
    make(*entry.second, own, parts_->part(name), leaf_id);
  }
  // Without any remote nobody expects that something goes.
  std::vector<std::string> linked;
  for (const RemoteConfig& remote : config.remotes) linked.push_back(remote.account);
  for (const auto& entry : server.accounts()) {
    if (config.remotes.empty()) linked.push_back(entry.first);
  }
  for (const std::string& line : parts_->left_behind(linked)) {
    server.host().log.warning("mirror: " + line);
  }
}

Mirrors::~Mirrors() {
  for (const Entry& each : mirrors_) each.account->set_capture(nullptr);
}

void Mirrors::make(Account& account, const MirrorConfig& config, Store& store,
                   const std::string& leaf_id) {
  mirrors_.push_back({&account, make_mirror(config, leaf_id, account, store, server_.host())});
  account.set_capture(mirrors_.back().mirror.get());
}

Mirror* Mirrors::of(std::string_view account) const {
  const auto found = std::find_if(mirrors_.begin(), mirrors_.end(), [&](const Entry& each) {
    return each.account->name() == account;
  });
  return found == mirrors_.end() ? nullptr : found->mirror.get();
}

MirrorReport Mirrors::report() const {
  MirrorReport sum = mirrors_.front().mirror->report();
  if (mirrors_.size() == 1) return sum;
  for (RuleReport& rule : sum.rules) rule.account = mirrors_.front().account->name();
  for (std::size_t i = 1; i < mirrors_.size(); ++i) {
    MirrorReport next = mirrors_[i].mirror->report();
    if (badness(next.state) > badness(sum.state)) {
      sum.state = next.state;
      sum.guarantee = next.guarantee;
    }
    for (RuleReport& rule : next.rules) {
      rule.account = mirrors_[i].account->name();
      sum.rules.push_back(std::move(rule));
    }
  }
  return sum;
}

void Mirrors::stop(std::function<void()> done) {
  const auto left = std::make_shared<std::size_t>(mirrors_.size());
  for (const Entry& each : mirrors_) {
    each.mirror->stop([left, done] {
      if (--*left == 0) done();
    });
  }
}

}  // namespace petiole
