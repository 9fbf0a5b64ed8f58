// The loop's side of the store: gathers what changed, sends it to the worker, takes the results.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/database.h"
#include "storage/sqlite_log.h"
#include "storage/store.h"

namespace petiole {

// How bytes_max is shared out.
struct StoreBudget {
  std::uint64_t bytes_max = 0;
  std::uint64_t reserve = 0;  // The reserve file.
  std::uint64_t wal_max = 0;  // Of the WAL before it is copied back.
  // Appended and not on disk yet, but for the last message: bounds memory and one commit.
  std::uint64_t pending_max = 0;
  std::uint64_t overhead() const {
    return reserve + wal_max + pending_max + pending_max / 4 + kSlack;
  }
  static constexpr std::uint64_t kSlack = 256 << 10;
};
inline constexpr std::uint64_t kBytesMaxLeast = 4 << 20;
StoreBudget make_budget(const StoreOptions& options);

// What is on disk at the start.
struct StoreImage {
  std::vector<std::pair<LogWrite, Directory>> logs;
  std::map<std::string, std::string, std::less<>> states;
  SegmentId next_id = 1;
  Sequence floor = 0;  // New logs start behind it: 0, but for a run that follows a crash.
  std::uint32_t epoch = 0;
  StoreRecovery recovery;
};

class SqliteStore : public Store, public LogOwner {
 public:
  SqliteStore(std::shared_ptr<Database> database, StoreBudget budget, StoreImage image, Loop& loop,
              Worker& worker, Clock& clock);
  ~SqliteStore() override;

  Log& log(std::string_view name) override;
  void drop_log(std::string_view name) override;
  void set_state(std::string_view key, std::string_view value) override;
  std::optional<std::string> state(std::string_view key) const override;
  void when_durable(std::function<void(Status)> done) override;
  Status status() const override;
  void on_status(std::function<void(Status)> changed) override { on_status_ = std::move(changed); }
  bool doubt_noted() const override { return doubt_noted_; }
  void settle_doubt() override;
  void settle_salvage() override;
  void on_loss(Lost lost) override { on_loss_ = std::move(lost); }
  StoreUsage usage() const override;
  std::uint64_t queued_bytes() const override { return queued_bytes_; }
  const StoreRecovery& recovery() const override { return recovery_; }
  std::uint32_t epoch() const override { return epoch_; }

 private:
  using Done = std::function<void(Status)>;

  bool admit(std::size_t bytes) override;
  void changed() override;
  Segment spare() override;
  void queue_read(PendingRead read) override;

  void start_commit();
  CommitPlan collect();
  void settle_removals(CommitPlan& plan);
  void finish(CommitResult result);
  void committed(const CommitResult& result);
  void refused(Status status);
  void tell_hang();
  void expect_answer();
  void answered();
  void note_doubt();
  void doubt_tried(bool noted);
  void run(std::function<CommitResult(Database&)> job, void (SqliteStore::*then)(CommitResult));
  void settle();
  void run_settle();
  void settled(CommitResult result);
  void next_step();
  void retry();
  void take_use(const DiskUse& use);
  void issue_read(PendingRead read);
  void finish_read(PendingRead read, ReadResult result);
  void answer(std::vector<Done>& waiters, Status status);
  void refresh_status();
  StoreBudget budget() const;
  std::uint64_t capacity() const;

  std::shared_ptr<Database> database_;  // Touched in jobs on the worker only.
  StoreBudget budget_;
  Loop& loop_;
  Worker& worker_;
  Clock& clock_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  std::map<std::string, std::unique_ptr<SqliteLog>, std::less<>> logs_;
  std::map<std::string, std::string, std::less<>> states_;
  std::map<std::string, std::string, std::less<>> dirty_states_;
  SegmentId next_id_;
  LogId next_log_ = 1;
  Sequence floor_;
  std::uint32_t epoch_;
  StoreRecovery recovery_;

  bool scheduled_ = false;            // A commit starts at the end of this turn.
  bool dirty_ = false;                // Something changed since the last plan was made.
  bool in_flight_ = false;            // A job that writes is under way.
  std::shared_ptr<CommitPlan> plan_;  // In flight, or refused and kept.
  std::vector<std::pair<LogId, Sequence>> covers_;   // The newest sequences of plan_.
  std::uint64_t plan_bytes_ = 0, queued_bytes_ = 0;  // In plan_; in plan_ and behind it.
  bool refused_ = false;                             // plan_ did not fit on the disk.
  std::vector<Done> plan_waiters_, waiters_;         // For plan_; for what comes behind it.
  std::vector<PendingRead> reads_;
  std::vector<Segment> spares_;

  DiskUse use_;
  Time reserve_due_;  // When one that was given away is to be made again.
  std::uint64_t commits_ = 0, payload_bytes_ = 0;
  bool failed_ = false, full_ = false, lagging_ = false;
  bool hangs_ = false;          // What is under way takes too long, and that was told.
  std::size_t reads_open_ = 0;  // Given to the worker.
  bool doubt_noted_ = false;
  int doubt_tries_ = 0;
  Status failure_;
  Errc reported_ = Errc::kOk;
  bool reporting_ = false;
  std::function<void(Status)> on_status_;
  Lost on_loss_;
  std::unique_ptr<Timer> idle_timer_, retry_timer_, hang_timer_;
};

}  // namespace petiole
