// A disk that exists in memory: a SQLite VFS that loses power, fills up and fails as it is told.
//
// What was written is seen at once; what was not synced may be lost, torn at a sector or kept, in
// any mixture, when the power is cut. Files belong to the simulated machine and outlive its
// processes. One thread; any number of disks, each a VFS under its own name.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace petiole::test {

class SimDisk {
 public:
  SimDisk(std::string name, std::uint64_t seed);
  ~SimDisk();
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  const std::string& name() const { return name_; }

  // The machine loses power: handles die, unsynced writes are lost, torn or kept by the seed.
  void power_cut();
  // The process dies: handles die, all that was written stays.
  void kill();
  // From the n-th operation that changes the disk (write, truncate, sync, delete) on, all fail as
  // if the process were gone, until power_cut() or kill(). 0: off.
  void fail_after(std::uint64_t operations) {
    fail_after_ = operations == 0 ? 0 : operations_ + operations;
  }
  bool died() const { return fail_after_ != 0 && operations_ >= fail_after_; }

  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }
  void set_read_only(bool on) { read_only_ = on; }
  // Errors of the next so many operations of a kind.
  void fail_writes(int count) { failing_writes_ = count; }
  void set_errno(int error) { errno_ = error; }  // That they leave.
  void fail_syncs(int count) { failing_syncs_ = count; }
  void fail_reads(int count) { failing_reads_ = count; }
  // Reads of this place fail from now on.
  void spoil(const std::string& path, std::uint64_t offset);

  std::uint64_t operations() const { return operations_; }
  std::uint64_t bytes_written() const { return bytes_written_; }
  std::uint64_t syncs() const { return syncs_; }
  std::uint64_t refused_reads() const { return refused_reads_; }  // Of spoiled places.
  std::uint64_t used() const;
  std::vector<std::string> files() const;
  std::string* content(
      const std::string& path);          // Null when there is none; may be damaged at will.
  void remove(const std::string& path);  // By hand.

  struct Node;    // A file, named or not.
  struct Handle;  // An open one; what SQLite holds.

 private:
  friend struct SimVfs;
  struct Change {  // Since the last sync, oldest first.
    std::uint64_t offset = 0;
    std::string bytes;
    bool truncate = false;  // To `offset`.
  };

  bool count_operation();  // False: the operation fails, the process is as good as dead.
  void lose_unsynced(Node& node);
  void sync_directory() { durable_names_ = names_; }

  std::string name_;
  sqlite3_vfs vfs_{};
  std::mt19937_64 random_;
  std::map<std::string, std::shared_ptr<Node>> names_, durable_names_;
  std::uint64_t generation_ = 1;  // Of the process; handles of an older one are dead.
  std::uint64_t operations_ = 0, fail_after_ = 0;
  std::uint64_t bytes_written_ = 0, syncs_ = 0, refused_reads_ = 0;
  std::uint64_t capacity_ = UINT64_MAX;
  bool read_only_ = false;
  int failing_writes_ = 0, failing_syncs_ = 0, failing_reads_ = 0, errno_ = 0;
};

}  // namespace petiole::test
