// What people and monitoring are told of the mirror.
#include <algorithm>
#include <utility>

#include "agent/mirror/mirror_core.h"

namespace petiole {

namespace {

constexpr Duration kLossLinesApart = std::chrono::minutes(1);
constexpr Duration kWaitBeforeLine = std::chrono::minutes(1);
constexpr Duration kWaitLinesApart = std::chrono::hours(1);

std::string text_or_empty(const char* text) { return text != nullptr ? text : ""; }

// A damaged store and what a newer message replaced have words of their own.
std::uint64_t losses_to_tell(const LossCounts& losses) {
  return losses.age + losses.limit + losses.refused + losses.rejected;
}

std::string text_of(const LossCounts& losses) {
  return std::to_string(losses.limit) + " for want of room, " + std::to_string(losses.refused) +
         " refused, " + std::to_string(losses.age) + " too old, " +
         std::to_string(losses.rejected) + " that the hub does not take";
}

// A log of an earlier configuration has no subjects any more.
const std::string& name_of(const NamedRule& rule) {
  return rule.rule.subjects.empty() ? rule.log : rule.rule.subjects.front();
}

}  // namespace

std::string MirrorCore::state_text() const {
  const auto any = [this](auto&& test) { return std::any_of(rules_.begin(), rules_.end(), test); };
  if (any([](const Rule& rule) { return rule.backlog->failed(); })) return "storage failed";
  if (hangs_) return "disk hangs";
  if (link_.state.uplink == nullptr) return "offline";
  if (any([](const Rule& rule) {
        return rule.sender->phase() == Sender::Phase::kResolving && rule.backlog->messages() > 0;
      })) {
    return "resolving";
  }
  const auto behind = [](const Rule& rule) {
    return rule.backlog->messages() > rule.backlog->in_flight();
  };
  if (!any(behind)) return "live";
  const auto refused = [](const Rule& rule) { return !hub_refusal(rule).empty(); };
  const bool moves = any([&](const Rule& rule) {
    return behind(rule) && !refused(rule) && !rule.sender->waiting_for_interest() &&
           !rule.backlog->has_parked();
  });
  if (moves) return "replaying";
  return any(refused) ? "refused by the hub" : "waiting for interest";
}

// Why messages of this rule are refused at this moment; null: they are not.
const char* MirrorCore::refusal_cause(const Rule& rule) const {
  if (rule.backlog->failed()) return link_.state.proven ? nullptr : "the disk has failed";
  if (rule.backlog->refuses_new()) return "at its limit, discard: new";
  if (store_.status().code() == Errc::kStorageFull && !making_room_) return "the store is full";
  return nullptr;
}

// Why the hub takes none of what waits.
std::string MirrorCore::hub_refusal(const Rule& rule) {
  return rule.backlog->messages() > 0 ? rule.sender->refused_for() : std::string();
}

std::string MirrorCore::refusal(int number) const {
  constexpr std::size_t kSubjectMax = 128;
  const Rule& rule = rules_[static_cast<std::size_t>(number)];
  const char* const cause = refusal_cause(rule);
  const std::string& subject = rule.named.rule.subjects.front();
  return "rule " + subject.substr(0, kSubjectMax) + ": " +
         (cause != nullptr ? cause : "the disk is behind");
}

std::string MirrorCore::confirm_text(const Rule& rule) const {
  const std::string puback = directory_.tells_all() ? "puback" : "puback (duplicate window only)";
  if (rule.named.rule.confirm == Confirm::kBarrier) return "barrier";
  // Which of them holds is not known without a link.
  const bool known = directory_.state() != HubDirectory::State::kUnknown;
  if (rule.named.rule.confirm == Confirm::kPuback) return known ? puback : "puback";
  if (!known) return "unknown";
  switch (rule.sender->last_route()) {
    case Route::kPuback:
      return puback;
    case Route::kBarrier:
    case Route::kReprobe:
      return "barrier";
    case Route::kUnknown:
    case Route::kProbe:
      break;
  }
  return "unknown";
}

std::string MirrorCore::guarantee_text() const {
  if (link_.state.uplink == nullptr)
    return "what waits is kept; what the hub can promise shows when the link is up";
  constexpr const char* kWindowOnly =
      ": exactly once within the duplicate window of the hub's streams, else at least once";
  switch (directory_.state()) {
    case HubDirectory::State::kKnown:
      if (directory_.partial()) {
        return std::string("the hub has more streams for these subjects than are looked into") +
               kWindowOnly;
      }
      if (!directory_.tells_all()) {
        return std::string("the hub does not let us look into its streams (no permission)") +
               kWindowOnly;
      }
      return "exactly once where a stream of the hub captures the subject, except for streams that "
             "drop what was consumed (work queues), where it holds within the duplicate window; at "
             "least once elsewhere";
    case HubDirectory::State::kUnreachable:
      if (link_.state.uplink->hub().drops_repeats) {
        return "exactly once: the hub is a petiole and drops repeats, for as long as it runs";
      }
      if (!api_.hears()) {
        return "the hub does not let us hear its answers (no permission to subscribe " +
               inbox_.pattern() + ")" + kWindowOnly;
      }
      return std::string(
                 "the hub's JetStream API cannot be reached (no domain, no permission, or "
                 "no answer in time)") +
             kWindowOnly;
    case HubDirectory::State::kUnknown:
      break;
  }
  return "what waits is kept; asking the hub for its streams";
}

MirrorReport MirrorCore::report() const {
  MirrorReport report;
  report.state = state_text();
  report.guarantee = guarantee_text();
  report.usage = store_.usage();
  report.quarantined = store_.recovery().quarantined;
  for (const Rule& rule : rules_) {
    const Backlog& backlog = *rule.backlog;
    const RuleState& state = backlog.state();
    const bool drains = link_.state.uplink != nullptr && backlog.messages() > 0 &&
                        hub_refusal(rule).empty() && !rule.sender->waiting_for_interest();
    report.rules.push_back({.subjects = rule.named.rule.subjects,
                            .durability = rule.named.rule.durability,
                            .confirm = confirm_text(rule),
                            .messages = backlog.messages(),
                            .bytes = backlog.bytes(),
                            .oldest = backlog.oldest(),
                            .captured = state.captured,
                            .confirmed = state.confirmed,
                            .duplicates = state.duplicates,
                            .in_flight = backlog.in_flight(),
                            .drain_rate = drains ? rule.drain_rate : 0,
                            .losses = state.losses,
                            .hub_refuses = hub_refusal(rule),
                            .refusing = text_or_empty(refusal_cause(rule))});
  }
  return report;
}

// One line when a rule begins to give up messages, then one a minute: the ledger has the rest.
Time MirrorCore::tell_losses(Time now) {
  Time due = kNever;
  for (Rule& rule : rules_) {
    const LossCounts& all = rule.backlog->state().losses;
    const std::uint64_t count = losses_to_tell(all);
    if (!rule.losses_told) rule.losses_told = count;  // The log of an earlier life has these.
    const std::uint64_t more = count - *rule.losses_told;
    if (more == 0) continue;
    if (now >= rule.tell_next) {
      const std::string& words = rule.sender->rejected_for();
      host_.log.warning("mirror: " + name_of(rule.named) + ": " + std::to_string(more) +
                        " messages given up; in all " + text_of(all) +
                        (words.empty() ? "" : ", the last for: " + words));
      rule.losses_told = count;
      rule.tell_next = now + kLossLinesApart;
    } else {
      due = std::min(due, rule.tell_next);
    }
  }
  return due;
}

// A rule that stands still on a link that is up: else only its messages' absence at the hub says
// so.
void MirrorCore::tell_waiting(Time now) {
  for (Rule& rule : rules_) {
    const Backlog& backlog = *rule.backlog;
    const std::string words = hub_refusal(rule);
    const bool unwanted = backlog.messages() > backlog.in_flight() &&
                          (rule.sender->waiting_for_interest() || backlog.has_parked());
    const bool waits = link_.state.uplink != nullptr && (unwanted || !words.empty());
    if (!waits || rule.waits_since == kNever) rule.waits_since = waits ? now : kNever;
    if (!waits || now < rule.waits_since + kWaitBeforeLine || now < rule.tell_waiting_next)
      continue;
    rule.tell_waiting_next = now + kWaitLinesApart;
    host_.log.warning("mirror: " + name_of(rule.named) + ": " + std::to_string(backlog.messages()) +
                      " messages wait: " +
                      (words.empty() ? "at the hub no stream and no subscriber takes them, or the "
                                       "link's user may not publish them"
                                     : "the hub does not take them: " + words));
  }
}

void MirrorCore::tell_copied() {
  for (Rule& rule : rules_) {
    if (!rule.backlog->copied() || std::exchange(rule.copied_told, true)) continue;
    host_.log.warning("mirror: " + name_of(rule.named) +
                      ": the hub had other messages under ids of this store, which is a copy of "
                      "another's; from here on it makes ids of its own");
  }
}

}  // namespace petiole
