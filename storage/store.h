// One SQLite database that holds all logs and small named states of an agent.
//
// Appends, trims and states that gather while a commit is under way become the next commit: one
// transaction, one sync. The database is opened for exclusive use. sqlite3.h is seen by the .cpp
// files of this folder alone; store_none.cpp stands in for them in a build without PETIOLE_STORE.
//
// What becomes of a record that append() took:
//  - Its commit succeeds: on_durable covers it.
//  - Its commit finds no room (status kStorageFull): the transaction is rolled back, the record
//  stays
//    in memory with its sequence, appends are refused, and the commit is tried again every two
//    seconds and after each trim, remove or set_state. when_durable calls that waited for it are
//    told kStorageFull once. It is lost only if the process ends before room comes back.
//  - Its commit fails otherwise (status kStorage, for good): it is lost to this run. Exactly the
//    records in (LogState::durable, LogState::last] are in that state; a restart may show some of
//    them, whole and in order. Reads of durable records go on.
// Sequences are never taken back: a failed or lost record leaves a gap.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/loop.h"
#include "platform/time.h"
#include "storage/log.h"

namespace petiole {

struct StoreOptions {
  std::string dir;                         // Made if missing (one level).
  std::uint64_t bytes_max = 512ull << 20;  // Of all files together, WAL included.
  std::uint64_t reserve_bytes = 4ull
                                << 20;  // Kept free for trims and checkpoints; part of bytes_max.
  std::string vfs;                      // SQLite VFS name; empty: the system's. For tests.
};

struct StoreUsage {
  std::uint64_t file_bytes = 0;     // Database, WAL and the like, as they stand.
  std::uint64_t bytes_max = 0;      // As configured, less if the disk holds less.
  std::uint64_t live_bytes = 0;     // Of records still there.
  std::uint64_t bytes_written = 0;  // To disk since start, all causes.
  std::uint64_t payload_bytes =
      0;  // Given to append() since start; written / payload: amplification.
  std::uint64_t commits = 0;
  std::uint64_t queued_bytes = 0;               // Appended, not yet on disk.
  std::uint64_t queued_bytes_max = UINT64_MAX;  // Appends above are refused with kBusy.
  std::uint64_t capacity = 0;                   // Of bytes_max, what records can use.
};

// What open() did about an unclean or damaged database.
struct StoreRecovery {
  bool created = false;
  bool unclean = false;   // The last run ended without close().
  bool doubtful = false;  // The disk failed in a run before: states may be older than what was done
                          // with the records. See Store::settle_doubt.
  std::string quarantined;  // Path of the damaged file that was set aside; empty: none.
  std::uint64_t salvaged_messages = 0;
  std::vector<std::string> recovered_logs;  // Made for records whose log's name was not readable.
  std::uint64_t lost_messages = 0;  // Known from sequence gaps; they belong in the ledger. At most
                                    // so many: removed records look the same.
  bool lost_uncounted = false;  // Part of the tables was not readable: nobody knows how many more.
};

class Store {
 public:
  // Hands the worker a last job that commits what is queued, marks a clean end and closes, and
  // does not wait for it. Callbacks that are still out are not called.
  virtual ~Store() = default;

  // The log of that name, made when missing. Lives as long as the store. Not for the hot path.
  virtual Log& log(std::string_view name) = 0;
  virtual void drop_log(std::string_view name) = 0;

  // Small values that change with the logs: cursors, the ledger. set_state joins the next commit,
  // atomically with the appends and trims that were called before it in the same turn.
  virtual void set_state(std::string_view key, std::string_view value) = 0;
  virtual std::optional<std::string> state(std::string_view key) const = 0;

  // Calls `done` when all that was given to the store before this call is on disk, or has failed;
  // in a later turn.
  virtual void when_durable(std::function<void(Status)> done) = 0;

  // Ok; kStorageFull while the limit or the disk refuses appends (trims still work, and it heals);
  // kBusy while too much waits for a slow disk;
  // kStorage for good after a failed sync, because nobody knows what is on disk.
  virtual Status status() const = 0;
  // Also told kTimeout, which status() never says, when the disk has not answered for 15 s; what it
  // is told next says that it has.
  virtual void on_status(std::function<void(Status)> changed) = 0;

  // After kStorage no state can be written. A mark beside the database then tells the next start,
  // as StoreRecovery::doubtful. True once it is on disk, or cannot be written there after some
  // tries.
  virtual bool doubt_noted() const { return true; }
  // The states that were set before this call say what is true: once they are on disk the mark
  // goes.
  virtual void settle_doubt() {}

  // What recovery() says of a damaged file is accounted for in what was set before this call in the
  // same turn; until that is on disk each start is told again.
  virtual void settle_salvage() {}

  // Called when a read finds damage: these records of that log are gone, in order; they are skipped
  // from then on, also after a restart.
  using Lost = std::function<void(const std::string& log, const std::vector<Sequence>& records)>;
  virtual void on_loss(Lost lost) = 0;

  // Where several share the store, what each of them may give up when it is full. `give` makes room
  // and returns true, or false when it has nothing.
  struct Yield {
    std::function<std::uint64_t()> bytes;
    std::function<bool()> give;
  };
  virtual void on_yield(Yield) {}
  // Has the one of the others give way that may give up more than the caller; its answer. None:
  // the caller's turn.
  virtual std::optional<bool> another_yields() { return std::nullopt; }

  virtual StoreUsage usage() const = 0;
  // The same; asked for with each message.
  virtual std::uint64_t queued_bytes() const { return usage().queued_bytes; }
  virtual const StoreRecovery& recovery() const = 0;
  // Random, made with the database file and kept by it: names the life of its sequences.
  virtual std::uint32_t epoch() const = 0;
};

struct StoreResult {
  std::unique_ptr<Store> store;  // Null: see the rest.
  Status status;      // kBusy, kNewerSchema, kPermission, kStorage, kUnsupported, kConfig.
  std::string error;  // One line: path, cause, what is allowed.
};

// Opens, recovers and checks the database; blocks while it does. `worker` runs the commits, `loop`
// gets the completions; both outlive the store.
StoreResult open_store(const StoreOptions& options, Loop& loop, Worker& worker, Clock& clock,
                       std::uint64_t random);

}  // namespace petiole
