#include "agent/mirror/rules.h"

#include <algorithm>
#include <charconv>
#include <climits>

#include "agent/mirror/ids.h"

namespace petiole {

namespace {

constexpr std::string_view kCatalog = "mirror/logs";  // A line for each: name and subjects.
// A line for each: name, priority, 1 for `discard: new`, max_age in nanoseconds.
constexpr std::string_view kTerms = "mirror/terms";

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

std::string terms_of(const std::vector<NamedRule>& rules) {
  std::string terms;
  for (const NamedRule& each : rules) {
    terms += each.log + ' ' + std::to_string(each.worth);
    terms += each.rule.discard == Discard::kNew ? " 1 " : " 0 ";
    terms += std::to_string(each.rule.max_age.count()) + '\n';
  }
  return terms;
}

// The number up to the next space, or -1.
std::int64_t take_number(std::string_view& line) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc()) return -1;
  const auto length = static_cast<std::size_t>(end - line.data());
  line.remove_prefix(std::min(length + 1, line.size()));
  return number;
}

// What an older version has left says nothing: then the defaults hold.
void keep_terms(std::string_view terms, NamedRule& orphan) {
  const std::size_t at = terms.find(orphan.log + ' ');
  if (at == terms.npos) return;
  std::string_view line = terms.substr(at + orphan.log.size() + 1);
  const std::int64_t priority = take_number(line), refuses = take_number(line);
  const std::int64_t max_age = take_number(line);
  if (priority < 0 || refuses < 0 || max_age < 0) return;
  orphan.worth = static_cast<int>(std::min<std::int64_t>(priority, INT_MAX));
  orphan.rule.discard = refuses != 0 ? Discard::kNew : Discard::kOld;
  orphan.rule.max_age = std::chrono::nanoseconds(max_age);
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
    rules.push_back({rule, std::move(name), false, rule.priority});
  }
  const std::string before = store.state(kCatalog).value_or("");
  add_orphans(before, rules);
  // Of any rule: what a damaged store still held is sent like all else.
  for (const std::string& log : store.recovery().recovered_logs) add_orphans(log + " >", rules);
  const std::string terms = store.state(kTerms).value_or("");
  for (NamedRule& rule : rules) {
    if (rule.orphan) keep_terms(terms, rule);
  }
  // An orphan that is empty is forgotten by the catalog, never dropped: its sequences, and so the
  // message ids made of them, must not start over if the rule comes back.
  std::erase_if(rules, [&](const NamedRule& rule) {
    return rule.orphan && store.log(rule.log).state().messages == 0;
  });
  const std::string now = catalog_of(rules);
  if (now != before) store.set_state(kCatalog, now);
  const std::string terms_now = terms_of(rules);
  if (terms_now != terms) store.set_state(kTerms, terms_now);
  return rules;
}

}  // namespace petiole
