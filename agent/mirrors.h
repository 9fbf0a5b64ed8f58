// The mirrors of an agent: one for each account that has rules, or messages left of earlier ones.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mirror/mirror.h"
#include "agent/server.h"

namespace petiole {

class StoreParts;

class Mirrors {
 public:
  // Has each captured account ask its mirror. All references outlive it; `leaf_id` names this leaf
  // in message ids.
  Mirrors(Server& server, Store& store, const std::string& leaf_id);
  ~Mirrors();

  // Of the account; null: none.
  Mirror* of(std::string_view account) const;
  bool empty() const { return mirrors_.empty(); }

  // All in one, each rule with its account when there are several.
  MirrorReport report() const;
  // See Mirror::stop; `done` is called when all have done so.
  void stop(std::function<void()> done);

 private:
  struct Entry {
    Account* account;
    std::unique_ptr<Mirror> mirror;
  };
  void make(Account& account, const MirrorConfig& config, Store& store, const std::string& leaf_id);

  Server& server_;
  std::unique_ptr<StoreParts> parts_;
  std::vector<Entry> mirrors_;
};

}  // namespace petiole
