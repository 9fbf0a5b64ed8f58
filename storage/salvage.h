// What happens to a damaged database: it is set aside under another name, never wiped, and what
// is readable moves into a new one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "platform/status.h"
#include "platform/time.h"
#include "storage/database.h"

namespace petiole {

// The head of a database file: sqlite.org/fileformat2.html, "The Database Header".
struct FileHeader {
  bool sqlite = false;
  std::int64_t version = 0;  // PRAGMA user_version.
  std::int64_t application_id = 0;
};

// Reads the head, takes no lock and changes nothing.
FileHeader read_header(CountingVfs& vfs, const std::string& path);

// Puts a finished salvage in its place when the run that made it ended before it could.
void finish_salvage(CountingVfs& vfs, const std::string& path, bool real_disk);

struct SalvageReport {
  std::string quarantined;
  std::uint64_t salvaged = 0, lost = 0;
  bool uncounted = false;  // More may be lost: part of the segments' table was not readable.
  std::vector<std::string> recovered_logs;
};

// `database` is the damaged one, opened or not; it comes back new, closed, at the same path.
Status salvage(std::shared_ptr<Database>& database, const DatabaseOptions& options, bool real_disk,
               WallTime now, SalvageReport& report);

}  // namespace petiole
