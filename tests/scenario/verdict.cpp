// What must hold: published = upstream once and in order + in the mirror + in the ledger.
#include <algorithm>
#include <cstdlib>
#include <map>

#include "tests/scenario/world.h"

namespace petiole::test {

namespace {

constexpr std::uint64_t kInFlightMax = 4096;  // MirrorLimits.

struct Name {
  std::size_t publisher = 0, number = 0;
};

bool is_limited(const RuleConfig& rule) {
  return rule.max_messages != 0 || rule.max_bytes != 0 || rule.max_age.count() != 0;
}

bool is_other(const std::string& payload) { return payload == "other"; }

Name name_of(const std::string& payload) {
  char* rest = nullptr;
  Name name;
  name.publisher = std::strtoull(payload.c_str(), &rest, 10);
  name.number = std::strtoull(rest + 1, nullptr, 10);
  return name;
}

std::string text_of(std::size_t publisher, std::size_t number) {
  return std::to_string(publisher) + "-" + std::to_string(number);
}

}  // namespace

std::string World::watch() {
  if (!leaf_ || !leaf_->agent) return {};
  const json::object now = mirrorz(*leaf_);
  storage_failed_ = storage_failed_ || get_string(now, "state") == "storage failed";
  for (const json::value& each : find(now, "rules")->get_array()) {
    const json::object& rule = each.get_object();
    if (static_cast<std::uint64_t>(get_int(rule, "in_flight")) > kInFlightMax)
      return "too much in flight";
  }
  return {};
}

bool World::drained() {
  if (!leaf_ || !leaf_->agent) return false;
  const bool done = std::all_of(publishers_.begin(), publishers_.end(),
                                [](const auto& each) { return each->done(); });
  const auto empty = [](Process& process) { return get_int(mirrorz(process), "messages") == 0; };
  const bool edge_empty = !plan_.chain || (edge_ && edge_->agent && empty(*edge_));
  return done && empty(*leaf_) && edge_empty;
}

std::string World::verdict() {
  count_losses();
  std::string bad = check_stream();
  for (std::size_t rule = 0; rule < plan_.rules.size() && bad.empty(); ++rule) {
    bad = plan_.rules[rule].keep_last ? check_last(rule) : check_rule(rule);
    if (bad.empty()) bad = check_losses(rule);
    if (bad.empty()) bad = check_sum(rule);
  }
  return bad;
}

// Without a limit, or a disk that is full or fails, there is nothing to give up a message for.
std::string World::check_losses(std::size_t rule) const {
  const RuleConfig& config = plan_.rules[rule];
  const std::uint64_t losses = tallies_[rule].losses;
  if (is_limited(config) || plan_.full_disk || plan_.io_errors || losses == 0) return {};
  return "given up without a reason, of " + config.subjects.front() + ": " + std::to_string(losses);
}

// All that was captured is confirmed, given up or here. A kill takes of an outage rule what was in
// memory, a disk that has failed what it was last told.
std::string World::check_sum(std::size_t rule) {
  const bool forgets = plan_.rules[rule].durability == Durability::kOutage && plan_.crashes;
  if (forgets || plan_.io_errors || !leaf_ || !leaf_->agent) return {};
  const json::object now = mirrorz(*leaf_);
  const json::object& told = find(now, "rules")->get_array()[rule].get_object();
  const std::int64_t sum = get_int(told, "confirmed") + get_int(told, "messages");
  const json::object& losses = find(told, "losses")->get_object();
  std::int64_t gone = 0;
  for (const char* cause : {"age", "limit", "superseded", "rejected", "corrupt"}) {
    gone += get_int(losses, cause);
  }
  if (get_int(told, "captured") == sum + gone) return {};
  return "the ledger of " + plan_.rules[rule].subjects.front() + " does not add up: captured " +
         std::to_string(get_int(told, "captured")) + ", confirmed or here " + std::to_string(sum) +
         ", given up " + std::to_string(gone);
}

// Nothing doubled, and of each publisher and rule in the order of publishing. A plain subscriber
// gets everything at least once, so there the first of each counts. What an agent accepts after its
// disk has failed goes ahead of what is on that disk; and what a limit, or a newer one of the
// subject, gave up while the disk could not be told comes back with the next start. A publisher's
// repeat of what a limit, or a full disk, gave up is new to a process that is.
std::string World::check_stream() {
  struct Newest {
    std::size_t number = 0;  // Plus one.
    std::size_t rule = 0;
  };
  std::map<std::pair<std::size_t, std::string>, Newest> newest;
  const auto may_give_up = [this](std::size_t number) { return is_limited(plan_.rules[number]); };
  const auto limited = [&](const auto& each) {
    return may_give_up(each.second.rule) || plan_.rules[each.second.rule].keep_last;
  };
  auto dead_disk = dead_disks_.begin();
  std::size_t count = 0;
  // While nobody wants a subject others go ahead.
  const bool by_subject = plan_.hub == HubKind::kPlain;
  std::map<std::pair<std::size_t, std::size_t>, bool> seen;
  for (const ModelStream::Stored& stored : stream_.stored()) {
    for (; dead_disk != dead_disks_.end() && *dead_disk <= count; ++dead_disk) {
      std::erase_if(newest, limited);
    }
    ++count;
    if (is_other(stored.payload)) continue;
    const Name name = name_of(stored.payload);
    const std::string text = text_of(name.publisher, name.number);
    if (name.publisher >= publishers_.size()) return "never published: " + stored.payload;
    const auto& messages = publishers_[name.publisher]->messages();
    if (name.number >= messages.size()) return "never published: " + stored.payload;
    const Published& message = messages[name.number];
    if (message.subject != stored.subject)
      return "wrong subject: " + text + " on " + stored.subject;
    bool& before = seen[{name.publisher, name.number}];
    if (before && plan_.hub == HubKind::kPlain) continue;
    if (before) return "doubled: " + text;
    before = true;
    if (stream_.refused().contains(text) || stream_.missed().contains(text)) continue;
    if (message.uncertain) continue;
    Newest& last =
        newest[{name.publisher, by_subject ? message.subject : std::to_string(message.rule)}];
    const bool late = name.number + 1 <= last.number;
    const bool given_up = may_give_up(message.rule) || plan_.full_disk;
    if (late && message.repeated && given_up) continue;
    if (late) return "out of order: " + text + " after " + text_of(name.publisher, last.number - 1);
    last = {name.number + 1, message.rule};
  }
  return {};
}

std::string World::check_rule(std::size_t rule) {
  std::map<std::pair<std::size_t, std::size_t>, bool> seen;
  for (const ModelStream::Stored& stored : stream_.stored()) {
    if (is_other(stored.payload)) continue;
    const Name name = name_of(stored.payload);
    seen[{name.publisher, name.number}] = true;
  }
  std::uint64_t missing = 0;
  std::string names;
  for (std::size_t i = 0; i < publishers_.size(); ++i) {
    const auto& messages = publishers_[i]->messages();
    for (std::size_t number = 0; number < messages.size(); ++number) {
      const Published& message = messages[number];
      if (message.rule != rule || !message.accepted || message.uncertain ||
          seen.contains({i, number}))
        continue;
      ++missing;
      if (missing <= 20) names += " " + text_of(i, number);
    }
  }
  const RuleTally& tally = tallies_[rule];
  if (missing <= tally.losses + tally.windows) return {};
  return "missing of " + plan_.rules[rule].subjects.front() + ": " + std::to_string(missing) +
         ", in the ledger " + std::to_string(tally.losses) + ", in windows that a kill took " +
         std::to_string(tally.windows) + ":" + names;
}

// keep: last. Of each subject the newest accepted message, or a newer one, must be the last there.
std::string World::check_last(std::size_t rule) {
  std::map<std::string, std::size_t> there;
  for (const ModelStream::Stored& stored : stream_.stored()) {
    if (!is_other(stored.payload)) there[stored.subject] = name_of(stored.payload).number + 1;
  }
  for (std::size_t i = 0; i < publishers_.size(); ++i) {
    std::map<std::string, std::size_t> wanted;
    const auto& messages = publishers_[i]->messages();
    for (std::size_t number = 0; number < messages.size(); ++number) {
      const Published& message = messages[number];
      if (message.rule == rule && message.accepted && !message.uncertain)
        wanted[message.subject] = number + 1;
    }
    for (const auto& [subject, number] : wanted) {
      if (there[subject] >= number || tallies_[rule].losses > 0) continue;
      return "keep: last of " + subject + ": the last there is number " +
             std::to_string(there[subject]) + ", published " + std::to_string(number);
    }
  }
  return {};
}

}  // namespace petiole::test
