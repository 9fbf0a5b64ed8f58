#include "storage/sqlite_store.h"

#include <algorithm>

#include "storage/salvage_copy.h"

namespace petiole {
namespace {

using namespace std::chrono_literals;

constexpr Duration kIdleAfter = 5s;         // Without a commit: the WAL is copied back and emptied.
constexpr Duration kRetryEvery = 2s;        // A commit that found no room; a mark of doubt.
constexpr Duration kReserveEvery = 1min;    // A reserve that found no room.
constexpr int kDoubtTries = 5;              // Of a disk that may be dead.
constexpr std::size_t kSparesMax = 16;      // Empty segments that keep their memory.
constexpr Duration kHangsAfter = 15s;       // A job that takes as long is one of a disk that hangs.
constexpr std::size_t kCompactionsMin = 2;  // A commit; more when it carries more.

std::uint64_t pending_max_of(std::uint64_t bytes_max) {
  return std::clamp<std::uint64_t>(bytes_max / 16, 256 << 10, 8 << 20);
}

}  // namespace

StoreBudget make_budget(const StoreOptions& options) {
  StoreBudget budget;
  budget.bytes_max = options.bytes_max;
  budget.reserve = std::min(options.reserve_bytes, options.bytes_max / 8);
  budget.wal_max = std::clamp<std::uint64_t>(options.bytes_max / 16, 256 << 10, 4 << 20);
  budget.pending_max = pending_max_of(options.bytes_max);
  return budget;
}

SqliteStore::SqliteStore(std::shared_ptr<Database> database, StoreBudget budget, StoreImage image,
                         Loop& loop, Worker& worker, Clock& clock)
    : database_(std::move(database)),
      budget_(budget),
      loop_(loop),
      worker_(worker),
      clock_(clock),
      states_(std::move(image.states)),
      next_id_(image.next_id),
      floor_(image.floor),
      epoch_(image.epoch),
      recovery_(std::move(image.recovery)),
      plan_(std::make_shared<CommitPlan>()),
      reserve_due_(clock.now() + kIdleAfter) {
  for (auto& [row, directory] : image.logs) {
    next_log_ = std::max(next_log_, row.id + 1);
    const std::string name = row.name;
    logs_[name] = std::make_unique<SqliteLog>(*this, std::move(row), std::move(directory));
  }
  use_ = database_->probe().use;
  idle_timer_ = loop_.make_timer([this] { settle(); });
  retry_timer_ = loop_.make_timer([this] { retry(); });
  hang_timer_ = loop_.make_timer([this] { tell_hang(); });
  idle_timer_->arm(clock_.now() + kIdleAfter);
}

SqliteStore::~SqliteStore() {
  auto last = std::make_shared<CommitPlan>();
  auto late = std::make_shared<std::vector<LateRemovals>>();
  if (!failed_) {
    for (const Compaction& compaction : plan_->compactions) {
      for (const auto& [name, log] : logs_) {
        if (log->id() == compaction.log) {
          late->push_back(log->directory().removed_since(compaction));
        }
      }
    }
    *last = collect();
    last->compactions.clear();
    for (const auto& [name, log] : logs_) {
      last->logs.push_back(log->row());
      // What was removed since of the group that is under way.
      for (const SegmentWrite& write : plan_->inserts) {
        if (write.log != log->id()) continue;
        SegmentWrite copy{write.id, write.log, {}, {}};
        copy.segment.head = write.segment.head;
        if (log->settle_removals(copy, *last)) last->drops.push_back(write.id);
      }
    }
  }
  worker_.run([database = std::move(database_), before = plan_, last, late, failed = failed_] {
    if (failed) return database->abandon();
    database->close(*before, std::move(*last), *late);
  });
}

Log& SqliteStore::log(std::string_view name) {
  auto at = logs_.find(name);
  if (at == logs_.end()) {
    LogWrite row{.id = next_log_++,
                 .name = std::string(name),
                 .first = floor_ + 1,
                 .last = floor_,
                 .dropped = true};
    at = logs_.emplace(row.name, std::make_unique<SqliteLog>(*this, row, Directory{})).first;
  }
  at->second->revive();
  return *at->second;
}

void SqliteStore::drop_log(std::string_view name) {
  const auto at = logs_.find(name);
  if (at != logs_.end()) at->second->drop();
}

void SqliteStore::set_state(std::string_view key, std::string_view value) {
  states_[std::string(key)] = value;
  dirty_states_[std::string(key)] = value;
  changed();
}

std::optional<std::string> SqliteStore::state(std::string_view key) const {
  const auto at = states_.find(key);
  if (at == states_.end()) return std::nullopt;
  return at->second;
}

void SqliteStore::when_durable(Done done) {
  if (dirty_ && !failed_) return waiters_.push_back(std::move(done));
  if ((in_flight_ || refused_) && !failed_) return plan_waiters_.push_back(std::move(done));
  std::vector<Done> now;
  now.push_back(std::move(done));
  answer(now, failed_ ? failure_ : Status{});
}

// Of the disk; less than at the start if others have filled it.
StoreBudget SqliteStore::budget() const {
  StoreBudget budget = budget_;
  if (use_.bytes_free == UINT64_MAX) return budget;
  budget.bytes_max = std::min(budget.bytes_max, use_.file_bytes + use_.bytes_free);
  budget.pending_max = pending_max_of(budget.bytes_max);
  return budget;
}

std::uint64_t SqliteStore::capacity() const {
  const StoreBudget now = budget();
  return now.bytes_max > now.overhead() ? now.bytes_max - now.overhead() : 0;
}

bool SqliteStore::admit(std::size_t bytes) {
  if (failed_ || refused_ || full_ || lagging_) return false;
  // Behind little waits one message of any size: there is no room that it could wait for.
  const std::uint64_t most = budget().pending_max;
  if (queued_bytes_ > most / 2 && queued_bytes_ + bytes > most) lagging_ = true;
  // A blob takes a little more in pages than in bytes.
  const std::uint64_t queued = queued_bytes_ + bytes;
  if (use_.used_bytes + queued + queued / 16 > capacity()) full_ = true;
  if (lagging_ || full_) {
    if (full_ && !in_flight_) retry_timer_->arm(clock_.now() + kRetryEvery);
    refresh_status();
    return false;
  }
  queued_bytes_ += bytes;
  payload_bytes_ += bytes - kRecordOverheadBytes;
  return true;
}

Segment SqliteStore::spare() {
  Segment segment;
  if (!spares_.empty()) {
    segment = std::move(spares_.back());
    spares_.pop_back();
  }
  return segment;
}

void SqliteStore::changed() {
  dirty_ = true;
  if (scheduled_ || in_flight_ || failed_) return;
  scheduled_ = true;
  loop_.at_turn_end([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    scheduled_ = false;
    start_commit();
  });
}

CommitPlan SqliteStore::collect() {
  CommitPlan plan;
  const std::size_t compactions =
      full_ || refused_ ? 1 : std::max<std::size_t>(kCompactionsMin, queued_bytes_ / kSegmentBytes);
  for (const auto& [name, log] : logs_) {
    log->collect(plan, next_id_, compactions);
    covers_.emplace_back(log->id(), log->last());
  }
  for (auto& [key, value] : dirty_states_) plan.states.emplace_back(key, std::move(value));
  dirty_states_.clear();
  dirty_ = false;
  return plan;
}

// Of a group that found no room: what was trimmed or removed since need not be written.
void SqliteStore::settle_removals(CommitPlan& plan) {
  std::erase_if(plan.inserts, [this, &plan](SegmentWrite& write) {
    return std::any_of(logs_.begin(), logs_.end(), [&write, &plan](const auto& log) {
      return log.second->id() == write.log && log.second->settle_removals(write, plan);
    });
  });
}

void SqliteStore::start_commit() {
  if (in_flight_ || failed_) return;
  covers_.clear();
  CommitPlan fresh = collect();
  if (refused_) {
    settle_removals(*plan_);
    fresh = merge(std::move(*plan_), std::move(fresh));
  }
  if (fresh.empty() && !refused_) return answer(waiters_, {});
  plan_ = std::make_shared<CommitPlan>(std::move(fresh));
  plan_bytes_ = queued_bytes_;
  for (Done& done : waiters_) plan_waiters_.push_back(std::move(done));
  waiters_.clear();
  run([plan = plan_](Database& database) { return database.commit(*plan); }, &SqliteStore::finish);
}

void SqliteStore::run(std::function<CommitResult(Database&)> job,
                      void (SqliteStore::*then)(CommitResult)) {
  if (reads_open_ == 0) expect_answer();
  in_flight_ = true;
  idle_timer_->cancel();
  retry_timer_->cancel();
  worker_.run([job = std::move(job), database = database_, &loop = loop_, this, then,
               alive = std::weak_ptr(alive_)] {
    auto result = std::make_shared<CommitResult>(job(*database));
    loop.post([this, then, alive, result] {
      if (!alive.expired()) (this->*then)(std::move(*result));
    });
  });
}

void SqliteStore::expect_answer() { hang_timer_->arm(clock_.now() + kHangsAfter); }

// Nobody can do anything but wait; that it is the disk must be told.
void SqliteStore::tell_hang() {
  hangs_ = true;
  reported_ = Errc::kTimeout;
  if (on_status_) on_status_({Errc::kTimeout, "the disk does not answer"});
}

// What is still under way has as long again.
void SqliteStore::answered() {
  hangs_ = false;
  if (in_flight_ || reads_open_ > 0)
    expect_answer();
  else
    hang_timer_->cancel();
}

void SqliteStore::finish(CommitResult result) {
  in_flight_ = false;
  answered();
  take_use(result.use);
  if (result.compactions.size() != plan_->compactions.size()) {
    result.compactions.resize(plan_->compactions.size());
  }
  for (std::size_t i = 0; i < plan_->compactions.size(); ++i) {
    const Compaction& plan = plan_->compactions[i];
    for (const auto& [name, log] : logs_) {
      if (log->id() == plan.log) log->compacted(plan, result.compactions[i]);
    }
  }
  const std::weak_ptr alive(alive_);
  if (result.status.ok()) {
    committed(result);
  } else {
    refused(result.status);
  }
  if (alive.expired()) return;
  refresh_status();
  next_step();
}

void SqliteStore::committed(const CommitResult&) {
  ++commits_;
  refused_ = false;
  queued_bytes_ -= plan_bytes_;
  plan_bytes_ = 0;
  std::map<LogId, SqliteLog*> by_id;
  for (const auto& [name, log] : logs_) by_id[log->id()] = log.get();
  for (SegmentWrite& write : plan_->inserts) {
    by_id[write.log]->committed(write);
    write.segment.clear();
    const bool usual = write.segment.data.capacity() <= 4 * kSegmentBytes;
    if (usual && spares_.size() < kSparesMax) spares_.push_back(std::move(write.segment));
  }
  *plan_ = {};
  std::vector<SqliteLog*> moved;
  for (const auto& [id, upto] : std::exchange(covers_, {})) {
    if (by_id[id]->durable() < upto) moved.push_back(by_id[id]);
    by_id[id]->durable_upto(upto);
  }
  answer(plan_waiters_, {});
  const std::weak_ptr alive(alive_);
  for (const SqliteLog* log : moved) {
    log->notify();
    if (alive.expired()) return;
  }
}

void SqliteStore::refused(Status status) {
  answer(plan_waiters_, status);
  plan_->compactions.clear();
  if (status.code() == Errc::kStorageFull) {
    refused_ = true;
    failure_ = status;
    return;
  }
  failed_ = true;
  failure_ = status;
  answer(waiters_, status);
  note_doubt();
}

void SqliteStore::note_doubt() {
  worker_.run([database = database_, &loop = loop_, this, alive = std::weak_ptr(alive_)] {
    const bool noted = database->note_doubt();
    loop.post([this, alive, noted] {
      if (!alive.expired()) doubt_tried(noted);
    });
  });
}

void SqliteStore::doubt_tried(bool noted) {
  doubt_noted_ = noted || ++doubt_tries_ >= kDoubtTries;
  if (!doubt_noted_) retry_timer_->arm(clock_.now() + kRetryEvery);
}

void SqliteStore::settle_doubt() {
  if (!recovery_.doubtful) return;
  when_durable([this](Status status) {
    if (!status.ok()) return;
    worker_.run([database = database_] { database->forget_doubt(); });
  });
}

void SqliteStore::settle_salvage() {
  if (state(kSalvageKey).value_or("").empty()) return;
  set_state(kSalvageKey, "");
}

// After a job: reads that waited for it, then the next group.
void SqliteStore::next_step() {
  for (PendingRead& read : std::exchange(reads_, {})) issue_read(std::move(read));
  if (failed_) return;
  // A store that is never idle must have it again, too.
  if (!use_.reserve && !refused_ && clock_.now() >= reserve_due_) return run_settle();
  if (refused_ || full_) {
    retry_timer_->arm(clock_.now() + kRetryEvery);
  }
  if (dirty_) {
    changed();
  } else if (!use_.wal_empty && !refused_) {
    idle_timer_->arm(clock_.now() + kIdleAfter);
  } else if (!use_.reserve && !refused_) {
    idle_timer_->arm(reserve_due_);
  }
}

// While the disk is full nothing is written; whether it still is shows only by looking again.
void SqliteStore::retry() {
  if (failed_) return note_doubt();
  if (in_flight_) return;
  if (refused_) return start_commit();
  if (full_) run([](Database& database) { return database.probe(); }, &SqliteStore::settled);
}

void SqliteStore::settle() {
  if (in_flight_ || failed_ || dirty_) return;
  spares_ = {};
  run_settle();
}

void SqliteStore::run_settle() {
  reserve_due_ = clock_.now() + kReserveEvery;
  run([](Database& database) { return database.settle(); }, &SqliteStore::settled);
}

void SqliteStore::settled(CommitResult result) {
  in_flight_ = false;
  answered();
  take_use(result.use);
  if (!result.status.ok()) {
    refused(result.status);
  } else if (!refused_) {
    answer(plan_waiters_, {});  // Nothing was queued when they asked.
  }
  refresh_status();
  next_step();
}

void SqliteStore::take_use(const DiskUse& use) {
  if (use_.reserve && !use.reserve) reserve_due_ = clock_.now() + kIdleAfter;
  use_ = use;
}

void SqliteStore::queue_read(PendingRead read) {
  if (in_flight_) {
    reads_.push_back(std::move(read));
  } else {
    issue_read(std::move(read));
  }
}

void SqliteStore::issue_read(PendingRead read) {
  auto plan = std::make_shared<ReadPlan>();
  plan->after = read.after;
  plan->count_max = read.count_max;
  plan->bytes_max = read.bytes_max;
  plan->parts = read.log->directory().plan_read(read.after, read.count_max, read.bytes_max);
  if (reads_open_++ == 0 && !in_flight_) expect_answer();
  auto pending = std::make_shared<PendingRead>(std::move(read));
  worker_.run(
      [plan, pending, database = database_, &loop = loop_, this, alive = std::weak_ptr(alive_)] {
        auto result = std::make_shared<ReadResult>(database->read(*plan));
        loop.post([this, alive, pending, result] {
          if (!alive.expired()) finish_read(std::move(*pending), std::move(*result));
        });
      });
}

void SqliteStore::finish_read(PendingRead read, ReadResult result) {
  --reads_open_;
  answered();
  refresh_status();
  const std::weak_ptr alive(alive_);
  for (const auto& [id, live] : result.lost) {
    const std::vector<Sequence> lost = read.log->lose(id);
    if (!lost.empty() && on_loss_) on_loss_(read.log->name(), lost);
    if (alive.expired()) return;
  }
  if (!result.status.ok()) return read.done(result.status);
  if (result.page.records.empty() && !result.lost.empty()) return queue_read(std::move(read));
  read.done(std::move(result.page));
}

void SqliteStore::answer(std::vector<Done>& waiters, Status status) {
  for (Done& done : std::exchange(waiters, {})) {
    loop_.post([done = std::move(done), status, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) done(status);
    });
  }
}

