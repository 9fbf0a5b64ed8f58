#include "agent/config/load.h"

#include <algorithm>
#include <utility>

#include "agent/config/changes.h"
#include "agent/config/check.h"
#include "agent/config/digest.h"
#include "agent/config/keys.h"
#include "agent/config/operators.h"
#include "agent/config/parser.h"
#include "agent/config/reader.h"

namespace petiole {
namespace {

void read_top_level(Reader& reader, const ConfigValue& root, Config& config) {
  const ConfigEntry* accounts = nullptr;  // Read last: their users go behind those of all.
  for (const ConfigEntry& entry : root.entries) {
    if (is_named({"accounts", KeyKind::kSet, {}}, entry.key)) {
      accounts = &entry;
      continue;
    }
    const bool limit = find_key(limit_keys(), entry.key) != nullptr;
    if (limit) {
      read_entry(reader, entry, limit_keys(), config);
    } else if (find_key(server_keys(), entry.key) != nullptr) {
      read_entry(reader, entry, server_keys(), config);
    } else if (!entry.is_variable) {
      std::string allowed;
      for (const Key<Config>& key : server_keys()) append_name(allowed, key);
      for (const Key<Config>& key : limit_keys()) append_name(allowed, key);
      report_unknown(reader, entry, allowed);
    }
  }
  if (accounts != nullptr) read_accounts(reader, *accounts, config);
}

// nats-server: who must shake hands first gets a second more than that may take.
void allow_for_handshake(AuthConfig& auth, const TlsListenConfig& tls) {
  if (tls.enabled && auth.timeout == AuthConfig{}.timeout)
    auth.timeout = tls.options.timeout + std::chrono::seconds(1);
}

// Where the file says -1, no limit: as much as petiole takes.
void settle_payload(Limits& limits) {
  if (limits.payload_bytes_max == kNoPayloadLimit) {
    limits.payload_bytes_max = std::min(kPayloadMost, limits.pending_bytes_max);
  }
}

LoadedConfig read_tree(const ParsedConfig& parsed, const std::string& file) {
  LoadedConfig loaded;
  loaded.config.file = file;
  if (parsed.error) {
    loaded.errors.push_back(*parsed.error);
    return loaded;
  }
  loaded.config.digest = digest_of(parsed.tree.root);
  Reader reader(parsed.tree);
  read_top_level(reader, parsed.tree.root, loaded.config);
  allow_for_handshake(loaded.config.auth, loaded.config.tls);
  allow_for_handshake(loaded.config.leaf_listen.auth, loaded.config.leaf_listen.tls);
  settle_payload(loaded.config.limits);
  // Both time-outs start with the same meaning; nats-server has one for each, in authorization.
  loaded.config.limits.auth_timeout = loaded.config.auth.timeout;
  loaded.errors = reader.errors();
  loaded.warnings = reader.warnings();
  loaded.misuses = reader.misuses();
  if (parsed.tree.root.entries.empty()) {
    loaded.misuses.push_back({file, "the configuration has no values or is empty"});
  }
  return loaded;
}

void judge_misuses(LoadedConfig& loaded, bool checking) {
  std::vector<ConfigError>& list = checking ? loaded.errors : loaded.warnings;
  list.insert(list.end(), loaded.misuses.begin(), loaded.misuses.end());
}

// The flags over the file, and what all of it means together.
void finish(LoadedConfig& loaded, const ParsedFlags& flags, const ConfigSources& sources) {
  apply_flags(flags, loaded.config, loaded.errors);
  if (loaded.ok()) load_operators(loaded.config, sources, loaded.errors);
  if (loaded.ok()) check_config(loaded.config, loaded.errors, loaded.warnings);
  if (loaded.ok()) check_files(loaded.config, sources, loaded.errors);
}

// Whether a server that runs with `start` could be reloaded with another file.
void test_reload(LoadedStart& start, const ParsedFlags& flags, const ConfigSources& sources) {
  LoadedConfig next = read_tree(parse_config_file(flags.reload_file, sources), flags.reload_file);
  judge_misuses(next, true);
  if (next.ok()) finish(next, flags, sources);
  LoadedConfig& loaded = start.loaded;
  loaded.errors.insert(loaded.errors.end(), next.errors.begin(), next.errors.end());
  loaded.warnings.insert(loaded.warnings.end(), next.warnings.begin(), next.warnings.end());
  if (!next.ok()) return;
  for (const ConfigChange& change : changes_between(loaded.config, next.config)) {
    if (change.needs_restart) start.restarts.push_back(refusal_of(change));
  }
  start.text += "\npetiole: configuration file " + flags.reload_file + " can be reloaded";
}

}  // namespace

LoadedConfig read_config(std::string_view text, const std::string& file,
                         const ConfigSources& sources) {
  return read_tree(parse_config(text, file, sources), file);
}

LoadedStart load_start(std::span<const std::string> arguments, const ConfigSources& sources) {
  LoadedStart start;
  ParsedFlags flags = parse_flags(arguments);
  start.action = flags.action;
  start.text = flags.text;
  start.signal = flags.signal;
  start.signal_target = flags.signal_target;
  if (!flags.errors.empty()) {
    start.loaded.errors = std::move(flags.errors);
    return start;
  }
  if (start.action == StartAction::kVersion || start.action == StartAction::kHelp) return start;
  if (!flags.reload_file.empty() && start.action != StartAction::kCheck) {
    start.loaded.errors.push_back({"--test_reload", "can only be used together with -t"});
    return start;
  }
  if (!flags.file.empty()) {
    start.loaded = read_tree(parse_config_file(flags.file, sources), flags.file);
  } else if (start.action == StartAction::kCheck) {
    start.loaded.errors.push_back({"-t", "needs a configuration file: -c FILE"});
  }
  LoadedConfig& loaded = start.loaded;
  judge_misuses(loaded, start.action == StartAction::kCheck);
  // Of the file its pid_file counts alone: one that is wrong by now must not keep its server up.
  if (start.action == StartAction::kSignal) loaded.errors.clear(), loaded.warnings.clear();
  if (!loaded.ok()) return start;
  loaded.warnings.insert(loaded.warnings.end(), flags.warnings.begin(), flags.warnings.end());
  if (start.action == StartAction::kSignal) {
    apply_flags(flags, loaded.config, loaded.errors);
    return start;
  }
  finish(loaded, flags, sources);
  if (start.action != StartAction::kCheck || !loaded.ok()) return start;
  start.text =
      "petiole: configuration file " + flags.file + " is valid (" + loaded.config.digest + ")";
  if (!flags.reload_file.empty()) test_reload(start, flags, sources);
  return start;
}

}  // namespace petiole
