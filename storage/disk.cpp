#include "storage/disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "platform/files.h"

namespace petiole {
namespace {

// The file of the VFS below follows it in memory, as SQLite allots szOsFile bytes.
struct File {
  sqlite3_file base;
  CountingVfs* vfs;
  std::string* path;  // Owned; null for temporary files, which are not counted as files.
  bool wal;

  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File& file_of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
const sqlite3_io_methods& methods(File& file) { return *file.below()->pMethods; }

int close(sqlite3_file* base) {
  File& file = file_of(base);
  delete file.path;
  file.path = nullptr;
  return methods(file).xClose(file.below());
}

// Only who recovers a WAL reads its head and whole frames; who wants a page of it reads a page.
int read_to_salvage(File& file, void* to, int count, sqlite3_int64 offset) {
  const bool recovers = file.wal && static_cast<std::uint64_t>(count) != kPageBytes;
  if (file.path != nullptr) file.vfs->unreadable().emplace(*file.path, offset);
  if (!recovers) return SQLITE_IOERR_READ;
  file.vfs->wal_ends();
  std::memset(to, 0, static_cast<std::size_t>(count));
  return SQLITE_OK;
}

// What the system's VFS cannot read it calls the file system's damage, and SQLite then the
// database's. To us it is a read that failed: the next one may give it.
int read(sqlite3_file* base, void* to, int count, sqlite3_int64 offset) {
  File& file = file_of(base);
  const bool known = file.path != nullptr && file.vfs->salvages() &&
                     file.vfs->unreadable().contains({*file.path, offset});
  const int rc = known ? SQLITE_IOERR_READ : methods(file).xRead(file.below(), to, count, offset);
  if (rc != SQLITE_IOERR_CORRUPTFS && rc != SQLITE_IOERR_READ) return rc;
  return file.vfs->salvages() ? read_to_salvage(file, to, count, offset) : SQLITE_IOERR_READ;
}

// SQLite takes a full disk for one, and a quota that is used up for a disk that failed.
bool no_room(File& file) {
  int error = 0;
  const int rc = methods(file).xFileControl(file.below(), SQLITE_FCNTL_LAST_ERRNO, &error);
  return rc == SQLITE_OK && is_no_room(error);
}

int write(sqlite3_file* base, const void* from, int count, sqlite3_int64 offset) {
  File& file = file_of(base);
  const int rc = methods(file).xWrite(file.below(), from, count, offset);
  if (rc == SQLITE_OK && file.path != nullptr) {
    file.vfs->wrote(*file.path, static_cast<std::uint64_t>(offset),
                    static_cast<std::uint64_t>(count));
  }
  return rc == SQLITE_IOERR_WRITE && no_room(file) ? SQLITE_FULL : rc;
}

int truncate(sqlite3_file* base, sqlite3_int64 bytes) {
  File& file = file_of(base);
  const int rc = methods(file).xTruncate(file.below(), bytes);
  if (rc == SQLITE_OK && file.path != nullptr) {
    file.vfs->resized(*file.path, static_cast<std::uint64_t>(bytes));
  }
  return rc;
}

int sync(sqlite3_file* base, int flags) {
  File& file = file_of(base);
  const int rc = methods(file).xSync(file.below(), flags);
  file.vfs->sync_done(rc == SQLITE_OK);
  return rc;
}

int file_size(sqlite3_file* base, sqlite3_int64* bytes) {
  return methods(file_of(base)).xFileSize(file_of(base).below(), bytes);
}
// A network file system without its lock service: SQLite takes that for a lock of another's.
int lock(sqlite3_file* base, int level) {
  File& file = file_of(base);
  sqlite3_vfs& below = file.vfs->below();
  errno = 0;
  const int rc = methods(file).xLock(file.below(), level);
  const bool none = rc == SQLITE_BUSY && below.xGetLastError(&below, 0, nullptr) == ENOLCK;
  return none ? SQLITE_IOERR_LOCK : rc;
}
int unlock(sqlite3_file* base, int level) {
  return methods(file_of(base)).xUnlock(file_of(base).below(), level);
}
int check_reserved(sqlite3_file* base, int* out) {
  return methods(file_of(base)).xCheckReservedLock(file_of(base).below(), out);
}
int control(sqlite3_file* base, int op, void* argument) {
  return methods(file_of(base)).xFileControl(file_of(base).below(), op, argument);
}
int sector_size(sqlite3_file* base) {
  return methods(file_of(base)).xSectorSize(file_of(base).below());
}
int characteristics(sqlite3_file* base) {
  return methods(file_of(base)).xDeviceCharacteristics(file_of(base).below());
}

// Version 1: no shared memory and no memory map. The WAL's index is then kept in this process, as
// exclusive locking wants it.
constexpr sqlite3_io_methods kMethods = {
    1,       close,          read,    write,       truncate,        sync,    file_size, lock,
    unlock,  check_reserved, control, sector_size, characteristics, nullptr, nullptr,   nullptr,
    nullptr, nullptr,        nullptr};

CountingVfs& vfs_of(sqlite3_vfs* vfs) { return *static_cast<CountingVfs*>(vfs->pAppData); }

using OpenCall = int (*)(const char*, int, int);

// Null: the VFS below makes no files of the system's.
OpenCall open_call(sqlite3_vfs& below) {
  if (below.iVersion < 3) return nullptr;
  return reinterpret_cast<OpenCall>(below.xGetSystemCall(&below, "open"));
}

// By itself SQLite makes a database that everybody may read; its other files take after that one.
void make_private(sqlite3_vfs& below, const char* path, int flags) {
  constexpr int kNew = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_CREATE;
  const OpenCall call = open_call(below);
  if (call != nullptr && path != nullptr && (flags & kNew) == kNew) make_private_file(path, call);
}

// What cannot be made is tried again to be read, and is then a file that is missing. Where room for
// a file is short (of inodes, or on a file system that writes nowhere twice) the cause is the room.
bool is_full(sqlite3_vfs& below, const char* path, int flags) {
  const OpenCall call = open_call(below);
  return call != nullptr && path != nullptr && (flags & SQLITE_OPEN_CREATE) != 0 &&
         has_no_room_for(path, call);
}

int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* base, int flags, int* flags_out) {
  CountingVfs& counting = vfs_of(vfs);
  auto* file = new (base) File{{nullptr}, &counting, nullptr, (flags & SQLITE_OPEN_WAL) != 0};
  make_private(counting.below(), path, flags);
  const int rc = counting.below().xOpen(&counting.below(), path, file->below(), flags, flags_out);
  if ((rc & 0xff) == SQLITE_CANTOPEN && is_full(counting.below(), path, flags)) return SQLITE_FULL;
  if (file->below()->pMethods == nullptr) return rc;
  file->base.pMethods = &kMethods;
  if (rc == SQLITE_OK && path != nullptr && (flags & SQLITE_OPEN_DELETEONCLOSE) == 0) {
    file->path = new std::string(path);
    sqlite3_int64 bytes = 0;
    if (methods(*file).xFileSize(file->below(), &bytes) == SQLITE_OK) {
      counting.opened(path, static_cast<std::uint64_t>(bytes));
    }
  }
  return rc;
}

int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  CountingVfs& counting = vfs_of(vfs);
  const int rc = counting.below().xDelete(&counting.below(), path, sync_directory);
  if (rc == SQLITE_OK) counting.deleted(path);
  return rc;
}

int access(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
  return vfs_of(vfs).below().xAccess(&vfs_of(vfs).below(), path, flags, out);
}
int full_path(sqlite3_vfs* vfs, const char* path, int room, char* out) {
  return vfs_of(vfs).below().xFullPathname(&vfs_of(vfs).below(), path, room, out);
}
int randomness(sqlite3_vfs* vfs, int count, char* out) {
  return vfs_of(vfs).below().xRandomness(&vfs_of(vfs).below(), count, out);
}
int sleep(sqlite3_vfs* vfs, int microseconds) {
  return vfs_of(vfs).below().xSleep(&vfs_of(vfs).below(), microseconds);
}
int current_time(sqlite3_vfs* vfs, double* out) {
  return vfs_of(vfs).below().xCurrentTime(&vfs_of(vfs).below(), out);
}
int last_error(sqlite3_vfs* vfs, int count, char* out) {
  return vfs_of(vfs).below().xGetLastError(&vfs_of(vfs).below(), count, out);
}

}  // namespace

