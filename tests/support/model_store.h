// A store in memory that loses what was not committed, for tests of what stands on a store.
//
// The disk outlives the store: destroying the store in mid-commit is a crash.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "storage/store.h"
#include "tests/support/sim.h"

namespace petiole::test {

struct ModelRecord {
  WallTime time{};
  std::string subject, header, payload;
  std::uint64_t size() const {
    return subject.size() + header.size() + payload.size() + kRecordOverheadBytes;
  }
};

struct ModelLogData {
  Sequence last = 0;
  std::map<Sequence, ModelRecord> records;
};

struct ModelDisk {
  std::uint32_t epoch = 7;
  std::map<std::string, ModelLogData> logs;
  std::map<std::string, std::string, std::less<>> states;
};

class ModelStore : public Store {
 public:
  ModelStore(ModelDisk& disk, SimLoop& loop, std::function<Duration()> delay,
             std::uint64_t bytes_max = 0);
  ~ModelStore() override;

  Log& log(std::string_view name) override;
  void drop_log(std::string_view name) override;
  void set_state(std::string_view key, std::string_view value) override;
  std::optional<std::string> state(std::string_view key) const override;
  void when_durable(std::function<void(Status)> done) override;
  Status status() const override { return status_; }
  void on_status(std::function<void(Status)> changed) override {
    status_changed_ = std::move(changed);
  }
  void on_loss(Lost) override {}
  StoreUsage usage() const override;
  const StoreRecovery& recovery() const override { return recovery_; }
  std::uint32_t epoch() const override { return disk_.epoch; }

  void set_bytes_max(std::uint64_t bytes) { bytes_max_ = bytes; }
  void fail(bool tell = true);  // From now on nothing is written.
  std::uint64_t commits = 0;
  std::uint64_t states_set = 0;
  std::uint64_t removes = 0;  // Asked for, whether there was something or not.

 private:
  class ModelLog;
  friend class ModelLog;
  using Change = std::function<void(ModelDisk&)>;
  void change(Change change);
  void commit();
  std::uint64_t live_bytes() const;

  ModelDisk& disk_;
  SimLoop& loop_;
  std::function<Duration()> delay_;
  std::uint64_t bytes_max_;
  Status status_;
  StoreRecovery recovery_;
  std::function<void(Status)> status_changed_;
  std::map<std::string, std::unique_ptr<ModelLog>> logs_;
  std::map<std::string, std::string, std::less<>> states_;
  std::vector<Change> pending_;
  std::vector<std::function<void(Status)>> waiting_;
  bool committing_ = false, scheduled_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace petiole::test
