// The reserve: a file of zeros beside the database that is deleted when the disk is full, so that
// a commit that frees room has the room to do so.
#include <algorithm>
#include <vector>

#include "storage/database.h"

namespace petiole {

namespace {

int write_zeros(sqlite3_file& file, sqlite3_int64 from, sqlite3_int64 to) {
  if (from >= to) return SQLITE_OK;
  const std::vector<char> zeros(16384);
  int rc = SQLITE_OK;
  while (rc == SQLITE_OK && from < to) {
    const int count = static_cast<int>(std::min<sqlite3_int64>(to - from, std::ssize(zeros)));
    rc = file.pMethods->xWrite(&file, zeros.data(), count, from);
    from += count;
  }
  return rc;
}

}  // namespace

void Database::make_reserve() {
  if (options_.reserve_bytes == 0) return;
  sqlite3_vfs* vfs = sqlite3_vfs_find(vfs_->name());
  std::vector<char> memory(static_cast<std::size_t>(vfs->szOsFile));
  auto* file = reinterpret_cast<sqlite3_file*>(memory.data());
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_JOURNAL;
  const std::string path = reserve_path();
  if (vfs->xOpen(vfs, path.c_str(), file, flags, nullptr) != SQLITE_OK) return;
  sqlite3_int64 bytes = 0;
  int rc = file->pMethods->xFileSize(file, &bytes);
  const auto wanted = static_cast<sqlite3_int64>(options_.reserve_bytes);
  if (bytes > wanted) rc = file->pMethods->xTruncate(file, wanted);
  if (rc == SQLITE_OK) rc = write_zeros(*file, bytes, wanted);
  file->pMethods->xClose(file);
  reserve_ = rc == SQLITE_OK;
  // Half a reserve would take the room that others need now.
  if (!reserve_) (void)vfs->xDelete(vfs, path.c_str(), 0);
}

void Database::release_reserve() {
  sqlite3_vfs* vfs = sqlite3_vfs_find(vfs_->name());
  (void)vfs->xDelete(vfs, reserve_path().c_str(), 1);
  reserve_ = false;
}

}  // namespace petiole
