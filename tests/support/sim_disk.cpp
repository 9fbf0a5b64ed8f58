#include "tests/support/sim_disk.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace petiole::test {

struct SimDisk::Node {
  std::string content;          // As a process sees it.
  std::string durable;          // As of the last sync.
  std::vector<Change> changes;  // Between the two.
  Handle* owner = nullptr;      // Holds the lock.
  std::vector<std::uint64_t> spoiled;

  bool is_spoiled(std::uint64_t from, std::uint64_t bytes) const {
    return std::any_of(spoiled.begin(), spoiled.end(),
                       [=](std::uint64_t at) { return at >= from && at - from < bytes; });
  }
};

struct SimDisk::Handle {
  sqlite3_file base;
  SimDisk* disk;
  std::shared_ptr<Node>* node;  // Owned; SQLite's memory runs no constructors.
  std::uint64_t generation;
  int lock;
  bool journal;  // A sync of it syncs the directory too, as SQLite's VFS does for a new one.
  bool erase;    // When it is closed.
  std::string* path;
};

// The methods of the VFS and its files.
struct SimVfs {
  static SimDisk::Handle& handle(sqlite3_file* file) {
    return *reinterpret_cast<SimDisk::Handle*>(file);
  }
  static SimDisk& disk(sqlite3_vfs* vfs) { return *static_cast<SimDisk*>(vfs->pAppData); }
  static bool dead(const SimDisk::Handle& h) {
    return h.generation != h.disk->generation_ || h.disk->died();
  }

  static int close(sqlite3_file* file) {
    SimDisk::Handle& h = handle(file);
    if ((*h.node)->owner == &h) (*h.node)->owner = nullptr;
    if (h.erase && !dead(h)) h.disk->names_.erase(*h.path);
    delete h.node;
    delete h.path;
    return SQLITE_OK;
  }

  static int read(sqlite3_file* file, void* to, int count, sqlite3_int64 offset) {
    SimDisk::Handle& h = handle(file);
    if (dead(h)) return SQLITE_IOERR_READ;
    if (h.disk->failing_reads_ > 0) {
      --h.disk->failing_reads_;
      return SQLITE_IOERR_CORRUPTFS;  // As SQLite's own VFS says of EIO.
    }
    if ((*h.node)->is_spoiled(static_cast<std::uint64_t>(offset),
                              static_cast<std::uint64_t>(count))) {
      ++h.disk->refused_reads_;
      return SQLITE_IOERR_CORRUPTFS;
    }
    const std::string& content = (*h.node)->content;
    const auto at = static_cast<std::size_t>(offset), wanted = static_cast<std::size_t>(count);
    const std::size_t there = at < content.size() ? std::min(wanted, content.size() - at) : 0;
    if (there > 0) std::memcpy(to, content.data() + at, there);
    if (there == wanted) return SQLITE_OK;
    std::memset(static_cast<char*>(to) + there, 0, wanted - there);
    return SQLITE_IOERR_SHORT_READ;
  }

  static int write(sqlite3_file* file, const void* from, int count, sqlite3_int64 offset) {
    SimDisk::Handle& h = handle(file);
    if (dead(h) || !h.disk->count_operation()) return SQLITE_IOERR_WRITE;
    if (h.disk->failing_writes_ > 0) {
      --h.disk->failing_writes_;
      return SQLITE_IOERR_WRITE;
    }
    SimDisk::Node& node = **h.node;
    const auto at = static_cast<std::size_t>(offset), bytes = static_cast<std::size_t>(count);
    if (at + bytes > node.content.size()) {
      if (h.disk->used() + (at + bytes - node.content.size()) > h.disk->capacity_)
        return SQLITE_FULL;
      node.content.resize(at + bytes);
    }
    std::memcpy(node.content.data() + at, from, bytes);
    node.changes.push_back({at, std::string(static_cast<const char*>(from), bytes), false});
    h.disk->bytes_written_ += bytes;
    return SQLITE_OK;
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    SimDisk::Handle& h = handle(file);
    if (dead(h) || !h.disk->count_operation()) return SQLITE_IOERR_TRUNCATE;
    (*h.node)->content.resize(static_cast<std::size_t>(size));
    (*h.node)->changes.push_back({static_cast<std::uint64_t>(size), {}, true});
    return SQLITE_OK;
  }