Status SqliteStore::status() const {
  if (failed_ || refused_) return failure_;
  if (full_) return {Errc::kStorageFull, "the store holds as much as it may"};
  if (lagging_) return {Errc::kBusy, "the disk is too slow: too much waits for it"};
  return {};
}

void SqliteStore::refresh_status() {
  if (lagging_ && queued_bytes_ <= budget().pending_max / 2) lagging_ = false;
  const std::uint64_t room = capacity();
  if (full_ && !in_flight_ && use_.used_bytes + queued_bytes_ + room / 32 < room) full_ = false;
  if (reporting_ || hangs_ || status().code() == reported_) return;
  reporting_ = true;
  loop_.at_turn_end([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    reporting_ = false;
    if (hangs_) return;
    const Status now = status();
    if (now.code() == std::exchange(reported_, now.code())) return;
    if (on_status_) on_status_(now);
  });
}

StoreUsage SqliteStore::usage() const {
  StoreUsage usage;
  usage.file_bytes = use_.file_bytes;
  const StoreBudget now = budget();
  usage.bytes_max = now.bytes_max;
  for (const auto& [name, log] : logs_) usage.live_bytes += log->state().bytes;
  usage.bytes_written = use_.bytes_written;
  usage.payload_bytes = payload_bytes_;
  usage.commits = commits_;
  usage.queued_bytes = queued_bytes_;
  usage.queued_bytes_max = now.pending_max;
  usage.capacity = capacity();
  return usage;
}

}  // namespace petiole
