// The table of keys: for each key of each block what it does, or why it is refused.
//
// A block is an array of Key<Target>. read_block finds the row of each entry and calls its
// function; an unknown key is an error that lists what is allowed.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/reader.h"
#include "agent/config/value.h"

namespace petiole {

// How a row treats its key.
enum class KeyKind : std::uint8_t {
  kSet,       // `set` takes the value.
  kNoEffect,  // Accepted with a warning that says why it changes nothing.
  kRefused,   // An error that says why.
  kUnserved,  // The same, but for an empty block: to nats-server that is no listener.
};

struct KeyName {
  std::string_view names;  // The name that is shown, then others, separated by '|'.
  KeyKind kind = KeyKind::kSet;
  std::string_view why;  // For kNoEffect and kRefused.
};

template <class Target>
struct Key : KeyName {
  using Set = void (*)(Reader&, const ConfigEntry&, Target&);
  constexpr Key(std::string_view all_names, Set function)
      : KeyName{all_names, KeyKind::kSet, {}}, set(function) {}
  constexpr Key(std::string_view all_names, KeyKind how, std::string_view reason)
      : KeyName{all_names, how, reason} {}
  Set set = nullptr;
};

// Whether `key` is one of the names of `names`; case is ignored.
bool is_named(const KeyName& names, std::string_view key);
// Says that `entry` is refused or without effect.
void report(Reader& reader, const ConfigEntry& entry, const KeyName& name);
// Says that `entry` is unknown; `allowed` is a list for people.
void report_unknown(Reader& reader, const ConfigEntry& entry, const std::string& allowed);
void append_name(std::string& list, const KeyName& name);
// Whether the entry turns a feature off ("jetstream: false"), which is always fine.
bool turns_off(const ConfigValue& value);
// Whether the value is 0 or "0s", which to nats-server is as if the key were not there.
bool is_zero(const ConfigEntry& entry);

template <class Target>
const Key<Target>* find_key(std::span<const Key<Target>> keys, std::string_view name) {
  for (const Key<Target>& key : keys) {
    if (is_named(key, name)) return &key;
  }
  return nullptr;
}

template <class Target>
void read_entry(Reader& reader, const ConfigEntry& entry, std::span<const Key<Target>> keys,
                Target& target) {
  const Key<Target>* key = find_key(keys, entry.key);
  if (key != nullptr && key->kind == KeyKind::kSet) return key->set(reader, entry, target);
  if (key != nullptr) return report(reader, entry, *key);
  if (entry.is_variable) return;
  std::string allowed;
  for (const Key<Target>& other : keys) append_name(allowed, other);
  report_unknown(reader, entry, allowed);
}

// Reads all entries of the map `block`.
template <class Target>
void read_entries(Reader& reader, const ConfigValue& block, std::span<const Key<Target>> keys,
                  Target& target) {
  for (const ConfigEntry& entry : block.entries) read_entry(reader, entry, keys, target);
}

// Reads the value of `entry`, which must be a block.
template <class Target>
void read_block(Reader& reader, const ConfigEntry& entry, std::span<const Key<Target>> keys,
                Target& target) {
  if (reader.is_map(entry, entry.value)) read_entries(reader, entry.value, keys, target);
}

// What petiole takes at most, and what a file's -1 is until max_pending is known as well.
inline constexpr std::size_t kPayloadMost = 64 << 20;
inline constexpr std::size_t kNoPayloadLimit = SIZE_MAX;

// A remote under construction.
struct RemoteDraft {
  RemoteConfig config;
  bool disabled = false;
};

// keys_accounts.cpp: accounts {}, read behind all other blocks; mappings {} of "$G".
void read_accounts(Reader& reader, const ConfigEntry& entry, Config& config);
void read_global_mappings(Reader& reader, const ConfigEntry& entry, Config& config);
void read_no_system_account(Reader& reader, const ConfigEntry& entry, Config& config);
// keys_sharing.cpp: of one account.
void read_exports(Reader& reader, const ConfigEntry& entry, AccountConfig& account);
void read_imports(Reader& reader, const ConfigEntry& entry, AccountConfig& account);
// Blocks of listeners: a missing build feature is an error at the block.
// A boolean, or "optional": a certificate is checked where one is shown. nats-server 2.15.3.
void read_verify(Reader& reader, const ConfigEntry& entry, TlsOptions& options);
void read_tls_listener(Reader& reader, const ConfigEntry& entry, TlsListenConfig& config);
void read_websocket(Reader& reader, const ConfigEntry& entry, WebSocketListenConfig& config);
// keys_compression.cpp.
void read_compression(Reader& reader, const ConfigEntry& entry, CompressionConfig& config);

// The blocks, each in its own file.
std::span<const Key<Config>> server_keys();    // keys_server.cpp: the top level.
std::span<const Key<Config>> limit_keys();     // keys_limits.cpp: the top level's limits, logs.
std::span<const Key<AuthConfig>> auth_keys();  // keys_auth.cpp: authorization.
std::span<const Key<UserConfig>> user_keys();  // keys_auth.cpp: users[], here and in accounts.
std::span<const Key<PermissionsConfig>> permission_keys();  // keys_permissions.cpp.
std::span<const Key<Config>> leaf_keys();                   // keys_leaf.cpp: leafnodes.
std::span<const Key<RemoteDraft>> remote_keys();            // keys_remote.cpp: leafnodes.remotes[].
std::span<const Key<RemoteConfig>> tls_keys();  // keys_tls.cpp: leafnodes.remotes[].tls.
std::span<const Key<TlsListenConfig>> tls_listener_keys();     // keys_tls_listener.cpp.
std::span<const Key<WebSocketListenConfig>> websocket_keys();  // keys_websocket.cpp.
std::span<const Key<MirrorConfig>> mirror_keys();  // keys_mirror.cpp: store_and_forward.
std::span<const Key<RuleConfig>> rule_keys();
std::span<const Key<ReplayConfig>> replay_keys();

// Parts that authorization {} and accounts {} share; keys_auth.cpp and keys_permissions.cpp.
void read_authorization(Reader& reader, const ConfigEntry& entry, AuthConfig& auth);
// Appends to `users`; none may be there twice.
void read_users(Reader& reader, const ConfigEntry& entry, std::vector<UserConfig>& users);
void read_user_nkey(Reader& reader, const ConfigEntry& entry, std::string& nkey);
void read_permissions(Reader& reader, const ConfigEntry& entry,
                      std::optional<PermissionsConfig>& permissions);
void read_connection_types(Reader& reader, const ConfigEntry& entry, std::uint8_t& types);
// Gives `defaults` to those that have no permissions of their own.
void apply_default_permissions(std::vector<UserConfig>& users,
                               const std::optional<PermissionsConfig>& defaults);
// Operator mode: keys_trust.cpp.
std::span<const Key<ResolverConfig>> resolver_keys();
void read_resolver(Reader& reader, const ConfigEntry& entry, ResolverConfig& resolver);
void read_resolver_tls(Reader& reader, const ConfigEntry& entry, ResolverConfig& resolver);
void read_preload(Reader& reader, const ConfigEntry& entry, ResolverConfig& resolver);
void read_pinned(Reader& reader, const ConfigEntry& entry, TrustConfig& trust);
// The name or the nkey.
const std::string& name_of(const UserConfig& user);
// Bits of the named types, whatever their case; all without names. None: one is unknown.
std::optional<std::uint8_t> connection_types(const std::vector<std::string>& names);

}  // namespace petiole
