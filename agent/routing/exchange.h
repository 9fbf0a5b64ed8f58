// What accounts share: makes the imports of all accounts from their configuration, and makes them
// again when one of them comes, changes or goes.
//
// An import that is not possible (no such account, no such export, not approved, a cycle) is not
// made; it is tried again at the next change. Owned by Server. Loop thread; no account publishes
// during a call.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/access.h"
#include "agent/routing/account.h"
#include "agent/routing/import_rules.h"
#include "agent/routing/latency.h"
#include "platform/calendar.h"
#include "platform/host.h"

namespace petiole {

class Exchange {
 public:
  // `system` is the name of the system account.
  Exchange(const Host& host, ServerNames names, std::string system);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // `account` is as `config` says from now on: mappings, exports, imports. It outlives the exchange
  // or is removed first. Call connect() behind the last of several.
  void set(Account& account, const AccountConfig& config);
  void remove(Account& account);
  // Makes what is new, unmakes what is no more: because of a change, or of the time.
  void connect();
  // When an import ends by itself if nothing changes; max(): none does.
  WallTime next_end() const { return next_end_; }

  // Imports that are in the configuration and not possible now, for people.
  const std::vector<std::string>& dangling() const { return dangling_; }
  const AccountConfig* config(std::string_view account) const;

 private:
  struct Import;
  struct Member;

  bool same(const Import& import, const ImportConfig& config, const ExportConfig& offer,
            const Member& exporter) const;
  void connect(Member& member);
  void make(Member& importer, const ImportConfig& config, ImportPath path, Member& exporter,
            std::vector<Import>& kept);
  void set_mappings(Member& member);
  void withdraw_mappings(Member& member);

  const Host host_;
  const ServerNames names_;
  const std::string system_;
  std::map<std::string, std::unique_ptr<Member>, std::less<>> members_;
  std::vector<std::string> dangling_;
  const Calendar calendar_;
  WallTime next_end_ = WallTime::max();
};

}  // namespace petiole
