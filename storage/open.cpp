// open_store: finds, checks, recovers and claims the database.
#include <algorithm>

#include "platform/files.h"
#include "storage/salvage.h"
#include "storage/salvage_copy.h"
#include "storage/sqlite_store.h"

namespace petiole {
namespace {

constexpr const char* kFileName = "petiole.db";

// Above all sequences that an ended run can have handed out and not committed: a record takes
// kRecordOverheadBytes of StoreBudget::pending_max at least, which is 8 MiB at most.
constexpr Sequence kSequenceSkip = (8 << 20) / kRecordOverheadBytes;

constexpr int kOpenTries = 3;
constexpr int kOpenAgainMicroseconds = 1'000'000;

Status make_store_directory(const std::string& dir) {
  if (make_directory(dir).ok()) return {};
  if (file_exists(dir)) return {Errc::kPermission, "not a directory"};
  return {Errc::kPermission, "the directory cannot be made; its parent must exist and be writable"};
}

// What the store has and what it may still take.
std::uint64_t bytes_on_disk(const StoreOptions& options) {
  const auto free = free_bytes(options.dir);
  if (!free) return options.bytes_max;
  std::uint64_t ours = 0;
  for (const char* part : {"", "-wal", "-shm", "-reserve"}) {
    ours += file_bytes(options.dir + "/" + kFileName + part).value_or(0);
  }
  return std::max(kBytesMaxLeast, ours + *free);
}

// That a file may not grow must not be found out in the middle of a checkpoint.
std::uint64_t bytes_in_files(const StoreOptions& options) {
  const std::uint64_t most = file_bytes_max(options.dir);
  return std::clamp(most, kBytesMaxLeast, options.bytes_max);
}

StoreResult refuse(const std::string& path, Status status) {
  return {nullptr, status, path + ": " + std::string(status.text())};
}

Status status_of_open(int rc) {
  if (rc == SQLITE_IOERR_LOCK) {
    return {Errc::kStorage, "its file system takes no locks; choose a directory on another"};
  }
  switch (rc & 0xff) {
    case SQLITE_OK:
      return {};
    case SQLITE_BUSY:
      return {Errc::kBusy, "in use by another petiole; each needs a directory of its own"};
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return {
          Errc::kPermission,
          "cannot be opened for writing; check owner and mode of file and directory, and that the "
          "disk is not read-only"};
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return {Errc::kCorrupt, "damaged"};
    case SQLITE_FULL:
      return {Errc::kStorageFull, "no room on the disk to open it"};
    default:
      return {Errc::kStorage, "the disk refused a read or a write"};
  }
}

// The numbers of the header as they stand in the file, read without touching anything.
Status check_header(CountingVfs& vfs, const std::string& path) {
  const FileHeader header = read_header(vfs, path);
  if (!header.sqlite) return {};  // Missing, empty or damaged: the open finds out which.
  if (header.application_id != kApplicationId && header.application_id != 0) {
    return {Errc::kPermission, "holds another program's data; choose another directory"};
  }
  if (header.version > kSchemaVersion) {
    return {Errc::kNewerSchema,
            "written by a newer petiole; run that one, or choose another directory"};
  }
  return {};
}

// The numbers of a run before; those that are not there stay as they are.
int load_meta(sqlite3* db, StoreImage& image) {
  Statement rows(db, "SELECT key, value FROM meta");
  bool clean = false;
  int rc = rows.step();
  for (; rc == SQLITE_ROW; rc = rows.step()) {
    const std::string_view key = rows.bytes(0);
    if (key == "epoch") image.epoch = static_cast<std::uint32_t>(rows.number(1));
    if (key == "floor") image.floor = rows.unsigned_number(1);
    if (key == "clean") clean = rows.number(1) != 0;
  }
  image.recovery.created = image.epoch == 0;
  image.recovery.unclean = image.epoch != 0 && !clean;
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int load_logs(sqlite3* db, std::map<LogId, std::pair<LogWrite, Directory>>& logs) {
  Statement rows(db, "SELECT id, name, first, last, dropped FROM log");
  int rc = rows.step();
  for (; rc == SQLITE_ROW; rc = rows.step()) {
    LogWrite row;
    row.id = rows.number(0);
    row.name = rows.bytes(1);
    row.first = std::max<Sequence>(rows.unsigned_number(2), 1);
    row.last = rows.unsigned_number(3);
    row.dropped = rows.number(4) != 0;
    logs[row.id].first = std::move(row);
  }
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

// The offsets of a segment with gaps, from its index.
int load_offsets(Statement& load, const SegmentRow& row, std::vector<std::uint32_t>& offsets) {
  load.bind(1, row.id);
  const int rc = load.step();
  if (rc == SQLITE_ROW) offsets = sequence_offsets(row.head, load.bytes(0));
  load.reset();
  return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

bool plausible(const SegmentRow& row) {
  return row.id > 0 && row.head.count > 0 && row.head.first > 0 &&
         row.head.last >= row.head.first && row.head.last - row.head.first >= row.head.count - 1;
}

int load_removals(sqlite3* db, std::map<SegmentId, Bits>& removals) {
  Statement rows(db, "SELECT id, bits FROM removed");
  int rc = rows.step();
  for (; rc == SQLITE_ROW; rc = rows.step()) removals[rows.number(0)] = Bits::decode(rows.bytes(1));
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int load_states(sqlite3* db, StoreImage& image) {
  Statement rows(db, "SELECT key, value FROM state");
  int rc = rows.step();
  for (; rc == SQLITE_ROW; rc = rows.step())
    image.states[std::string(rows.bytes(0))] = rows.bytes(1);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int load_segments(sqlite3* db, StoreImage& image,
                  std::vector<std::pair<LogId, SegmentInfo>>& infos) {
  std::map<SegmentId, Bits> removals;
  int rc = load_removals(db, removals);
  if (rc != SQLITE_OK) return rc;
  // The id of a segment that never came to disk may be in use here: it must not come again.
  if (!removals.empty()) image.next_id = removals.rbegin()->first + 1;
  const std::string sql = std::string("SELECT ") + kSegmentColumns + " FROM segment";
  Statement rows(db, sql.c_str());
  Statement index(db, "SELECT idx FROM segment WHERE id=?");
  for (rc = rows.step(); rc == SQLITE_ROW; rc = rows.step()) {
    const SegmentRow row = segment_row(rows);
    if (!plausible(row)) return SQLITE_CORRUPT;
    image.next_id = std::max(image.next_id, row.id + 1);
    std::vector<std::uint32_t> offsets;
    if (!row.head.contiguous()) {
      const int loaded = load_offsets(index, row, offsets);
      if (loaded != SQLITE_OK) return loaded;
      if (offsets.empty()) return SQLITE_CORRUPT;
    }
    SegmentInfo info = make_info(row.id, row.head, std::move(offsets));
    if (const auto at = removals.find(row.id); at != removals.end()) {
      info.make_details().removed = at->second;
      for (std::size_t i = 0; i < info.count; ++i) info.removed += at->second.get(i) ? 1 : 0;
    }
    infos.emplace_back(row.log, std::move(info));
  }
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int load_image(Database& database, StoreImage& image) {
  sqlite3* db = database.handle();
  std::map<LogId, std::pair<LogWrite, Directory>> logs;
  std::vector<std::pair<LogId, SegmentInfo>> infos;
  int rc = load_logs(db, logs);
  if (rc == SQLITE_OK) rc = load_segments(db, image, infos);
  if (rc == SQLITE_OK) rc = load_states(db, image);
  if (rc == SQLITE_OK) rc = load_meta(db, image);
  if (rc != SQLITE_OK) return rc;
  std::sort(infos.begin(), infos.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first, a.second.first) < std::pair(b.first, b.second.first);
  });
  for (auto& [log, info] : infos) {
    const auto at = logs.find(log);
    if (at == logs.end() || info.first <= at->second.second.last()) return SQLITE_CORRUPT;
    // Nothing is alive in it: a damaged one that was given up.
    if (info.live() > 0) at->second.second.add(std::move(info));
  }
  for (auto& [id, log] : logs) image.logs.push_back(std::move(log));
  const auto salvaged = image.states.find(kSalvageKey);
  if (salvaged == image.states.end() || salvaged->second.empty()) return SQLITE_OK;
  read_salvage(salvaged->second, image.recovery);
  image.recovery.created = false;
  image.recovery.unclean = true;
  return SQLITE_OK;
}

// Message ids are made of the epoch, and no record has one: a copy of this database, an image for
// many boxes perhaps, must not make the same ids. Not after each crash: whoever knows our messages
// by them knows so many lives of a log.
bool begins_anew(const StoreImage& image) {
  return !image.recovery.unclean && std::all_of(image.logs.begin(), image.logs.end(),
                                                [](const auto& log) { return log.second.empty(); });
}

// Makes the database ours: marked as in use, and after a crash with sequences that no one has seen.
int claim(Database& database, StoreImage& image, std::uint64_t random) {
  CommitPlan plan;
  // What a salvage could not read may have had as many.
  const Sequence skip = image.recovery.quarantined.empty() ? kSequenceSkip : 2 * kSequenceSkip;
  if (image.recovery.unclean) {
    for (auto& [row, directory] : image.logs) {
      row.last = std::max({row.last, directory.last(), row.first - 1}) + skip;
      plan.logs.push_back(row);
    }
  }
  // A log that the crash took whole starts above what it can have reached.
  image.floor = image.recovery.unclean ? image.floor + skip : 0;
  const std::string floor =
      "INSERT OR REPLACE INTO meta VALUES('floor'," + std::to_string(image.floor) + ")";
  int rc = execute(database.handle(), floor.c_str());
  if (rc != SQLITE_OK) return rc;
  if (image.epoch == 0 || begins_anew(image)) {
    image.epoch = static_cast<std::uint32_t>(random ^ (random >> 32)) | 1;
    const std::string sql =
        "INSERT OR REPLACE INTO meta VALUES('epoch'," + std::to_string(image.epoch) + ")";
    rc = execute(database.handle(), sql.c_str());
    if (rc != SQLITE_OK) return rc;
  }
  return database.mark(plan, false);
}

int open_once(Database& database, StoreImage& image, std::uint64_t random) {
  image = {};
  int rc = database.open();
  if (rc == SQLITE_OK) rc = database.start();
  // What a crash left in the WAL goes first: behind it there may be no room for a word.
  if (rc == SQLITE_OK) (void)database.copy_back();
  if (rc == SQLITE_OK) rc = load_image(database, image);
  if (rc == SQLITE_OK) rc = claim(database, image, random);
  return rc;
}

bool unreadable(int rc) { return rc == SQLITE_IOERR_READ || rc == SQLITE_IOERR_SHORT_READ; }

// A bus that has a bad moment gives it a little later. Where others took all room the WAL and the
// reserve have some.
int open_and_load(Database& database, StoreImage& image, std::uint64_t random) {
  int rc = open_once(database, image, random);
  if ((rc & 0xff) == SQLITE_FULL) {
    (void)database.empty_wal();
    database.abandon();
    database.release_reserve();
    rc = open_once(database, image, random);
  }
  for (int tries = 1; unreadable(rc) && tries < kOpenTries; ++tries) {
    database.abandon();
    sqlite3_vfs& vfs = database.vfs().below();
    (void)vfs.xSleep(&vfs, kOpenAgainMicroseconds);
    rc = open_once(database, image, random);
  }
  return rc;
}

// A place that cannot be read, and goes on to be so, is as good as damaged; a disk that gives
// nothing at all is not there, and may be at the next start.
bool to_be_salvaged(CountingVfs& vfs, const std::string& path, int rc) {
  if (status_of_open(rc).code() == Errc::kCorrupt) return true;
  return unreadable(rc) && gives_any(vfs, path);
}

}  // namespace

StoreResult open_store(const StoreOptions& options, Loop& loop, Worker& worker, Clock& clock,
                       std::uint64_t random) {
  const std::string path = options.dir + "/" + kFileName;
  if (options.bytes_max < kBytesMaxLeast) {
    return refuse(path, {Errc::kConfig, "the limit is too small; a store needs 4 MiB at least"});
  }
  const bool real = options.vfs.empty();
  auto vfs = CountingVfs::make(options.vfs);
  if (!vfs) return refuse(path, {Errc::kUnsupported, "no such SQLite VFS"});
  if (real) {
    const Status made = make_store_directory(options.dir);
    if (!made.ok()) return refuse(options.dir, made);
  }
  // The parts are shares of what there is: a limit above the disk's size must not leave nothing.
  // The limit itself stays, for a disk that has room again.
  StoreOptions fitting = options;
  const std::uint64_t most = real ? bytes_in_files(options) : options.bytes_max;
  if (real) fitting.bytes_max = std::min(most, bytes_on_disk(options));
  StoreBudget budget = make_budget(fitting);
  budget.bytes_max = most;
  Status status = check_header(*vfs, path);
  if (!status.ok()) return refuse(path, status);
  status = finish_salvage(*vfs, path, real, clock.wall());
  if (!status.ok()) return refuse(path, status);
  const DatabaseOptions settings{path, budget.wal_max, budget.reserve, real};
  auto database = std::make_shared<Database>(std::move(vfs), settings);
  StoreImage image;
  int rc = open_and_load(*database, image, random);
  if (to_be_salvaged(database->vfs(), path, rc)) {
    status = salvage(database, settings, real, clock.wall());
    if (!status.ok()) return refuse(path, status);
    rc = open_and_load(*database, image, random);
  }
  status = status_of_open(rc);
  if (!status.ok()) return refuse(path, status);
  forget_salvage(database->vfs(), path);
  image.recovery.doubtful = database->doubted();
  database->make_reserve();
  auto store = std::make_unique<SqliteStore>(std::move(database), budget, std::move(image), loop,
                                             worker, clock);
  return {std::move(store), {}, {}};
}

}  // namespace petiole
