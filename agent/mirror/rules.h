// The rules of the configuration, and the names of their logs on disk.
//
// A log is named by its rule's subjects, so that other edits of the configuration keep the data. A
// rule that is gone leaves an orphan: it captures nothing more, and is drained before the others,
// as what it holds is older. Its max_age holds, and on a full store its priority and discard.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "storage/store.h"

namespace petiole {

struct NamedRule {
  RuleConfig rule;
  std::string log;
  bool orphan = false;
  int worth = RuleConfig{}.priority;  // On a full store; of an orphan the priority that it had.
};

// Those of `config` in its order, then the orphans. Notes in the store which logs there are.
std::vector<NamedRule> name_rules(const MirrorConfig& config, Store& store);

std::string log_name(std::vector<std::string> subjects);

}  // namespace petiole
