// Where the JWTs of accounts are kept: what the configuration preloads, and a directory of files
// <public key>.jwt that is read and written on the worker, never on the loop.
//
// Knows nothing of what the tokens say. Loop thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/auth/account_url.h"
#include "agent/config/access.h"
#include "platform/host.h"
#include "platform/status.h"

namespace petiole {

class AccountStore {
 public:
  // `config` outlives it.
  AccountStore(const ResolverConfig& config, Host host);

  // Keeps what it is given: else a configured list that never changes, or another server's.
  bool keeps() const { return files_ != nullptr; }
  bool is_remote() const { return server_ != nullptr; }
  bool is_full() const { return config_.kind == ResolverConfig::Kind::kFull; }
  bool allows_delete() const { return config_.allow_delete; }

  // What is preloaded and not in the directory, without waiting; null: nothing is.
  const std::string* preloaded(const std::string& account) const;

  // All of these call back in a later turn, unless the store is gone by then.
  using Found = std::function<void(std::optional<std::string> token)>;
  void look_up(const std::string& account, Found done);
  // Once, where it keeps: writes what is preloaded into the directory, unless what stands there is
  // the same or `counts`, which is asked on the worker. `done` gets what is there now; none: the
  // disk refuses, and the preloaded one stays in memory.
  void place(const std::string& account, std::function<bool(const std::string& token)> counts,
             Found done);
  using Saved = std::function<void(Status)>;  // kTooLarge: `limit` accounts are there.
  void save(const std::string& account, std::string token, Saved done);
  void remove(const std::string& account, Saved done);
  using Token = std::pair<std::string, std::string>;  // Account and JWT.
  using Listed = std::function<void(std::vector<Token>)>;
  void list(Listed done);  // In order; with the preloaded ones.

 private:
  std::string path(const std::string& account) const {
    return config_.dir + "/" + account + ".jwt";
  }
  // Runs `work` on the worker, and `done` with its result on the loop.
  template <class Work, class Done>
  void run(Work work, Done done);

  const ResolverConfig& config_;
  Loop& loop_;
  Worker& worker_;
  Files* files_;
  std::map<std::string, std::string> preload_;  // But for what was placed.
  std::unique_ptr<AccountServer> server_;       // Null: no URL is configured.
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace petiole
