// What differs between the configuration that a server runs with and a new one, and what of it can
// be taken over while it runs. The names are those of the file.
#pragma once

#include <string>
#include <vector>

#include "agent/config/config.h"

namespace petiole {

struct ConfigChange {
  std::string name;
  const char* needs_restart = nullptr;  // Why, for people; null: it can be taken over.
};

// That a reload does not take it, and why.
std::string refusal_of(const ConfigChange& change);

// In the order of the table; empty: they mean the same.
std::vector<ConfigChange> changes_between(const Config& before, const Config& after);

}  // namespace petiole
