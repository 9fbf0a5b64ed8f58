// permissions {}: what a user may publish and subscribe to; allowed_connection_types.
#include <algorithm>

#include "agent/auth/pattern_set.h"
#include "agent/auth/permissions.h"
#include "agent/config/keys.h"
#include "agent/config/units.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;
using Kind = ConfigValue::Kind;

struct RulesDraft {  // One of publish and subscribe.
  SubjectRules rules;
  bool queues = false;  // "subject queue" is allowed.
};

void take_subjects(Reader& r, E entry, bool queues, std::vector<std::string>& subjects) {
  r.texts(entry, subjects);
  for (const std::string& each : subjects) {
    const bool blank = each.find_first_of(" \t") != std::string::npos;
    if (!PatternSet::is_fit(each) || (blank && !queues)) {
      r.error(entry.value.place,
              "\"" + each + "\" is not a valid subject" + (queues ? " or \"subject queue\"" : ""));
    }
  }
}

// As to nats-server an empty list is none, so that everything is allowed. Whoever writes it may
// mean nothing, and is told.
void take_allow(Reader& r, E entry, RulesDraft& draft) {
  std::vector<std::string> subjects;
  take_subjects(r, entry, draft.queues, subjects);
  if (subjects.empty()) {
    r.warning(entry.value.place,
              "an empty list allows everything, as in nats-server; to allow nothing, deny \">\"");
  } else {
    draft.rules.allow = std::move(subjects);
  }
}

constexpr Key<RulesDraft> kRulesKeys[] = {
    {"allow", take_allow},
    {"deny", [](Reader& r, E e, RulesDraft& d) { take_subjects(r, e, d.queues, d.rules.deny); }},
};

void read_rules(Reader& r, E entry, bool queues, SubjectRules& rules) {
  RulesDraft draft;
  draft.queues = queues;
  if (entry.value.is(Kind::kMap)) {
    read_entries(r, entry.value, std::span<const Key<RulesDraft>>(kRulesKeys), draft);
  } else {
    take_allow(r, entry, draft);
  }
  rules = std::move(draft.rules);
}

void read_max(Reader& r, E entry, ResponseRule& rule) {
  int max = 0;
  r.number(entry, max, -1'000'000'000, 1'000'000'000);
  if (max != 0) rule.max = max;  // 0 is the default.
}

void read_expires(Reader& r, E entry, ResponseRule& rule) {
  const std::string& text = entry.value.text;
  if (entry.value.is(Kind::kString) && text.starts_with('-') && parse_duration(text.substr(1))) {
    rule.expires = Duration(-1);
    return;
  }
  Duration expires{};
  r.duration(entry, expires);
  if (expires != Duration{}) rule.expires = expires;
}

constexpr Key<ResponseRule> kResponseKeys[] = {
    {"max|max_msgs|max_messages|max_responses", read_max},
    {"expires|expiration|ttl", read_expires},
};

void read_responses(Reader& r, E entry, PermissionsConfig& p) {
  if (entry.value.is(Kind::kBool)) {
    if (entry.value.boolean) p.responses = ResponseRule{};
    return;
  }
  ResponseRule rule;
  read_block(r, entry, std::span<const Key<ResponseRule>>(kResponseKeys), rule);
  p.responses = rule;
}

constexpr Key<PermissionsConfig> kPermissionKeys[] = {
    {"publish|pub|import",
     [](Reader& r, E e, PermissionsConfig& p) { read_rules(r, e, false, p.publish); }},
    {"subscribe|sub|export",
     [](Reader& r, E e, PermissionsConfig& p) { read_rules(r, e, true, p.subscribe); }},
    {"allow_responses|publish_allow_responses", read_responses},
};

// Known to nats-server, never here.
constexpr std::string_view kForeignTypes = "MQTT|MQTT_WS|IN_PROCESS";

}  // namespace

std::span<const Key<PermissionsConfig>> permission_keys() { return kPermissionKeys; }

void read_permissions(Reader& reader, const ConfigEntry& entry,
                      std::optional<PermissionsConfig>& permissions) {
  PermissionsConfig own;
  read_block(reader, entry, std::span<const Key<PermissionsConfig>>(kPermissionKeys), own);
  permissions = std::move(own);
}

std::optional<std::uint8_t> connection_types(const std::vector<std::string>& names) {
  std::uint8_t types = 0;
  for (const std::string& name : names) {
    const std::uint8_t bit = connection_bit(name);
    const bool foreign = is_named({kForeignTypes, KeyKind::kSet, {}}, name);
    if (bit == 0 && !foreign) return std::nullopt;
    types = static_cast<std::uint8_t>(types | bit);
  }
  return names.empty() ? std::uint8_t{kAllConnections} : types;
}

void read_connection_types(Reader& reader, const ConfigEntry& entry, std::uint8_t& types) {
  std::vector<std::string> names;
  reader.texts(entry, names);
  if (const auto read = connection_types(names)) {
    types = *read;
    return;
  }
  reader.error(entry.value.place, "\"" + entry.key +
                                      "\" must be a list of STANDARD, WEBSOCKET, LEAFNODE, "
                                      "LEAFNODE_WS, MQTT, MQTT_WS, IN_PROCESS");
}

}  // namespace petiole
