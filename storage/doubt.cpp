// The mark of doubt: a small file beside the database. Written when the disk has failed, because
// the states in the database say no more what became of its records.
#include <vector>

#include "storage/database.h"

namespace petiole {

bool Database::note_doubt() {
  sqlite3_vfs& vfs = vfs_->below();
  std::vector<char> memory(static_cast<std::size_t>(vfs.szOsFile));
  auto* file = reinterpret_cast<sqlite3_file*>(memory.data());
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_JOURNAL;
  const std::string path = doubt_path();
  if (vfs.xOpen(&vfs, path.c_str(), file, flags, nullptr) != SQLITE_OK) return false;
  int rc = file->pMethods->xWrite(file, "1", 1, 0);
  if (rc == SQLITE_OK) rc = file->pMethods->xSync(file, SQLITE_SYNC_FULL);
  file->pMethods->xClose(file);
  return rc == SQLITE_OK;
}

// Half a mark counts: it was about to be made.
bool Database::doubted() {
  sqlite3_vfs& vfs = vfs_->below();
  int found = 0;
  const int rc = vfs.xAccess(&vfs, doubt_path().c_str(), SQLITE_ACCESS_EXISTS, &found);
  return rc == SQLITE_OK && found != 0;
}

void Database::forget_doubt() {
  sqlite3_vfs& vfs = vfs_->below();
  (void)vfs.xDelete(&vfs, doubt_path().c_str(), 1);
}

}  // namespace petiole