std::unique_ptr<CountingVfs> CountingVfs::make(const std::string& below) {
  sqlite3_vfs* vfs = sqlite3_vfs_find(below.empty() ? nullptr : below.c_str());
  if (vfs == nullptr) return nullptr;
  return std::unique_ptr<CountingVfs>(new CountingVfs(*vfs));
}

CountingVfs::CountingVfs(sqlite3_vfs& below)
    : below_(&below), name_("petiole-" + std::to_string(reinterpret_cast<std::uintptr_t>(this))) {
  vfs_.iVersion = 1;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + below.szOsFile;
  vfs_.mxPathname = below.mxPathname;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = open;
  vfs_.xDelete = remove;
  vfs_.xAccess = access;
  vfs_.xFullPathname = full_path;
  vfs_.xRandomness = randomness;
  vfs_.xSleep = sleep;
  vfs_.xCurrentTime = current_time;
  vfs_.xGetLastError = last_error;
  sqlite3_vfs_register(&vfs_, 0);
}

CountingVfs::~CountingVfs() { sqlite3_vfs_unregister(&vfs_); }

std::uint64_t CountingVfs::file_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [path, bytes] : sizes_) sum += bytes;
  return sum;
}

std::uint64_t CountingVfs::bytes_of(const std::string& path) const {
  const auto at = sizes_.find(path);
  return at == sizes_.end() ? 0 : at->second;
}

void CountingVfs::wrote(const std::string& path, std::uint64_t offset, std::uint64_t bytes) {
  bytes_written_ += bytes;
  std::uint64_t& size = sizes_[path];
  size = std::max(size, offset + bytes);
}

}  // namespace petiole
