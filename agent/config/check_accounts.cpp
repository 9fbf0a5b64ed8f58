// Accounts as a whole: who shares what with whom.
#include <algorithm>
#include <map>

#include "agent/config/check.h"
#include "agent/routing/import_rules.h"

namespace petiole {
namespace {

using Index = std::map<std::string_view, const AccountConfig*>;

Index index_of(const Config& config) {
  Index index;
  for (const AccountConfig& account : config.accounts) index.emplace(account.name, &account);
  return index;
}

void add(std::vector<ConfigError>& errors, const Config& config, const AccountConfig& account,
         const std::string& place, std::string text) {
  if (text.empty()) return;
  const std::string block = "accounts." + account.name;
  const std::string where = config.file.empty() ? block : config.file + ": " + block;
  errors.push_back({place.empty() ? where : place, std::move(text)});
}

bool is_twice(const AccountConfig& account, const ImportConfig& import) {
  const auto same = [&](const ImportConfig& other) {
    if (other.kind != import.kind || other.account != import.account) return false;
    return import.kind == ExportConfig::Kind::kStream
               ? other.subject == import.subject
               : local_subject(other) == local_subject(import);
  };
  return std::find_if(account.imports.begin(), account.imports.end(), same)->place != import.place;
}

}  // namespace

std::string rule_account(const RuleConfig& rule, const Config& config) {
  if (!rule.account.empty()) return rule.account;
  if (config.remotes.empty()) return "$G";
  const std::string& first = config.remotes.front().account;
  const bool one = std::all_of(config.remotes.begin(), config.remotes.end(),
                               [&](const RemoteConfig& each) { return each.account == first; });
  return one ? first : std::string();
}

void check_accounts(const Config& config, std::vector<ConfigError>& errors) {
  const Index index = index_of(config);
  const AccountLookup lookup = [&](std::string_view name) -> const AccountConfig* {
    const auto found = index.find(name);
    return found == index.end() ? nullptr : found->second;
  };
  for (const AccountConfig& account : config.accounts) {
    for (const ExportConfig& offer : account.exports) {
      add(errors, config, account, offer.place, check_export(account, offer));
      for (const std::string& name : offer.accounts) {
        const bool stream = offer.kind == ExportConfig::Kind::kStream;
        if (lookup(name) != nullptr) continue;
        add(errors, config, account, offer.place,
            '"' + name + "\" account not defined for " + (stream ? "stream" : "service") +
                " export");
      }
      if (offer.latency_sampling != 0 && config.system_account.empty()) {
        add(errors, config, account, offer.place,
            "Error adding service latency sampling for \"" + offer.subject +
                "\": system account not setup");
      }
    }
    for (const ImportConfig& import : account.imports) {
      ImportPath path;
      std::string wrong = check_import(account, import, lookup, true, path);
      if (wrong.empty() && is_twice(account, import)) {
        wrong =
            "Duplicate import of \"" + import.subject + "\" from account \"" + import.account + '"';
      }
      add(errors, config, account, import.place, std::move(wrong));
    }
  }
}

}  // namespace petiole
