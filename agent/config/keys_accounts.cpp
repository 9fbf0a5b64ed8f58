// accounts {}, mappings {} and the system account. nats-server opts.go, parseAccounts.
#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <unordered_set>

#include "agent/config/keys.h"
#include "agent/routing/mapper.h"
#include "agent/subject/account_functions.h"
#include "agent/subject/subject.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;

constexpr std::int64_t kMost = INT32_MAX;  // As wide as in nats-server.

// An account under construction.
struct AccountDraft {
  AccountConfig config;
  AuthConfig auth;  // Its users alone.
};

constexpr Key<AccountLimits> kLimitKeys[] = {
    {"max_connections|max_conn",
     [](Reader& r, E e, AccountLimits& l) { r.number(e, l.connections, -1, kMost); }},
    {"max_subscriptions|max_subs",
     [](Reader& r, E e, AccountLimits& l) { r.number(e, l.subscriptions, -1, kMost); }},
    {"max_payload|max_pay",
     [](Reader& r, E e, AccountLimits& l) { r.number(e, l.payload_bytes, -1, kMost); }},
    {"max_leafnodes|max_leafs",
     [](Reader& r, E e, AccountLimits& l) { r.number(e, l.leafs, -1, kMost); }},
};

// Of a hundred, with or without the sign; an error, and nothing, when it is not from `least` on.
std::optional<int> read_percent(Reader& r, E entry, int least) {
  std::string text;
  r.text(entry, text);
  if (text.ends_with('%')) text.pop_back();
  int percent = -1;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, percent);
  if (error == std::errc() && stop == end && percent >= least && percent <= 100) return percent;
  r.error(entry.value.place,
          '"' + entry.key + "\" must be from " + std::to_string(least) + "% to 100%");
  return std::nullopt;
}

void read_weight(Reader& r, E entry, MappingConfig::Destination& destination) {
  destination.weight = read_percent(r, entry, 0).value_or(destination.weight);
}

void read_trace_dest(Reader& r, E entry, AccountConfig& config) {
  r.text(entry, config.trace_dest);
  if (is_valid_destination(config.trace_dest)) return;
  r.error(entry.value.place, "Trace destination \"" + config.trace_dest + "\" is not valid");
}

constexpr Key<AccountConfig> kTraceKeys[] = {
    {"dest", read_trace_dest},
    {"sampling",
     [](Reader& r, E e, AccountConfig& c) {
       c.trace_sampling = read_percent(r, e, 1).value_or(c.trace_sampling);
     }},
};

// A subject, or a block. nats-server opts.go, parseAccountMsgTrace.
void read_message_trace(Reader& r, E entry, AccountConfig& config) {
  if (!entry.value.is(ConfigValue::Kind::kMap)) return read_trace_dest(r, entry, config);
  read_entries(r, entry.value, std::span<const Key<AccountConfig>>(kTraceKeys), config);
}

constexpr Key<MappingConfig::Destination> kDestinationKeys[] = {
    {"destination|dest",
     [](Reader& r, E e, MappingConfig::Destination& d) { r.text(e, d.subject); }},
    {"weight", read_weight},
    {"cluster", [](Reader& r, E e, MappingConfig::Destination& d) { r.text(e, d.cluster); }},
};

void read_destination(Reader& r, E entry, const ConfigValue& map, MappingConfig& mapping) {
  if (!r.is_map(entry, map)) return;
  MappingConfig::Destination destination;
  destination.weight = -1;
  read_entries(r, map, std::span<const Key<MappingConfig::Destination>>(kDestinationKeys),
               destination);
  if (destination.weight < 0) {
    return r.error(map.place,
                   "Missing weight for mapping destination \"" + destination.subject + '"');
  }
  mapping.destinations.push_back(std::move(destination));
}

// Functions of accounts are worked out here, once.
std::string fill_in_mapping(MappingConfig& mapping, const std::string& account) {
  const AccountNames names{.account = account};
  std::string wrong = fill_in_accounts(mapping.source, names);
  for (MappingConfig::Destination& each : mapping.destinations) {
    if (wrong.empty()) wrong = fill_in_accounts(each.subject, names);
  }
  return wrong;
}

void read_mapping(Reader& r, E entry, AccountConfig& account) {
  MappingConfig mapping{entry.key, {}};
  if (entry.value.is(ConfigValue::Kind::kArray)) {
    for (const ConfigValue& item : entry.value.items) read_destination(r, entry, item, mapping);
  } else if (entry.value.is(ConfigValue::Kind::kMap)) {
    read_destination(r, entry, entry.value, mapping);
  } else {
    MappingConfig::Destination destination;
    r.text(entry, destination.subject);
    mapping.destinations.push_back(std::move(destination));
  }
  std::string wrong = fill_in_mapping(mapping, account.name);
  if (wrong.empty()) wrong = check_mapping_config(mapping);
  if (!wrong.empty()) {
    return r.error(entry.place, "Error adding mapping for \"" + entry.key + "\": " + wrong);
  }
  account.mappings.push_back(std::move(mapping));
}

