#include "storage/salvage.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "platform/files.h"
#include "storage/salvage_copy.h"

namespace petiole {
namespace {

std::string salvage_path(const std::string& path) { return path + ".salvage"; }

// An open file of a VFS, closed at the end of the scope.
class VfsFile {
 public:
  VfsFile(sqlite3_vfs& vfs, const std::string& path, int flags)
      : memory_(static_cast<std::size_t>(vfs.szOsFile)) {
    if (vfs.xOpen(&vfs, path.c_str(), file(), flags, nullptr) == SQLITE_OK) open_ = true;
  }
  ~VfsFile() {
    if (open_) file()->pMethods->xClose(file());
  }
  VfsFile(const VfsFile&) = delete;
  VfsFile& operator=(const VfsFile&) = delete;
  explicit operator bool() const { return open_; }
  sqlite3_file* file() { return reinterpret_cast<sqlite3_file*>(memory_.data()); }
  const sqlite3_io_methods* operator->() { return file()->pMethods; }

 private:
  std::vector<char> memory_;
  bool open_ = false;
};

bool exists(sqlite3_vfs& vfs, const std::string& path) {
  int found = 0;
  return vfs.xAccess(&vfs, path.c_str(), SQLITE_ACCESS_EXISTS, &found) == SQLITE_OK && found != 0;
}

// SQLite's VFS cannot rename: one that is not the system's gets a copy.
bool copy_file(sqlite3_vfs& vfs, const std::string& from, const std::string& to) {
  VfsFile source(vfs, from, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MAIN_DB);
  VfsFile target(vfs, to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_JOURNAL);
  sqlite3_int64 bytes = 0;
  if (!source || !target || source->xFileSize(source.file(), &bytes) != SQLITE_OK) return false;
  std::array<char, 4096> block;
  for (sqlite3_int64 at = 0; at < bytes; at += 4096) {
    const int count = static_cast<int>(std::min<sqlite3_int64>(4096, bytes - at));
    // A rename reads nothing: it does not fail for what cannot be read.
    if (source->xRead(source.file(), block.data(), count, at) != SQLITE_OK) block.fill(0);
    if (target->xWrite(target.file(), block.data(), count, at) != SQLITE_OK) return false;
  }
  return target->xSync(target.file(), SQLITE_SYNC_FULL) == SQLITE_OK;
}

bool move_file(sqlite3_vfs& vfs, const std::string& from, const std::string& to, bool real_disk) {
  if (!exists(vfs, from)) return true;
  if (real_disk) return rename_file(from, to).ok();
  return copy_file(vfs, from, to) && vfs.xDelete(&vfs, from.c_str(), 1) == SQLITE_OK;
}

std::string utc(WallTime now) {
  using namespace std::chrono;
  const auto second = floor<seconds>(now);
  const auto day = floor<days>(second);
  const year_month_day date(day);
  const hh_mm_ss time(second - day);
  std::array<char, 64> text;
  const int count = std::snprintf(
      text.data(), text.size(), "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()));
  return {text.data(), static_cast<std::size_t>(count)};
}

// Fills the new database completely before the damaged one moves.
Status fill(Database& from, Database& to, const std::string& quarantined) {
  // Once more, for the WAL as far as it can be read; what else fails shows in what is not there.
  from.abandon();
  from.vfs().salvage();
  if ((from.open() & 0xff) == SQLITE_BUSY) return {Errc::kBusy, "in use by another petiole"};
  const bool cut = from.vfs().wal_cut();
  int rc = to.open();
  if (rc == SQLITE_OK) rc = to.start();
  // Else its WAL would hold the whole copy once more.
  if (rc == SQLITE_OK) rc = execute(to.handle(), "PRAGMA wal_autocheckpoint=1000");
  Copied copied;
  if (rc == SQLITE_OK) copied = copy_readable(from.handle(), to.handle(), quarantined, cut);
  if (rc == SQLITE_OK) rc = copied.rc;
  // All of it is in the file itself then: the WAL is not moved with it.
  if (rc == SQLITE_OK) rc = to.empty_wal();
  if (rc != SQLITE_OK) return to.status_of(rc);
  if (!copied.doubtful || from.note_doubt()) return {};
  return {Errc::kStorage, "damaged, and the mark of doubt cannot be written"};
}

void delete_files(sqlite3_vfs& vfs, const std::string& path) {
  for (const char* suffix : {"", "-wal", "-journal"}) {
    if (exists(vfs, path + suffix)) (void)vfs.xDelete(&vfs, (path + suffix).c_str(), 1);
  }
}

// A name that nothing has: a box without a clock starts at the same time again and again.
std::string quarantine_path(sqlite3_vfs& vfs, const std::string& path, WallTime now) {
  const std::string name = path + ".quarantine-" + utc(now);
  std::string free = name;
  for (int i = 2; exists(vfs, free) || exists(vfs, free + "-wal"); ++i) {
    free = name + '-' + std::to_string(i);
  }
  return free;
}

// kCorrupt: only half of it was copied, and then somebody removed the damaged database.
Status check_whole(const sqlite3_vfs& below, const std::string& path) {
  DatabaseOptions options;
  options.path = path;
  Database copy(CountingVfs::make(below.zName), options);
  int rc = copy.open();
  bool whole = false;
  if (rc == SQLITE_OK) {  // What it says of itself is the last of it.
    Statement told(copy.handle(), "SELECT 1 FROM state WHERE key=?");
    if (told) rc = told.bind_text(1, kSalvageKey).step();
    whole = rc == SQLITE_ROW;
  }
  if (whole) rc = copy.empty_wal();
  switch (rc & 0xff) {
    case SQLITE_OK:
      return whole ? Status() : Status(Errc::kCorrupt);
    case SQLITE_DONE:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Errc::kCorrupt;
    case SQLITE_BUSY:
      return {Errc::kBusy, "in use by another petiole; each needs a directory of its own"};
    default:
      return {Errc::kStorage, "a salvage cannot be read"};
  }
}

}  // namespace

FileHeader read_header(CountingVfs& vfs, const std::string& path) {
  FileHeader header;
  sqlite3_vfs& below = vfs.below();
  if (!exists(below, path)) return header;
  VfsFile file(below, path, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB);
  std::array<unsigned char, 100> bytes{};
  if (!file || file->xRead(file.file(), bytes.data(), 100, 0) != SQLITE_OK) return header;
  header.sqlite = std::string_view(reinterpret_cast<char*>(bytes.data()), 15) == "SQLite format 3";
  const auto number = [&bytes](std::size_t at) {
    return static_cast<std::int64_t>(bytes[at]) << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 |
           bytes[at + 3];
  };
  header.version = number(60);
  header.application_id = number(68);
  return header;
}

bool gives_any(CountingVfs& vfs, const std::string& path) {
  constexpr sqlite3_int64 kPlaces = 16;
  sqlite3_vfs& below = vfs.below();
  VfsFile file(below, path, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB);
  sqlite3_int64 bytes = 0;
  if (!file || file->xFileSize(file.file(), &bytes) != SQLITE_OK) return false;
  std::array<char, 512> block;
  const auto sectors = bytes / std::ssize(block);
  for (sqlite3_int64 i = 0; i < kPlaces; ++i) {
    const sqlite3_int64 at = sectors * i / kPlaces * std::ssize(block);
    if (file->xRead(file.file(), block.data(), 512, at) == SQLITE_OK) return true;
  }
  return false;
}

Status finish_salvage(CountingVfs& vfs, const std::string& path, bool real_disk, WallTime now) {
  sqlite3_vfs& below = vfs.below();
  if (exists(below, path) || !exists(below, salvage_path(path))) return {};
  const Status whole = check_whole(below, salvage_path(path));
  if (whole.code() == Errc::kCorrupt) {
    delete_files(below, salvage_path(path));
    return {};
  }
  if (!whole.ok()) return whole;
  // SQLite would take the damaged one's WAL for the new one's.
  if (!move_file(below, path + "-wal", quarantine_path(below, path, now) + "-wal", real_disk) ||
      !move_file(below, salvage_path(path), path, real_disk)) {
    return {Errc::kStorage, "a salvage cannot be put in its place"};
  }
  delete_files(below, salvage_path(path));
  return {};
}

void forget_salvage(CountingVfs& vfs, const std::string& path) {
  delete_files(vfs.below(), salvage_path(path));
}

Status salvage(std::shared_ptr<Database>& database, const DatabaseOptions& options, bool real_disk,
               WallTime now) {
  const std::string below_name = database->vfs().below().zName;
  sqlite3_vfs& below = database->vfs().below();
  const std::string fresh = salvage_path(options.path);
  const std::string quarantined = quarantine_path(below, options.path, now);
  delete_files(below, fresh);
  DatabaseOptions target = options;
  target.path = fresh;
  target.reserve_bytes = 0;
  Status filled;
  {
    Database to(CountingVfs::make(below_name), target);
    filled = fill(*database, to, quarantined);
  }
  if (!filled.ok()) {  // Most likely the disk is full: half a copy is of no use to anybody.
    delete_files(below, fresh);
    return filled;
  }
  database->abandon();
  // The database first: without it the next start finishes this.
  const bool moved = move_file(below, options.path, quarantined, real_disk) &&
                     move_file(below, options.path + "-wal", quarantined + "-wal", real_disk) &&
                     move_file(below, fresh, options.path, real_disk);
  if (!moved) return {Errc::kStorage, "damaged, and the files cannot be renamed to set them aside"};
  delete_files(below, fresh);
  database = std::make_shared<Database>(CountingVfs::make(below_name), options);
  return {};
}

}  // namespace petiole
