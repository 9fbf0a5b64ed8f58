// One database for the mirrors of several accounts: each sees a store of its own.
//
// Names of logs and states begin with the account's name, but for one account: that whose mirror
// was the only one when the database was made. It is noted in the database, so that what was kept
// for one account's hub never goes to another's; nor does a log whose name a salvage could not
// read, once there were several: it is given up, and in the ledger. Loop thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.h"

namespace petiole {

class StorePart;

class StoreParts {
 public:
  // `first` gets the names without a prefix if none has them yet; `several`: more than one account
  // is to have a part. The store outlives it.
  StoreParts(Store& store, std::string_view first, bool several);
  ~StoreParts();

  // The part of `account`; lives as long as this.
  Store& part(std::string_view account);
  // Whether `account` has left something here.
  bool has_logs(std::string_view account) const;
  // A line of the log for each account that has messages here and is not among `linked`.
  std::vector<std::string> left_behind(const std::vector<std::string>& linked);

 private:
  friend class StorePart;
  std::string prefix(std::string_view account) const;
  std::string left_by(std::string_view account);
  std::optional<bool> another_yields(const StorePart& caller);

  Store& store_;
  std::string owner_;
  bool several_;  // Now or ever.
  std::vector<std::unique_ptr<StorePart>> parts_;
};

}  // namespace petiole
