// The SQLite connection: runs plans. Used by open_store, then by the store's worker alone.
#pragma once

#include <sqlite3.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/disk.h"
#include "storage/plan.h"

namespace petiole {

// PRAGMA user_version. 2: the checksum of a segment is over its log, too; rows of 1 stay as they
// are.
inline constexpr int kSchemaVersion = 2;
inline constexpr std::int64_t kApplicationId = 0x50544c45;  // PRAGMA application_id: "PTLE".

struct SqliteClose {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using SqliteHandle = std::unique_ptr<sqlite3, SqliteClose>;

// A prepared statement. bind() counts from 1, as SQLite does; columns count from 0.
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* db, const char* sql);
  explicit operator bool() const { return statement_ != nullptr; }

  Statement& bind(int at, std::int64_t value);
  Statement& bind(int at, std::uint64_t value) {
    return bind(at, static_cast<std::int64_t>(value));
  }
  Statement& bind_text(int at, std::string_view value);
  Statement& bind_blob(int at,
                       std::string_view value);  // Not copied: valid until run() or reset().
  int step();  // SQLITE_ROW, SQLITE_DONE or an extended error code.
  void reset();
  int run();  // step() and reset(): SQLITE_OK or an error.

  std::int64_t number(int column) const;
  std::uint64_t unsigned_number(int column) const {
    return static_cast<std::uint64_t>(number(column));
  }
  std::string_view bytes(int column) const;  // Valid until the next step() or reset().

 private:
  std::unique_ptr<sqlite3_stmt, SqliteClose> statement_;
};

// The row of a segment, without its data.
struct SegmentRow {
  SegmentId id = 0;
  LogId log = 0;
  SegmentHead head;
  std::uint32_t crc = 0;

  // Whether it is a row of `of` as it was written, by this schema or by the first.
  bool sums_up(LogId of, std::string_view index, std::string_view data) const {
    return checksum(of, head, index, data) == crc || checksum(0, head, index, data) == crc;
  }
};
inline constexpr const char* kSegmentColumns =
    "id, log, first, last, count, bytes, first_time, last_time, crc";
SegmentRow segment_row(const Statement& statement);  // Of a SELECT of kSegmentColumns first.

struct DatabaseOptions {
  std::string path;
  std::uint64_t wal_bytes_max = 4 << 20;  // Then it is copied into the database.
  std::uint64_t reserve_bytes = 0;        // Size of the file that is given up on a full disk.
  bool real_disk = true;                  // Ask the file system for its free space.
};

class Database {
 public:
  Database(std::unique_ptr<CountingVfs> vfs, DatabaseOptions options);
  ~Database();

  // Opens the file for exclusive use and makes the schema when it is new. The result is SQLite's
  // extended code: SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_CANTOPEN …
  int open();
  // Switches to WAL, makes the schema when there is none, prepares the statements.
  int start();
  // Commits `plan` and says on disk whether the database was left in order. SQLite's code.
  int mark(const CommitPlan& plan, bool clean);

  CommitResult commit(const CommitPlan& plan);
  ReadResult read(const ReadPlan& plan);
  // Copies the WAL into the database and empties it. SQLite's code.
  int empty_wal();
  // The same; the WAL keeps its size while there is no reserve.
  int copy_back();
  // The same; gives free pages back where that is cheap.
  CommitResult settle();
  // Commits `plan`, marks a clean end, closes. `before` is the group that was committed last: it
  // is tried once more if the disk was full; `late` was removed while its compactions ran.
  void close(const CommitPlan& before, CommitPlan plan, const std::vector<LateRemovals>& late);
  // Looks how much the disk has left, writes nothing.
  CommitResult probe();
  // Closes and leaves the files as they are.
  void abandon();

  // Leaves the mark that a disk failed; false: not even that. See StoreRecovery::doubtful.
  bool note_doubt();
  bool doubted();
  void forget_doubt();

  void make_reserve();
  void release_reserve();
  DiskUse use();
  sqlite3* handle() { return db_.get(); }
  CountingVfs& vfs() { return *vfs_; }
  const std::string& path() const { return options_.path; }
  Status status_of(int rc) const;

 private:
  int make_schema();
  int write_plan(const CommitPlan& plan);  // All but the compactions.
  int write_inserts(const CommitPlan& plan);
  int insert_segment(SegmentId id, LogId log, const Segment& segment);
  int compact(const Compaction& plan, CompactionDone& done);
  int transaction(const CommitPlan& plan, bool with_compactions, std::vector<CompactionDone>& done);
  int drop_segment(SegmentId id);
  std::uint64_t growth_to_come();
  int hold_room(std::uint64_t bytes);
  void let_go(std::uint64_t bytes);
  int checkpoint(int mode);
  bool moved();
  std::optional<std::uint64_t> disk_free() const;  // As the file system tells.
  void look_at_disk();
  void note_refusal();
  bool shrink_pays();
  std::string doubt_path() const { return options_.path + "-doubt"; }
  std::string reserve_path() const { return options_.path + "-reserve"; }

  struct Loaded {  // A segment in memory.
    SegmentId id = 0;
    std::shared_ptr<const std::string> data;
    std::vector<RecordView> records;
  };
  // SQLITE_OK, SQLITE_NOTFOUND, SQLITE_CORRUPT for a damaged one, or an I/O error.
  int load(SegmentId id, Loaded& loaded);
  void add_late(const LateRemovals& late, CommitPlan& plan);
  bool given_up(SegmentId id);

  std::unique_ptr<CountingVfs> vfs_;
  DatabaseOptions options_;
  SqliteHandle db_;
  Statement begin_, commit_, rollback_, insert_, drop_, drop_removed_, removal_, log_, state_,
      load_;
  Statement page_count_, free_count_, clean_;
  Segment scratch_;                   // For compactions.
  Loaded cached_;                     // The segment that was read last.
  std::map<SegmentId, int> refused_;  // How often the disk did not give a segment.
  std::uint64_t wal_bytes_ = 0;
  std::uint64_t bytes_free_ = UINT64_MAX;
  std::uint64_t bytes_denied_ = 0;  // That the file system told of, and did not give.
  Errc last_commit_ = Errc::kOk;
  bool reserve_ = false;  // The reserve file is there.
};

int execute(sqlite3* db, const char* sql);  // SQLITE_OK or an extended error code.

}  // namespace petiole
