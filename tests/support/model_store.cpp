#include "tests/support/model_store.h"

#include <utility>

namespace petiole::test {

class ModelStore::ModelLog : public Log {
 public:
  ModelLog(ModelStore& store, std::string name, ModelLogData data)
      : store_(store), name_(std::move(name)), data_(std::move(data)), durable_(data_.last) {
    for (const auto& [sequence, record] : data_.records) bytes_ += record.size();
  }

  Sequence append(const RecordView& view) override {
    if (!store_.status_.ok()) return 0;
    ModelRecord record{view.time, std::string(view.subject), std::string(view.header),
                       std::string(view.payload)};
    if (store_.bytes_max_ != 0 && store_.live_bytes() + record.size() > store_.bytes_max_) return 0;
    const Sequence sequence = ++data_.last;
    bytes_ += record.size();
    data_.records.emplace(sequence, record);
    store_.change([name = name_, sequence, record](ModelDisk& disk) {
      disk.logs[name].last = sequence;
      disk.logs[name].records.emplace(sequence, record);
    });
    return sequence;
  }

  void on_durable(std::function<void(Sequence)> durable) override {
    on_durable_ = std::move(durable);
  }

  void read(Sequence after, std::size_t count_max, std::size_t bytes_max, ReadDone done) override {
    store_.loop_.at(store_.loop_.clock().now() + store_.delay_(),
                    [this, alive = std::weak_ptr<int>(store_.alive_), after, count_max, bytes_max,
                     done = std::move(done)] {
                      if (!alive.expired()) done(page(after, count_max, bytes_max));
                    });
  }

  void trim(Sequence upto) override {
    while (!data_.records.empty() && data_.records.begin()->first <= upto) {
      bytes_ -= data_.records.begin()->second.size();
      data_.records.erase(data_.records.begin());
    }
    store_.change([name = name_, upto](ModelDisk& disk) {
      auto& records = disk.logs[name].records;
      records.erase(records.begin(), records.upper_bound(upto));
    });
  }

  void remove(Sequence sequence) override {
    ++store_.removes;
    const auto at = data_.records.find(sequence);
    if (at == data_.records.end()) return;
    bytes_ -= at->second.size();
    data_.records.erase(at);
    store_.change(
        [name = name_, sequence](ModelDisk& disk) { disk.logs[name].records.erase(sequence); });
  }

  Sequence next(Sequence after) const override {
    const auto at = data_.records.upper_bound(after);
    return at != data_.records.end() ? at->first : data_.last + 1;
  }

  LogState state() const override {
    LogState state{.first = data_.last + 1,
                   .last = data_.last,
                   .durable = durable_,
                   .messages = data_.records.size(),
                   .bytes = bytes_,
                   .oldest = {}};
    if (data_.records.empty()) return state;
    state.first = data_.records.begin()->first;
    state.oldest = data_.records.begin()->second.time;
    return state;
  }

  void committed(Sequence upto) {
    if (upto == durable_) return;
    durable_ = upto;
    if (on_durable_) on_durable_(upto);
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Page page(Sequence after, std::size_t count_max, std::size_t bytes_max) const {
    Page page{.records = {}, .holds = {}, .next = after};
    std::size_t bytes = 0;
    for (auto at = data_.records.upper_bound(after); at != data_.records.end(); ++at) {
      if (at->first > durable_ || page.records.size() == count_max || bytes > bytes_max) break;
      const ModelRecord& record = at->second;
      auto hold =
          std::make_shared<const std::string>(record.subject + record.header + record.payload);
      const std::string_view text = *hold;
      page.holds.push_back(std::move(hold));
      page.records.push_back({at->first, record.time, text.substr(0, record.subject.size()),
                              text.substr(record.subject.size(), record.header.size()),
                              text.substr(record.subject.size() + record.header.size())});
      bytes += record.size();
      page.next = at->first;
    }
    return page;
  }

  ModelStore& store_;
  std::string name_;
  ModelLogData data_;
  std::uint64_t bytes_ = 0;
  Sequence durable_ = 0;
  std::function<void(Sequence)> on_durable_;
};

ModelStore::ModelStore(ModelDisk& disk, SimLoop& loop, std::function<Duration()> delay,
                       std::uint64_t bytes_max)
    : disk_(disk),
      loop_(loop),
      delay_(std::move(delay)),
      bytes_max_(bytes_max),
      states_(disk.states) {}

ModelStore::~ModelStore() = default;

Log& ModelStore::log(std::string_view name) {
  auto& log = logs_[std::string(name)];
  if (log == nullptr) {
    log = std::make_unique<ModelLog>(*this, std::string(name), disk_.logs[std::string(name)]);
  }
  return *log;
}

void ModelStore::drop_log(std::string_view name) {
  change([name = std::string(name)](ModelDisk& disk) { disk.logs.erase(name); });
}

void ModelStore::set_state(std::string_view key, std::string_view value) {
  ++states_set;
  states_[std::string(key)] = value;
  change([key = std::string(key), value = std::string(value)](ModelDisk& disk) {
    disk.states[key] = value;
  });
}

std::optional<std::string> ModelStore::state(std::string_view key) const {
  const auto at = states_.find(key);
  return at == states_.end() ? std::nullopt : std::optional(at->second);
}

void ModelStore::change(Change change) {
  if (status_.code() == Errc::kStorage) return;
  pending_.push_back(std::move(change));
  if (committing_ || scheduled_) return;
  scheduled_ = true;
  loop_.at_turn_end([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) commit();
  });
}

void ModelStore::commit() {
  scheduled_ = false;
  if (committing_ || (pending_.empty() && waiting_.empty())) return;
  committing_ = true;
  std::map<std::string, Sequence> upto;
  for (const auto& [name, log] : logs_) upto[name] = log->state().last;
  loop_.at(loop_.clock().now() + delay_(),
           [this, alive = std::weak_ptr<int>(alive_), changes = std::exchange(pending_, {}),
            waiting = std::exchange(waiting_, {}), upto] {
             if (alive.expired()) return;
             committing_ = false;
             const bool good = status_.code() != Errc::kStorage;
             if (good) {
               ++commits;
               for (const Change& each : changes) each(disk_);
               for (const auto& [name, last] : upto) logs_[name]->committed(last);
             }
             for (const auto& done : waiting) done(good ? Status() : Status(Errc::kStorage));
             commit();
           });
}

void ModelStore::when_durable(std::function<void(Status)> done) {
  waiting_.push_back(std::move(done));
  if (committing_ || scheduled_) return;
  scheduled_ = true;
  loop_.at_turn_end([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) commit();
  });
}

std::uint64_t ModelStore::live_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, log] : logs_) bytes += log->bytes();
  return bytes;
}

StoreUsage ModelStore::usage() const {
  StoreUsage usage;
  usage.bytes_max = usage.capacity = bytes_max_;
  usage.live_bytes = usage.file_bytes = live_bytes();
  usage.commits = commits;
  return usage;
}

void ModelStore::fail(bool tell) {
  status_ = Errc::kStorage;
  if (tell && status_changed_) status_changed_(status_);
}

}  // namespace petiole::test
