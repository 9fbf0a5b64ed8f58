#include "storage/database.h"

#include <algorithm>
#include <utility>

#include "platform/files.h"

namespace petiole {
namespace {

constexpr const char* kSchema =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
    "CREATE TABLE log(id INTEGER PRIMARY KEY, name TEXT, first INTEGER, last INTEGER, dropped "
    "INTEGER);"
    // `crc` and what a start needs stand before the blobs: reading those skips the blobs' pages.
    "CREATE TABLE segment(id INTEGER PRIMARY KEY, log INTEGER, first INTEGER, last INTEGER,"
    " count INTEGER, bytes INTEGER, first_time INTEGER, last_time INTEGER, crc INTEGER,"
    " idx BLOB, data BLOB);"
    "CREATE TABLE removed(id INTEGER PRIMARY KEY, bits BLOB);"
    "CREATE TABLE state(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;";

// secure_delete would write zeros over what is freed; some distributions switch it on.
constexpr const char* kPragmas =
    "PRAGMA page_size=4096; PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY;"
    "PRAGMA cache_size=-768; PRAGMA mmap_size=0; PRAGMA secure_delete=OFF; PRAGMA auto_vacuum=NONE;"
    "PRAGMA trusted_schema=OFF;";

constexpr const char* kMoved =
    "the database was removed or moved under the running petiole, and a restart will not find it";
constexpr int kReadTries = 10;  // Each is a later call of read().
// One that was killed has its lock until the write that it was in is over: seconds on an SD card.
constexpr int kLockMillisMax = 3000;
constexpr std::uint64_t kShrinkLiveMax = 1 << 20;  // So much is rewritten to give pages back,
constexpr std::uint64_t kShrinkFreeMin = 8 << 20;  // at least so much.

}  // namespace

Database::Database(std::unique_ptr<CountingVfs> vfs, DatabaseOptions options)
    : vfs_(std::move(vfs)), options_(std::move(options)) {}

Database::~Database() { abandon(); }

int Database::open() {
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  int rc = sqlite3_open_v2(options_.path.c_str(), &db, flags, vfs_->name());
  db_.reset(db);
  if (rc != SQLITE_OK) return sqlite3_extended_errcode(db);
  sqlite3_extended_result_codes(db, 1);
  // SQLite falls back to reading where it may not write; its lock then fails without a clear word.
  if (sqlite3_db_readonly(db, "main") == 1) return SQLITE_READONLY;
  // A close that was not asked for leaves all files as they are.
  sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_busy_timeout(db, kLockMillisMax);
  rc = execute(db, kPragmas);
  if (rc != SQLITE_OK) return rc;
  // Takes the lock, or says SQLITE_BUSY; recovers the WAL.
  return execute(db, "SELECT count(*) FROM sqlite_schema");
}

int Database::start() {
  sqlite3* db = db_.get();
  int rc =
      execute(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;");
  if (rc != SQLITE_OK) return rc;
  sqlite3_wal_hook(
      db,
      [](void* context, sqlite3*, const char*, int frames) {
        static_cast<Database*>(context)->wal_bytes_ =
            static_cast<std::uint64_t>(frames) * (kPageBytes + 24);
        return SQLITE_OK;
      },
      this);
  rc = make_schema();
  if (rc != SQLITE_OK) return rc;
  begin_ = {db, "BEGIN IMMEDIATE"};
  commit_ = {db, "COMMIT"};
  rollback_ = {db, "ROLLBACK"};
  insert_ = {db, "INSERT INTO segment VALUES(?,?,?,?,?,?,?,?,?,?,?)"};
  drop_ = {db, "DELETE FROM segment WHERE id=?"};
  drop_removed_ = {db, "DELETE FROM removed WHERE id=?"};
  removal_ = {db, "INSERT OR REPLACE INTO removed VALUES(?,?)"};
  log_ = {db, "INSERT OR REPLACE INTO log VALUES(?,?,?,?,?)"};
  state_ = {db, "INSERT OR REPLACE INTO state VALUES(?,?)"};
  const std::string load =
      std::string("SELECT ") + kSegmentColumns + ", idx, data FROM segment WHERE id=?";
  load_ = {db, load.c_str()};
  page_count_ = {db, "PRAGMA page_count"};
  free_count_ = {db, "PRAGMA freelist_count"};
  clean_ = {db, "INSERT OR REPLACE INTO meta VALUES('clean',?)"};
  return insert_ && drop_ && drop_removed_ && removal_ && log_ && state_ && load_ && clean_
             ? SQLITE_OK
             : sqlite3_extended_errcode(db);
}

// When there is none, or an older one.
int Database::make_schema() {
  sqlite3* db = db_.get();
  Statement state(db,
                  "SELECT (SELECT count(*) FROM sqlite_schema WHERE name='segment'), user_version "
                  "FROM pragma_user_version");
  const bool known = state.step() == SQLITE_ROW;
  const bool fresh = known && state.number(0) == 0;
  const bool older = known && state.number(1) < kSchemaVersion;
  state.reset();
  if (!older) return SQLITE_OK;
  const std::string sql = std::string("BEGIN IMMEDIATE;") + (fresh ? kSchema : "") +
                          "PRAGMA user_version=" + std::to_string(kSchemaVersion) +
                          ";PRAGMA application_id=" + std::to_string(kApplicationId) + ";COMMIT;";
  const int rc = execute(db, sql.c_str());
  // The header, with the schema's version, is then in the file itself and not in the WAL alone.
  return rc == SQLITE_OK ? checkpoint(SQLITE_CHECKPOINT_TRUNCATE) : rc;
}

Status Database::status_of(int rc) const {
  if (rc == SQLITE_OK) return {};
  if (vfs_->sync_failed()) return {Errc::kStorage, "a sync failed: nobody knows what is on disk"};
  switch (rc & 0xff) {
    case SQLITE_FULL:
      return {Errc::kStorageFull, "the disk is full"};
    case SQLITE_NOMEM:
      return {Errc::kStorageFull, "out of memory"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Errc::kStorage, "the database is damaged; a restart salvages it"};
    default:
      return {Errc::kStorage, "the disk refused a read or a write"};
  }
}

CommitResult Database::commit(const CommitPlan& plan) {
  CommitResult result;
  int rc = transaction(plan, true, result.compactions);
  if ((rc & 0xff) == SQLITE_FULL) note_refusal();
  if ((rc & 0xff) == SQLITE_FULL && reserve_) {
    release_reserve();
    (void)checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
    rc = transaction(plan, false, result.compactions);
  }
  // Old records that cannot be read must not stop new ones from being written.
  if ((rc == SQLITE_IOERR_READ || rc == SQLITE_IOERR_SHORT_READ || (rc & 0xff) == SQLITE_CORRUPT) &&
      !plan.compactions.empty()) {
    rc = transaction(plan, false, result.compactions);
    for (CompactionDone& done : result.compactions) done.damaged = true;
  }
  result.status = status_of(rc);
  last_commit_ = result.status.code();
  // Without a reserve at once: others may take the room by which the file is to grow, and a WAL
  // that cannot be copied back has none for what would free some.
  if (result.status.ok() && (wal_bytes_ >= options_.wal_bytes_max || !reserve_)) {
    // The group is on disk. A checkpoint without room is tried again after the next commit.
    const Status checkpointed = status_of(checkpoint(SQLITE_CHECKPOINT_PASSIVE));
    if (checkpointed.code() == Errc::kStorage) result.status = checkpointed;
  }
  if (result.status.ok() && moved()) result.status = {Errc::kStorage, kMoved};
  result.use = use();
  return result;
}

// Whether the file is no more where the next start looks for it: removed, renamed, or hidden by
// what was mounted over it. It takes writes all the same.
bool Database::moved() {
  int moved = 0;
  return sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
         moved != 0;
}

int Database::transaction(const CommitPlan& plan, bool with_compactions,
                          std::vector<CompactionDone>& done) {
  done.clear();
  int rc = begin_.run();
  if (rc == SQLITE_OK) rc = write_plan(plan);
  for (std::size_t i = 0; rc == SQLITE_OK && with_compactions && i < plan.compactions.size(); ++i) {
    rc = compact(plan.compactions[i], done.emplace_back());
  }
  const std::uint64_t growth = growth_to_come();
  if (rc == SQLITE_OK) rc = hold_room(growth);
  if (rc == SQLITE_OK) rc = commit_.run();
  if (rc != SQLITE_OK) {
    if (sqlite3_get_autocommit(db_.get()) == 0) (void)rollback_.run();
    done.clear();
  }
  let_go(growth);
  done.resize(plan.compactions.size());
  return rc;
}

// By which the file grows when the WAL is copied back, the open transaction with it.
std::uint64_t Database::growth_to_come() {
  (void)page_count_.step();
  const std::uint64_t bytes = page_count_.unsigned_number(0) * kPageBytes;
  page_count_.reset();
  // By SQLite's name for it: a directory may be given as a link, or from where the process runs.
  return bytes - std::min(bytes, vfs_->bytes_of(sqlite3_db_filename(db_.get(), "main")));
}

int Database::write_plan(const CommitPlan& plan) {
  int rc = SQLITE_OK;
  for (std::size_t i = 0; rc == SQLITE_OK && i < plan.removals.size(); ++i) {
    rc = removal_.bind(1, plan.removals[i].id).bind_blob(2, plan.removals[i].bits).run();
  }
  for (std::size_t i = 0; rc == SQLITE_OK && i < plan.drops.size(); ++i)
    rc = drop_segment(plan.drops[i]);
  if (rc == SQLITE_OK) rc = write_inserts(plan);
  for (std::size_t i = 0; rc == SQLITE_OK && i < plan.logs.size(); ++i) {
    const LogWrite& log = plan.logs[i];
    rc = log_.bind(1, log.id)
             .bind_text(2, log.name)
             .bind(3, log.first)
             .bind(4, log.last)
             .bind(5, std::int64_t{log.dropped})
             .run();
  }
  for (std::size_t i = 0; rc == SQLITE_OK && i < plan.states.size(); ++i) {
    rc = state_.bind_text(1, plan.states[i].first).bind_blob(2, plan.states[i].second).run();
  }
  return rc;
}

int Database::write_inserts(const CommitPlan& plan) {
  int rc = SQLITE_OK;
  for (std::size_t i = 0; rc == SQLITE_OK && i < plan.inserts.size(); ++i) {
    rc = insert_segment(plan.inserts[i].id, plan.inserts[i].log, plan.inserts[i].segment);
  }
  return rc;
}

int Database::insert_segment(SegmentId id, LogId log, const Segment& segment) {
  const SegmentHead& head = segment.head;
  const std::uint32_t crc = checksum(log, head, segment.index, segment.data);
  return insert_.bind(1, id)
      .bind(2, log)
      .bind(3, head.first)
      .bind(4, head.last)
      .bind(5, std::int64_t{head.count})
      .bind(6, head.bytes)
      .bind(7, head.first_time)
      .bind(8, head.last_time)
      .bind(9, std::int64_t{crc})
      .bind_blob(10, segment.index)
      .bind_blob(11, segment.data)
      .run();
}

int Database::drop_segment(SegmentId id) {
  const int rc = drop_.bind(1, id).run();
  return rc == SQLITE_OK ? drop_removed_.bind(1, id).run() : rc;
}

int Database::load(SegmentId id, Loaded& loaded) {
  loaded = {};
  load_.bind(1, id);
  const int rc = load_.step();
  if (rc != SQLITE_ROW) {
    load_.reset();
    return rc == SQLITE_DONE ? SQLITE_NOTFOUND : rc;
  }
  const SegmentRow row = segment_row(load_);
  const std::string_view index = load_.bytes(9);
  const std::string_view data = load_.bytes(10);
  bool good = row.sums_up(row.log, index, data);
  if (good) {
    loaded.data = std::make_shared<const std::string>(data);
    loaded.records.reserve(std::min<std::size_t>(row.head.count, index.size()));
    good = decode(row.head, index, *loaded.data, loaded.records).ok();
  }
  loaded.id = id;
  // An overflow page that cannot be read comes as an empty blob; its error is the connection's.
  const int error = good ? SQLITE_OK : sqlite3_extended_errcode(db_.get());
  load_.reset();
  if (good) return SQLITE_OK;
  return (error & 0xff) == SQLITE_IOERR || (error & 0xff) == SQLITE_NOMEM ? error : SQLITE_CORRUPT;
}

int Database::compact(const Compaction& plan, CompactionDone& done) {
  scratch_.clear();
  done = {};
  for (const auto& [id, removed] : plan.inputs) {
    Loaded loaded;
    const int rc = load(id, loaded);
    if ((rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_NOMEM) return rc;
    if (rc != SQLITE_OK) {  // Left as it is; a read will find and report it.
      done = {};
      done.damaged = true;
      return SQLITE_OK;
    }
    for (std::size_t i = 0; i < loaded.records.size(); ++i) {
      if (removed.get(i)) continue;
      scratch_.add(loaded.records[i]);
      done.offsets.push_back(
          static_cast<std::uint32_t>(loaded.records[i].sequence - scratch_.head.first));
    }
  }
  int rc = SQLITE_OK;
  for (std::size_t i = 0; rc == SQLITE_OK && i < plan.inputs.size(); ++i) {
    rc = drop_segment(plan.inputs[i].first);
  }
  if (rc == SQLITE_OK && scratch_.head.count > 0) rc = insert_segment(plan.id, plan.log, scratch_);
  done.ok = rc == SQLITE_OK;
  done.head = scratch_.head;
  if (done.head.count == 0 || done.head.contiguous()) done.offsets = {};
  return rc;
}

ReadResult Database::read(const ReadPlan& plan) {
  ReadResult result;
  std::size_t bytes = 0;
  result.page.next = plan.after;
  for (const ReadPlan::Part& part : plan.parts) {
    const int rc = cached_.id == part.id ? SQLITE_OK : load(part.id, cached_);
    if (rc != SQLITE_OK) {
      cached_ = {};
      const bool damaged = rc == SQLITE_NOTFOUND || (rc & 0xff) == SQLITE_CORRUPT;
      if (!damaged && !result.page.records.empty()) return result;  // What is before it goes first.
      if (!damaged && ((rc & 0xff) != SQLITE_IOERR || !given_up(part.id))) {
        result.status = {Errc::kStorage, "the disk refused a read"};
        return result;
      }
      result.lost.emplace_back(part.id, part.live);
      continue;
    }
    refused_.erase(part.id);
    bool held = false;
    for (std::size_t i = 0; i < cached_.records.size(); ++i) {
      const RecordView& record = cached_.records[i];
      if (record.sequence <= plan.after || part.removed.get(i)) continue;
      const std::size_t size = record.subject.size() + record.header.size() + record.payload.size();
      if (!result.page.records.empty() &&
          (result.page.records.size() >= plan.count_max || bytes + size > plan.bytes_max)) {
        return result;
      }
      if (!held) result.page.holds.push_back(cached_.data);
      held = true;
      bytes += size;
      result.page.records.push_back(record);
      result.page.next = record.sequence;
    }
    result.page.next = std::max(result.page.next, part.last);
  }
  return result;
}

// One bad place of a disk holds up for good what is behind it: after some tries it counts as
// damaged, but only while the disk gives others.
bool Database::given_up(SegmentId id) {
  if (++refused_[id] < kReadTries) return false;
  Statement newest(db_.get(), "SELECT id FROM segment WHERE id<>? ORDER BY id DESC LIMIT 4");
  newest.bind(1, id);
  Loaded other;
  int given = SQLITE_NOTFOUND;
  while (given != SQLITE_OK && newest.step() == SQLITE_ROW) given = load(newest.number(0), other);
  if (given != SQLITE_OK) return false;
  newest.reset();
  // Caches give what a disk that is gone does not: it takes a write, too, unless it is full.
  const int wrote = mark({}, false);
  if (wrote != SQLITE_OK && (wrote & 0xff) != SQLITE_FULL) return false;
  refused_.erase(id);
  return true;
}

int Database::checkpoint(int mode) {
  int frames = 0, copied = 0;
  const int rc = sqlite3_wal_checkpoint_v2(db_.get(), nullptr, mode, &frames, &copied);
  if (rc == SQLITE_OK && frames == copied) wal_bytes_ = 0;
  look_at_disk();
  return rc == SQLITE_OK ? rc : sqlite3_extended_errcode(db_.get());
}

std::optional<std::uint64_t> Database::disk_free() const {
  if (!options_.real_disk) return std::nullopt;
  return free_bytes(options_.path.substr(0, options_.path.rfind('/') + 1));
}

void Database::look_at_disk() {
  const auto free = disk_free();
  if (free) bytes_free_ = *free - std::min(*free, bytes_denied_);
}

// The file system may not speak of a quota: what it still had as it refused is not for us.
void Database::note_refusal() {
  bytes_denied_ = 0;
  look_at_disk();
  if (bytes_free_ != UINT64_MAX) bytes_denied_ = std::exchange(bytes_free_, 0);
}

CommitResult Database::probe() {
  look_at_disk();
  CommitResult result;
  result.use = use();
  return result;
}

// Rewriting what is left is cheaper than to keep a map of all pages for it: only when little is.
bool Database::shrink_pays() {
  const DiskUse now = use();
  (void)page_count_.step();
  const std::uint64_t pages = page_count_.unsigned_number(0);
  page_count_.reset();
  return now.used_bytes <= kShrinkLiveMax && pages * kPageBytes >= now.used_bytes + kShrinkFreeMin;
}

int Database::empty_wal() { return checkpoint(SQLITE_CHECKPOINT_TRUNCATE); }

// Without a reserve the WAL keeps its room: it may be all that the next commit, or start, finds.
int Database::copy_back() {
  return checkpoint(reserve_ ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE);
}

CommitResult Database::settle() {
  CommitResult result;
  int rc = SQLITE_OK;
  if (shrink_pays()) {
    const int shrunk = execute(db_.get(), "VACUUM");
    if ((shrunk & 0xff) != SQLITE_FULL) rc = shrunk;
  }
  if (rc == SQLITE_OK) rc = copy_back();
  if (rc == SQLITE_OK && !reserve_) {
    if (disk_free().value_or(UINT64_MAX) >= options_.reserve_bytes) make_reserve();
    if (reserve_) bytes_denied_ = 0;
    look_at_disk();
  }
  cached_ = {};
  scratch_ = {};
  sqlite3_db_release_memory(db_.get());
  result.status = status_of(rc);
  if (result.status.code() == Errc::kStorageFull) result.status = {};
  result.use = use();
  result.use.wal_empty = true;  // As far as it goes: not tried again before the next commit.
  return result;
}

// Writes `plan` and the mark that says whether the last run ended as it should.
int Database::mark(const CommitPlan& plan, bool clean) {
  int rc = begin_.run();
  if (rc == SQLITE_OK) rc = write_plan(plan);
  if (rc == SQLITE_OK) rc = clean_.bind(1, std::int64_t{clean}).run();
  if (rc == SQLITE_OK) rc = commit_.run();
  if (rc != SQLITE_OK && sqlite3_get_autocommit(db_.get()) == 0) (void)rollback_.run();
  return rc;
}

// Not there: the compaction came to nothing, and the removals of its inputs are in the plan.
void Database::add_late(const LateRemovals& late, CommitPlan& plan) {
  Loaded made;
  if (late.sequences.empty() || load(late.id, made) != SQLITE_OK) return;
  Bits bits;
  for (std::size_t i = 0; i < made.records.size(); ++i) {
    const Sequence sequence = made.records[i].sequence;
    if (std::binary_search(late.sequences.begin(), late.sequences.end(), sequence)) bits.set(i);
  }
  plan.removals.push_back({late.id, bits.encode()});
}

void Database::close(const CommitPlan& before, CommitPlan plan,
                     const std::vector<LateRemovals>& late) {
  if (!db_) return;
  // What follows a group that failed cannot go without it.
  if (last_commit_ == Errc::kStorageFull) plan = merge(before, std::move(plan));
  if (last_commit_ == Errc::kStorage) return abandon();
  for (const LateRemovals& each : late) add_late(each, plan);
  if (mark(plan, true) == SQLITE_OK && copy_back() == SQLITE_OK && reserve_) {
    // All is in the database: the close may remove the WAL.
    sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  }
  abandon();
}

void Database::abandon() {
  for (Statement* statement :
       {&begin_, &commit_, &rollback_, &insert_, &drop_, &drop_removed_, &removal_, &log_, &state_,
        &load_, &page_count_, &free_count_, &clean_}) {
    *statement = {};
  }
  db_.reset();
}

DiskUse Database::use() {
  DiskUse use;
  (void)page_count_.step();
  (void)free_count_.step();
  const std::int64_t used = page_count_.number(0) - free_count_.number(0);
  page_count_.reset();
  free_count_.reset();
  use.used_bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(used, 0)) * kPageBytes;
  use.file_bytes = vfs_->file_bytes();
  use.bytes_written = vfs_->bytes_written();
  use.bytes_free = bytes_free_;
  use.wal_empty = wal_bytes_ == 0;
  use.reserve = reserve_ || options_.reserve_bytes == 0;
  return use;
}

}  // namespace petiole
