// The reserve: a file of zeros beside the database that is deleted when the disk is full, so that
// a commit that frees room has the room to do so.
#include <algorithm>
#include <array>
#include <vector>

#include "storage/database.h"

namespace petiole {

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
  static constexpr std::array<char, 16384> kZeros{};
  const auto wanted = static_cast<sqlite3_int64>(options_.reserve_bytes);
  if (bytes > wanted) rc = file->pMethods->xTruncate(file, wanted);
  while (rc == SQLITE_OK && bytes < wanted) {
    const int count = static_cast<int>(std::min<sqlite3_int64>(wanted - bytes, kZeros.size()));
    rc = file->pMethods->xWrite(file, kZeros.data(), count, bytes);
    bytes += count;
  }
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
