// What happens to a damaged database: it is set aside under another name, never wiped, and what
// is readable moves into a new one.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "platform/status.h"
#include "platform/time.h"
#include "storage/database.h"
#include "storage/store.h"

namespace petiole {

// The head of a database file: sqlite.org/fileformat2.html, "The Database Header".
struct FileHeader {
  bool sqlite = false;
  std::int64_t version = 0;  // PRAGMA user_version.
  std::int64_t application_id = 0;
};

// Reads the head, takes no lock and changes nothing.
FileHeader read_header(CountingVfs& vfs, const std::string& path);

// Some part of the file can be read.
bool gives_any(CountingVfs& vfs, const std::string& path);

// Puts a finished salvage in its place when the run that made it ended before it could; half of one
// goes. An error: it cannot be read, or the damaged one's WAL is still in the way.
Status finish_salvage(CountingVfs& vfs, const std::string& path, bool real_disk, WallTime now);

// The database is sound: what a salvage has left is of no use.
void forget_salvage(CountingVfs& vfs, const std::string& path);

// `database` is the damaged one, opened or not; it comes back new, closed, at the same path. On an
// error the damaged one is where it was, unless its files could not be renamed.
Status salvage(std::shared_ptr<Database>& database, const DatabaseOptions& options, bool real_disk,
               WallTime now);

}  // namespace petiole