  static int sync(sqlite3_file* file, int) {
    SimDisk::Handle& h = handle(file);
    if (dead(h) || !h.disk->count_operation()) return SQLITE_IOERR_FSYNC;
    if (h.disk->failing_syncs_ > 0) {
      --h.disk->failing_syncs_;
      return SQLITE_IOERR_FSYNC;
    }
    ++h.disk->syncs_;
    SimDisk::Node& node = **h.node;
    // Only what changed: a copy of the whole file at each sync would be slow.
    for (const SimDisk::Change& change : node.changes) apply(node.durable, change);
    node.changes.clear();
    if (h.journal) h.disk->sync_directory();
    return SQLITE_OK;
  }

  static void apply(std::string& content, const SimDisk::Change& change) {
    if (change.truncate) return content.resize(change.offset);
    const std::size_t end = change.offset + change.bytes.size();
    if (end > content.size()) content.resize(end);
    std::memcpy(content.data() + change.offset, change.bytes.data(), change.bytes.size());
  }

  static int file_size(sqlite3_file* file, sqlite3_int64* bytes) {
    if (dead(handle(file))) return SQLITE_IOERR_FSTAT;
    *bytes = static_cast<sqlite3_int64>((*handle(file).node)->content.size());
    return SQLITE_OK;
  }

  // One lock a file: shared counts as exclusive, which is all that exclusive locking needs.
  static int lock(sqlite3_file* file, int level) {
    SimDisk::Handle& h = handle(file);
    if (dead(h)) return SQLITE_IOERR_LOCK;
    SimDisk::Handle*& owner = (*h.node)->owner;
    if (owner != nullptr && owner != &h && owner->generation == h.disk->generation_)
      return SQLITE_BUSY;
    owner = &h;
    h.lock = std::max(h.lock, level);
    return SQLITE_OK;
  }
  static int unlock(sqlite3_file* file, int level) {
    SimDisk::Handle& h = handle(file);
    h.lock = std::min(h.lock, level);
    if (level == SQLITE_LOCK_NONE && (*h.node)->owner == &h) (*h.node)->owner = nullptr;
    return SQLITE_OK;
  }
  static int check_reserved(sqlite3_file* file, int* out) {
    *out = handle(file).lock >= SQLITE_LOCK_RESERVED ? 1 : 0;
    return SQLITE_OK;
  }
  static int control(sqlite3_file* file, int op, void* argument) {
    if (op != SQLITE_FCNTL_LAST_ERRNO) return SQLITE_NOTFOUND;
    *static_cast<int*>(argument) = handle(file).disk->errno_;
    return SQLITE_OK;
  }
  static int sector_size(sqlite3_file*) { return 512; }
  static int characteristics(sqlite3_file*) { return 0; }

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags,
                  int* flags_out) {
    SimDisk& d = disk(vfs);
    file->pMethods = nullptr;
    if (d.died()) return SQLITE_CANTOPEN;
    if (d.read_only_ && (flags & SQLITE_OPEN_READWRITE) != 0) return SQLITE_CANTOPEN;
    const std::string name = path == nullptr ? "/temporary-" + std::to_string(d.random_()) : path;
    auto at = d.names_.find(name);
    if (at == d.names_.end()) {
      if ((flags & SQLITE_OPEN_CREATE) == 0 || !d.count_operation()) return SQLITE_CANTOPEN;
      at = d.names_.emplace(name, std::make_shared<SimDisk::Node>()).first;
    }
    const bool journal = (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
    new (file) SimDisk::Handle{{methods()},
                               &d,
                               new std::shared_ptr<SimDisk::Node>(at->second),
                               d.generation_,
                               SQLITE_LOCK_NONE,
                               journal,
                               path == nullptr || (flags & SQLITE_OPEN_DELETEONCLOSE) != 0,
                               new std::string(name)};
    if (flags_out != nullptr) *flags_out = flags;
    return SQLITE_OK;
  }

  static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    SimDisk& d = disk(vfs);
    if (!d.count_operation()) return SQLITE_IOERR_DELETE;
    const auto at = d.names_.find(path);
    if (at == d.names_.end()) return SQLITE_IOERR_DELETE_NOENT;
    d.names_.erase(at);
    if (sync_directory != 0) d.sync_directory();
    return SQLITE_OK;
  }

  static int access(sqlite3_vfs* vfs, const char* path, int, int* out) {
    *out = disk(vfs).names_.contains(path) ? 1 : 0;
    return SQLITE_OK;
  }
  static int full_path(sqlite3_vfs*, const char* path, int room, char* out) {
    sqlite3_snprintf(room, out, "%s", path);
    return SQLITE_OK;
  }
  static int randomness(sqlite3_vfs* vfs, int count, char* out) {
    for (int i = 0; i < count; ++i) out[i] = static_cast<char>(disk(vfs).random_());
    return count;
  }
  static int sleep(sqlite3_vfs*, int microseconds) { return microseconds; }
  static int current_time(sqlite3_vfs*, double* out) {
    *out = 2460676.5;  // A day in 2025: nothing here depends on it.
    return SQLITE_OK;
  }
  static int last_error(sqlite3_vfs*, int, char*) { return 0; }

  static const sqlite3_io_methods* methods() {
    static constexpr sqlite3_io_methods kMethods = {
        1,       close,          read,    write,       truncate,        sync,    file_size, lock,
        unlock,  check_reserved, control, sector_size, characteristics, nullptr, nullptr,   nullptr,
        nullptr, nullptr,        nullptr};
    return &kMethods;
  }
};