void read_mappings(Reader& r, E entry, AccountConfig& account) {
  account.mappings.clear();
  if (!r.is_map(entry, entry.value)) return;
  for (const ConfigEntry& each : entry.value.entries) read_mapping(r, each, account);
}

void read_account_key(Reader& r, E entry, AccountDraft& draft) {
  r.text(entry, draft.config.nkey);
  if (draft.config.nkey.size() != 56 || !draft.config.nkey.starts_with('A')) {
    r.error(entry.value.place,
            "Not a valid public nkey for an account: \"" + draft.config.nkey + '"');
  }
}

void read_jetstream(Reader& r, E entry, AccountDraft&) {
  if (turns_off(entry.value)) return;
  r.error(entry.place,
          "\"jetstream\" is not supported by this build: JetStream on the leaf comes with a later "
          "version");
}

constexpr Key<AccountDraft> kAccountKeys[] = {
    {"users", [](Reader& r, E e, AccountDraft& d) { read_users(r, e, d.auth.users); }},
    {"exports", [](Reader& r, E e, AccountDraft& d) { read_exports(r, e, d.config); }},
    {"imports", [](Reader& r, E e, AccountDraft& d) { read_imports(r, e, d.config); }},
    {"mappings|maps", [](Reader& r, E e, AccountDraft& d) { read_mappings(r, e, d.config); }},
    {"limits",
     [](Reader& r, E e, AccountDraft& d) {
       read_block(r, e, std::span<const Key<AccountLimits>>(kLimitKeys), d.config.limits);
     }},
    {"nkey", read_account_key},
    {"jetstream", read_jetstream},
    {"default_permissions",
     [](Reader& r, E e, AccountDraft& d) { read_permissions(r, e, d.config.default_permissions); }},
    {"msg_trace|trace_dest",
     [](Reader& r, E e, AccountDraft& d) { read_message_trace(r, e, d.config); }},
};

AccountConfig& account_named(Config& config, const std::string& name) {
  const auto found = std::find_if(config.accounts.begin(), config.accounts.end(),
                                  [&](const AccountConfig& each) { return each.name == name; });
  if (found != config.accounts.end()) return *found;
  config.accounts.push_back({.name = name});
  return config.accounts.back();
}

using Names = std::unordered_set<std::string>;

// Names are unique over all accounts: they alone tell to which one a user belongs.
void add_users(Reader& r, E entry, const std::string& account, AuthConfig& own, Config& config,
               Names& seen) {
  for (UserConfig& user : own.users) {
    user.account = account;
    if (!seen.insert(name_of(user)).second) {
      r.error(entry.place, "Duplicate user \"" + name_of(user) + "\" detected");
    }
    config.auth.users.push_back(std::move(user));
  }
}

bool is_new_name(Reader& r, const ConfigPlace& place, const std::string& name, Names& seen) {
  if (name == "$G") {
    r.error(place, "\"$G\" is a Reserved Account");
  } else if (!seen.insert(name).second) {
    r.error(place, "Duplicate Account Entry: " + name);
  } else {
    return true;
  }
  return false;
}

void read_account(Reader& r, E entry, Config& config, Names& users) {
  AccountDraft draft;
  draft.config.name = entry.key;
  read_block(r, entry, std::span<const Key<AccountDraft>>(kAccountKeys), draft);
  apply_default_permissions(draft.auth.users, draft.config.default_permissions);
  config.accounts.push_back(std::move(draft.config));
  add_users(r, entry, entry.key, draft.auth, config, users);
}

}  // namespace

void read_accounts(Reader& r, const ConfigEntry& entry, Config& config) {
  Names seen, users;
  if (entry.value.is(ConfigValue::Kind::kArray)) {
    for (const ConfigValue& item : entry.value.items) {
      if (is_new_name(r, item.place, item.text, seen))
        config.accounts.push_back({.name = item.text});
    }
    return;
  }
  if (!r.is_map(entry, entry.value)) return;
  for (const UserConfig& user : config.auth.users) users.insert(name_of(user));
  for (const ConfigEntry& each : entry.value.entries) {
    if (each.is_variable || !is_new_name(r, each.place, each.key, seen)) continue;
    read_account(r, each, config, users);
  }
}

void read_global_mappings(Reader& r, const ConfigEntry& entry, Config& config) {
  read_mappings(r, entry, account_named(config, "$G"));
}

void read_no_system_account(Reader& r, const ConfigEntry& entry, Config& config) {
  bool none = false;
  r.boolean(entry, none);
  if (none) config.system_account.clear();
}

}  // namespace petiole
