// A thin SQLite VFS over another one: counts the bytes written and how large the files are, and
// remembers a failed sync. Each store has its own, under a name of its own.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace petiole {

inline constexpr std::uint64_t kPageBytes = 4096;  // Of a database.

// Used by one thread at a time.
class CountingVfs {
 public:
  // Over the VFS named `below`; empty: the system's. Null when there is none of that name.
  static std::unique_ptr<CountingVfs> make(const std::string& below);
  ~CountingVfs();
  CountingVfs(const CountingVfs&) = delete;
  CountingVfs& operator=(const CountingVfs&) = delete;

  const char* name() const { return name_.c_str(); }
  std::uint64_t bytes_written() const { return bytes_written_; }
  std::uint64_t file_bytes() const;
  std::uint64_t bytes_of(const std::string& path) const;
  bool sync_failed() const { return sync_failed_; }
  // From now on all is read that can be: what is not there ends a WAL, as a torn page does, and is
  // not asked for again, as a disk may take seconds to say no.
  void salvage() { salvages_ = true; }
  bool wal_cut() const { return wal_cut_; }

  // For the methods of the VFS.
  sqlite3_vfs& below() { return *below_; }
  void opened(const std::string& path, std::uint64_t bytes) { sizes_[path] = bytes; }
  void wrote(const std::string& path, std::uint64_t offset, std::uint64_t bytes);
  void resized(const std::string& path, std::uint64_t bytes) { sizes_[path] = bytes; }
  void deleted(const std::string& path) { sizes_.erase(path); }
  void sync_done(bool ok) { sync_failed_ = sync_failed_ || !ok; }
  bool salvages() const { return salvages_; }
  void wal_ends() { wal_cut_ = true; }
  std::set<std::pair<std::string, std::int64_t>>& unreadable() { return unreadable_; }

 private:
  explicit CountingVfs(sqlite3_vfs& below);

  sqlite3_vfs* below_;
  std::string name_;
  sqlite3_vfs vfs_{};
  std::map<std::string, std::uint64_t> sizes_;
  std::uint64_t bytes_written_ = 0;
  bool sync_failed_ = false;
  bool salvages_ = false, wal_cut_ = false;
  std::set<std::pair<std::string, std::int64_t>> unreadable_;  // While it salvages: path, offset.
};

}  // namespace petiole
