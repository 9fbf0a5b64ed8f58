// The reserve: a file of zeros beside the database that is deleted when the disk is full, so that
// a commit that frees room has the room to do so.
#include <algorithm>
#include <vector>

#include "platform/files.h"
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

// While a group is written to the WAL, what its copy into the file will take is kept for that, as
// far as it is more than the reserve: a WAL that cannot be copied back grows with each commit, and
// then there is room neither for one that frees some, nor for the next start.
int Database::hold_room(std::uint64_t bytes) {
  const std::uint64_t have = reserve_ ? options_.reserve_bytes : 0;
  if (options_.reserve_bytes == 0 || bytes <= have) return SQLITE_OK;
  sqlite3_vfs& vfs = vfs_->below();
  std::vector<char> memory(static_cast<std::size_t>(vfs.szOsFile));
  auto* file = reinterpret_cast<sqlite3_file*>(memory.data());
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_JOURNAL;
  const std::string path = reserve_path();
  int rc = vfs.xOpen(&vfs, path.c_str(), file, flags, nullptr);
  if (rc != SQLITE_OK) return SQLITE_OK;  // Nothing is known then.
  rc = write_zeros(*file, static_cast<sqlite3_int64>(have), static_cast<sqlite3_int64>(bytes));
  int error = 0;
  (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
  file->pMethods->xClose(file);
  // A disk that fails is for the commit to meet: a full one would be waited for.
  const bool full = rc == SQLITE_FULL || (rc != SQLITE_OK && is_no_room(error));
  return full ? SQLITE_FULL : SQLITE_OK;
}

void Database::let_go(std::uint64_t bytes) {
  if (options_.reserve_bytes == 0) return;
  sqlite3_vfs& vfs = vfs_->below();
  if (!reserve_) {
    if (bytes > 0) (void)vfs.xDelete(&vfs, reserve_path().c_str(), 0);
    return;
  }
  if (bytes <= options_.reserve_bytes) return;
  std::vector<char> memory(static_cast<std::size_t>(vfs.szOsFile));
  auto* file = reinterpret_cast<sqlite3_file*>(memory.data());
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MAIN_JOURNAL;
  if (vfs.xOpen(&vfs, reserve_path().c_str(), file, flags, nullptr) != SQLITE_OK) return;
  (void)file->pMethods->xTruncate(file, static_cast<sqlite3_int64>(options_.reserve_bytes));
  file->pMethods->xClose(file);
}

void Database::release_reserve() {
  sqlite3_vfs* vfs = sqlite3_vfs_find(vfs_->name());
  (void)vfs->xDelete(vfs, reserve_path().c_str(), 1);
  reserve_ = false;
}

}  // namespace petiole
