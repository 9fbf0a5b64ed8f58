// What of a damaged database can be read and trusted, copied row by row into a new one.
#pragma once

#include <string>
#include <string_view>

#include "storage/database.h"
#include "storage/store.h"

namespace petiole {

// `to` has the tables and no rows. What was lost on the way becomes its kSalvageKey, together with
// `quarantined`, the path that the damaged file will have. `cut`: of the WAL's end nothing is
// known. SQLITE_OK, or the first error of the new database: then nothing in it is to be used.
struct Copied {
  int rc = SQLITE_OK;
  bool doubtful = false;  // As StoreRecovery::doubtful.
};
Copied copy_readable(sqlite3* from, sqlite3* to, const std::string& quarantined, bool cut);

// The new database's state that says what became of the damaged one, until it is accounted for: see
// Store::settle_salvage.
inline constexpr std::string_view kSalvageKey = "storage/salvage";

// What that state says: `quarantined` to `lost_uncounted` of `recovery`.
void read_salvage(std::string_view text, StoreRecovery& recovery);

}  // namespace petiole