SimDisk::SimDisk(std::string name, std::uint64_t seed) : name_(std::move(name)), random_(seed) {
  vfs_.iVersion = 1;
  vfs_.szOsFile = static_cast<int>(sizeof(Handle));
  vfs_.mxPathname = 512;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = SimVfs::open;
  vfs_.xDelete = SimVfs::remove;
  vfs_.xAccess = SimVfs::access;
  vfs_.xFullPathname = SimVfs::full_path;
  vfs_.xRandomness = SimVfs::randomness;
  vfs_.xSleep = SimVfs::sleep;
  vfs_.xCurrentTime = SimVfs::current_time;
  vfs_.xGetLastError = SimVfs::last_error;
  sqlite3_vfs_register(&vfs_, 0);
}

SimDisk::~SimDisk() { sqlite3_vfs_unregister(&vfs_); }

bool SimDisk::count_operation() {
  if (died()) return false;
  ++operations_;
  return !died();
}

void SimDisk::kill() {
  ++generation_;
  fail_after_ = 0;
  for (const auto& [name, node] : names_) node->owner = nullptr;
}

// Each name, then each write, sector by sector: kept or lost. What is kept may be younger than
// what is lost: disks reorder.
void SimDisk::power_cut() {
  for (auto& [name, node] : names_) lose_unsynced(*node);
  std::map<std::string, std::shared_ptr<Node>> names = durable_names_;
  for (const auto& [name, node] : names_) {
    const auto before = durable_names_.find(name);
    const bool same = before != durable_names_.end() && before->second == node;
    if (!same && random_() % 2 == 0) names[name] = node;  // A creation that made it.
  }
  for (const auto& [name, node] : durable_names_) {
    if (names_.contains(name)) continue;
    lose_unsynced(*node);
    if (random_() % 2 == 0) names.erase(name);  // A deletion that made it.
  }
  names_ = durable_names_ = names;
  kill();
}

void SimDisk::lose_unsynced(Node& node) {
  constexpr std::size_t kSector = 512;
  const unsigned style = static_cast<unsigned>(random_() % 4);  // All, none, a mixture, a prefix.
  const std::size_t prefix = node.changes.empty() ? 0 : random_() % (node.changes.size() + 1);
  for (std::size_t i = 0; i < node.changes.size(); ++i) {
    const Change& change = node.changes[i];
    if (style == 1 || (style == 3 && i >= prefix)) break;
    if (change.truncate) {
      if (style != 2 || random_() % 2 == 0) node.durable.resize(change.offset);
      continue;
    }
    for (std::size_t at = 0; at < change.bytes.size();) {
      const std::size_t to_end = kSector - (change.offset + at) % kSector;
      const std::size_t count = std::min(to_end, change.bytes.size() - at);
      if (style != 2 || random_() % 2 == 0) {
        SimVfs::apply(node.durable, {change.offset + at, change.bytes.substr(at, count), false});
      }
      at += count;
    }
  }
  node.changes.clear();
  node.content = node.durable;
}

std::uint64_t SimDisk::used() const {
  std::uint64_t sum = 0;
  for (const auto& [name, node] : names_) sum += node->content.size();
  return sum;
}

std::vector<std::string> SimDisk::files() const {
  std::vector<std::string> files;
  for (const auto& [name, node] : names_) files.push_back(name);
  return files;
}

void SimDisk::spoil(const std::string& path, std::uint64_t offset) {
  names_.at(path)->spoiled.push_back(offset);
}

void SimDisk::remove(const std::string& path) {
  names_.erase(path);
  durable_names_.erase(path);
}

std::string* SimDisk::content(const std::string& path) {
  const auto at = names_.find(path);
  return at == names_.end() ? nullptr : &at->second->content;
}

}  // namespace petiole::test
