// store_and_forward {}: ours. design.md section 6.
#include <limits>

#include "agent/config/check.h"
#include "agent/config/keys.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;

constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
// The store keeps 4 MiB of it in reserve; with less than as much again nothing would fit.
constexpr std::uint64_t kStoreLeast = 8ull << 20;

void read_subjects(Reader& r, E entry, RuleConfig& rule) {
  r.texts(entry, rule.subjects);
  if (rule.subjects.empty()) return;  // None, or refused.
  const auto look = [&r](const ConfigValue& value) {
    const std::string wrong = check_subject(value.text);
    if (!wrong.empty()) r.error(value.place, "\"" + value.text + "\": " + wrong);
  };
  if (!entry.value.is(ConfigValue::Kind::kArray)) return look(entry.value);
  for (const ConfigValue& item : entry.value.items) look(item);
}

void read_durability(Reader& r, E entry, RuleConfig& rule) {
  const int word = r.one_of(entry, {"disk", "outage"});
  if (word >= 0) rule.durability = word == 0 ? Durability::kDisk : Durability::kOutage;
}

void read_discard(Reader& r, E entry, RuleConfig& rule) {
  const int word = r.one_of(entry, {"old", "new"});
  if (word >= 0) rule.discard = word == 0 ? Discard::kOld : Discard::kNew;
}

void read_confirm(Reader& r, E entry, RuleConfig& rule) {
  constexpr Confirm kWays[] = {Confirm::kAuto, Confirm::kPuback, Confirm::kBarrier};
  const int word = r.one_of(entry, {"auto", "puback", "barrier"});
  if (word >= 0) rule.confirm = kWays[word];
}

void read_keep(Reader& r, E entry, RuleConfig& rule) {
  const int word = r.one_of(entry, {"all", "last"});
  if (word >= 0) rule.keep_last = word == 1;
}

constexpr Key<RuleConfig> kRuleKeys[] = {
    {"subjects|subject", read_subjects},
    {"account", [](Reader& r, E e, RuleConfig& c) { r.text(e, c.account); }},
    {"durability", read_durability},
    {"discard", read_discard},
    {"keep", read_keep},
    {"confirm", read_confirm},
    {"priority", [](Reader& r, E e, RuleConfig& c) { r.number(e, c.priority, 0, 255); }},
    {"capture_requests", [](Reader& r, E e, RuleConfig& c) { r.boolean(e, c.capture_requests); }},
    {"max_age", [](Reader& r, E e, RuleConfig& c) { r.duration(e, c.max_age); }},
    {"max_bytes", [](Reader& r, E e, RuleConfig& c) { r.bytes(e, c.max_bytes, 0, kMost); }},
    {"max_messages|max_msgs",
     [](Reader& r, E e, RuleConfig& c) { r.bytes(e, c.max_messages, 0, kMost); }},
    {"duplicate_window", [](Reader& r, E e, RuleConfig& c) { r.duration(e, c.duplicate_window); }},
};

// "2MB" and "2MB/s" are the same rate.
void read_rate(Reader& r, E entry, ReplayConfig& replay) {
  ConfigEntry plain{entry.key, entry.place, {}, false};
  plain.value = entry.value;
  if (plain.value.text.ends_with("/s")) plain.value.text.resize(plain.value.text.size() - 2);
  r.bytes(plain, replay.max_rate, 0, kMost);
}

constexpr Key<ReplayConfig> kReplayKeys[] = {
    {"max_rate", read_rate},
    {"live_share", [](Reader& r, E e, ReplayConfig& c) { r.percent(e, c.live_share); }},
};

void read_rules(Reader& r, E entry, MirrorConfig& mirror) {
  mirror.rules.clear();
  r.maps(entry, [&](const ConfigValue& map) {
    RuleConfig rule;
    read_entries(r, map, rule_keys(), rule);
    if (rule.subjects.empty()) return r.error(map.place, "this rule has no \"subjects\"");
    mirror.rules.push_back(std::move(rule));
  });
}

constexpr Key<MirrorConfig> kMirrorKeys[] = {
    {"dir", [](Reader& r, E e, MirrorConfig& c) { r.text(e, c.dir); }},
    {"max_bytes",
     [](Reader& r, E e, MirrorConfig& c) { r.bytes(e, c.max_bytes, kStoreLeast, kMost); }},
    {"rules", read_rules},
    {"replay", [](Reader& r, E e, MirrorConfig& c) { read_block(r, e, replay_keys(), c.replay); }},
};

}  // namespace

std::span<const Key<RuleConfig>> rule_keys() { return kRuleKeys; }
std::span<const Key<ReplayConfig>> replay_keys() { return kReplayKeys; }
std::span<const Key<MirrorConfig>> mirror_keys() { return kMirrorKeys; }

}  // namespace petiole
