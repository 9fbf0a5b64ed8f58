#include "agent/mirror/rules.h"

#include <algorithm>

#include "agent/mirror/ids.h"

namespace petiole {

namespace {

constexpr std::string_view kCatalog = "mirror/logs";  // A line for each: name and subjects.

bool has_log(const std::vector<NamedRule>& rules, std::string_view log) {
  return std::any_of(rules.begin(), rules.end(),
                     [&](const NamedRule& rule) { return rule.log == log; });
}

NamedRule orphan_of(std::string_view line) {
  NamedRule orphan{.rule = {}, .log = std::string(line.substr(0, line.find(' '))), .orphan = true};
  orphan.rule.priority = -1;  // What it holds is older than what any rule captures now.
  while (line.find(' ') != line.npos) {
    line.remove_prefix(line.find(' ') + 1);
    orphan.rule.subjects.emplace_back(line.substr(0, line.find(' ')));
  }
  return orphan;
}

void add_orphans(std::string_view catalog, std::vector<NamedRule>& rules) {
  while (!catalog.empty()) {
    const std::string_view line = catalog.substr(0, catalog.find('\n'));
    catalog.remove_prefix(std::min(line.size() + 1, catalog.size()));
    NamedRule orphan = orphan_of(line);
    if (!orphan.log.empty() && !has_log(rules, orphan.log)) rules.push_back(std::move(orphan));
  }
}

std::string catalog_of(const std::vector<NamedRule>& rules) {
  std::string catalog;
  for (const NamedRule& rule : rules) {
    catalog += rule.log;
    for (const std::string& subject : rule.rule.subjects) catalog += ' ' + subject;
    catalog += '\n';
  }
  return catalog;
}

}  // namespace

std::string log_name(std::vector<std::string> subjects) {
  std::sort(subjects.begin(), subjects.end());
  std::string joined, name = "mirror-";
  for (const std::string& subject : subjects) joined += subject + ' ';
  append_hex(name, stable_hash(joined));
  return name;
}

std::vector<NamedRule> name_rules(const MirrorConfig& config, Store& store) {
  std::vector<NamedRule> rules;
  for (const RuleConfig& rule : config.rules) {
    std::string name = log_name(rule.subjects);
    // A second rule with the same subjects captures nothing, but it must not share the log.
    while (has_log(rules, name)) name += "-again";
    rules.push_back({rule, std::move(name), false});
  }
  const std::string before = store.state(kCatalog).value_or("");
  add_orphans(before, rules);
  // Of any rule: what a damaged store still held is sent like all else.
  for (const std::string& log : store.recovery().recovered_logs) add_orphans(log + " >", rules);
  // An orphan that is empty is forgotten by the catalog, never dropped: its sequences, and so the
  // message ids made of them, must not start over if the rule comes back.
  std::erase_if(rules, [&](const NamedRule& rule) {
    return rule.orphan && store.log(rule.log).state().messages == 0;
  });
  const std::string now = catalog_of(rules);
  if (now != before) store.set_state(kCatalog, now);
  return rules;
}

}  // namespace petiole
