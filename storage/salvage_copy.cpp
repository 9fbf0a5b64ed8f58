#include "storage/salvage_copy.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace petiole {
namespace {

constexpr std::int64_t kProbesMax = 65536;  // Single look-ups between the two readable ends.
constexpr int kRowsPerCommit = 32;
constexpr Sequence kGapMax = 1 << 20;  // A longer one was made by a crash, not by a loss.
constexpr std::uint64_t kRecordsMax = 4 * kSegmentRecordsMax;  // Of a segment, small ones merged.
constexpr std::uint64_t kBadRowsMax = kGapMax / kRecordsMax;   // Then claim() skips what was lost.

// One line "<salvaged> <lost> <0|1> <path>\n", then one for each recovered log.
std::string salvage_text(const StoreRecovery& recovery) {
  std::string text = std::to_string(recovery.salvaged_messages) + ' ' +
                     std::to_string(recovery.lost_messages) +
                     (recovery.lost_uncounted ? " 1 " : " 0 ") + recovery.quarantined + '\n';
  for (const std::string& log : recovery.recovered_logs) text += log + '\n';
  return text;
}

// Copies the rows that can be read and trusted from one database into another.
class Copier {
 public:
  Copier(sqlite3* from, sqlite3* to, bool cut)
      : from_(from), to_(to), doubtful_(cut), uncounted_(cut), sequences_known_(!cut) {}

  Copied run(const std::string& quarantined) {
    wrote(execute(to_, "BEGIN"));
    copy_logs();
    copy_states();
    copy_segments();
    claim_damaged();
    name_lost_logs();
    copy_epoch();
    note_recovery(quarantined);
    wrote(execute(to_, "COMMIT"));
    return {error_, doubtful_};
  }

 private:
  struct Damaged {
    LogId log;
    Sequence first, last;
  };

  void wrote(int rc) { error_ = error_ == SQLITE_OK ? rc : error_; }

  void note_recovery(const std::string& quarantined) {
    StoreRecovery recovery;
    recovery.quarantined = quarantined;
    recovery.salvaged_messages = salvaged_;
    recovery.lost_messages = before_.lost_messages + lost_ + gaps();
    recovery.lost_uncounted = before_.lost_uncounted || torn_ || uncounted_;
    recovery.recovered_logs = before_.recovered_logs;
    recovery.recovered_logs.insert(recovery.recovered_logs.end(), recovered_.begin(),
                                   recovered_.end());
    const std::string text = salvage_text(recovery);
    Statement insert(to_, "INSERT OR REPLACE INTO state VALUES(?,?)");
    wrote(insert.bind_text(1, kSalvageKey).bind_blob(2, text).run());
  }

  void copy_logs() {
    Statement rows(from_, "SELECT id, name, first, last, dropped FROM log");
    Statement insert(to_, "INSERT OR REPLACE INTO log VALUES(?,?,?,?,?)");
    int rc = rows.step();
    for (; rc == SQLITE_ROW; rc = rows.step()) {
      firsts_[rows.number(0)] = rows.unsigned_number(2);
      wrote(insert.bind(1, rows.number(0))
                .bind_text(2, rows.bytes(1))
                .bind(3, rows.number(2))
                .bind(4, rows.number(3))
                .bind(5, rows.number(4))
                .run());
    }
    sequences_known_ = sequences_known_ && rc == SQLITE_DONE;
  }

  void copy_states() {
    Statement rows(from_, "SELECT key, value FROM state");
    Statement insert(to_, "INSERT OR REPLACE INTO state VALUES(?,?)");
    int rc = rows.step();
    for (; rc == SQLITE_ROW; rc = rows.step()) {
      const std::string value(rows.bytes(1));
      if (rows.bytes(0) == kSalvageKey) {  // Comes last: it says that all the rest is there.
        read_salvage(value, before_);
        continue;
      }
      wrote(insert.bind_text(1, rows.bytes(0)).bind_blob(2, value).run());
    }
    doubtful_ = doubtful_ || rc != SQLITE_DONE;
  }

  // The ids of messages are made of it, and the hub knows them of what was on its way: it is kept
  // as long as no sequence can come twice.
  void copy_epoch() {
    if (!sequences_known_ || bad_rows_ > kBadRowsMax) return;
    Statement rows(from_, "SELECT key, value FROM meta WHERE key IN ('epoch', 'floor')");
    Statement insert(to_, "INSERT OR REPLACE INTO meta VALUES(?,?)");
    while (rows.step() == SQLITE_ROW) {
      wrote(insert.bind_text(1, rows.bytes(0)).bind(2, rows.number(1)).run());
    }
  }

  // From both ends towards the damage; then what lies between, one look-up each.
  void copy_segments() {
    insert_ = {to_, "INSERT OR IGNORE INTO segment VALUES(?,?,?,?,?,?,?,?,?,?,?)"};
    insert_removed_ = {to_, "INSERT OR REPLACE INTO removed VALUES(?,?)"};
    removed_ = {from_, "SELECT bits FROM removed WHERE id=?"};
    const std::string select =
        std::string("SELECT ") + kSegmentColumns + ", idx, data FROM segment";
    std::int64_t low = 0, high = INT64_MAX;
    if (scan((select + " ORDER BY id").c_str(), low)) return;
    torn_ = true;
    (void)scan((select + " ORDER BY id DESC").c_str(), high);
    low = std::clamp<std::int64_t>(low, 0, INT64_MAX - kProbesMax);
    sequences_known_ = sequences_known_ && high <= low + kProbesMax;
    if (high == INT64_MAX) high = low + kProbesMax;
    Statement probe(from_, (select + " WHERE id=?").c_str());
    const std::int64_t end = std::min(high, low + kProbesMax);
    for (std::int64_t id = low + 1; probe && id < end; ++id) {
      probe.bind(1, id);
      const int rc = probe.step();
      if (rc == SQLITE_ROW) take(probe);
      bad_rows_ += rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : 1;
      probe.reset();
    }
  }

  // True when it came to the end without an error; `at` is the last id that it saw.
  bool scan(const char* sql, std::int64_t& at) {
    Statement rows(from_, sql);
    int rc = rows.step();
    for (; rc == SQLITE_ROW; rc = rows.step()) {
      at = rows.number(0);
      take(rows);
    }
    return rc == SQLITE_DONE;
  }

  // What a damaged row says of itself must keep no other out of its place.
  void take(const Statement& rows) {
    SegmentRow row = segment_row(rows);
    if (row.id <= 0 || !seen_.insert(row.id).second) return;
    const std::string_view index = rows.bytes(9), data = rows.bytes(10);
    std::vector<RecordView> records;
    row.log = log_of(row, index, data);
    const bool good = row.sums_up(row.log, index, data) && row.head.count > 0 &&
                      decode(row.head, index, data, records).ok();
    if (good && claim(row.log, row.head.first, row.head.last)) {
      salvaged_ += live_records(row, row.head.count);
      return put(row, index, data);
    }
    count_damaged(row, index.size());
  }

  // Its own, or that which the checksum says it was written for.
  LogId log_of(const SegmentRow& row, std::string_view index, std::string_view data) const {
    if (row.sums_up(row.log, index, data)) return row.log;
    for (const auto& known : firsts_) {
      if (row.sums_up(known.first, index, data)) return known.first;
    }
    return row.log;
  }

  // Counted as well as it can be: any of its numbers may be the wrong one.
  void count_damaged(const SegmentRow& row, std::size_t index_bytes) {
    constexpr std::size_t kRecordIndexBytes = 5;  // At least.
    ++bad_rows_;
    const SegmentHead& head = row.head;
    const bool ordered = head.first != 0 && head.last >= head.first;
    const std::uint64_t span = ordered ? head.last - head.first + 1 : 0;
    // Empty: not readable.
    const std::uint64_t most = index_bytes == 0 ? kRecordsMax : index_bytes / kRecordIndexBytes;
    std::uint64_t count = std::min<std::uint64_t>(head.count, most);
    if (ordered) count = std::min(count, span);
    lost_ += live_records(row, count);
    if (head.count == 0 || span < head.count) uncounted_ = true;
    if (ordered) damaged_.push_back({row.log, head.first, head.last});
  }

  // Takes the sequences for a segment; false: some of them are another's.
  bool claim(LogId log, Sequence first, Sequence last) {
    auto& ranges = ranges_[log];
    const auto next = ranges.lower_bound(first);
    const bool free = (next == ranges.end() || next->first > last) &&
                      (next == ranges.begin() || std::prev(next)->second < first);
    if (free) ranges[first] = last;
    return free;
  }

  // They are counted, so they are no gaps.
  void claim_damaged() {
    for (const Damaged& each : damaged_) (void)claim(each.log, each.first, each.last);
  }

  std::uint64_t live_records(const SegmentRow& row, std::uint64_t count) {
    bits_.clear();
    removed_.bind(1, row.id);
    const int rc = removed_.step();
    if (rc == SQLITE_ROW) bits_ = removed_.bytes(0);
    doubtful_ = doubtful_ || (rc != SQLITE_ROW && rc != SQLITE_DONE);  // Some come back.
    removed_.reset();
    const Bits bits = Bits::decode(bits_);
    std::uint64_t live = 0;
    for (std::uint64_t i = 0; i < count; ++i) live += bits.get(i) ? 0 : 1;
    return live;
  }

  void put(const SegmentRow& row, std::string_view index, std::string_view data) {
    wrote(insert_.bind(1, row.id)
              .bind(2, row.log)
              .bind(3, row.head.first)
              .bind(4, row.head.last)
              .bind(5, std::int64_t{row.head.count})
              .bind(6, row.head.bytes)
              .bind(7, row.head.first_time)
              .bind(8, row.head.last_time)
              .bind(9, std::int64_t{row.crc})
              .bind_blob(10, index)
              .bind_blob(11, data)
              .run());
    if (!bits_.empty()) wrote(insert_removed_.bind(1, row.id).bind_blob(2, bits_).run());
    if (++rows_ % kRowsPerCommit == 0) wrote(execute(to_, "COMMIT; BEGIN"));
  }

  // Segments whose log is not known by name any more keep a log of their own.
  void name_lost_logs() {
    Statement insert(to_, "INSERT OR IGNORE INTO log VALUES(?,?,1,0,0)");
    for (const auto& [log, ranges] : ranges_) {
      if (firsts_.contains(log)) continue;
      recovered_.push_back("recovered-" + std::to_string(log));
      wrote(insert.bind(1, log).bind_text(2, recovered_.back()).run());
    }
  }

  // Sequences between what was found, if rows could not be read: removed records count as well,
  // so this is the most that can be missing.
  std::uint64_t gaps() const {
    std::uint64_t missing = 0;
    if (!torn_) return 0;
    for (const auto& [log, ranges] : ranges_) {
      const auto first = firsts_.find(log);
      Sequence next = first == firsts_.end() ? 0 : first->second;
      for (const auto& [begin, last] : ranges) {
        if (next != 0 && begin > next) missing += (begin - next) % kGapMax;
        next = last + 1;
      }
    }
    return missing;
  }

  sqlite3* from_;
  sqlite3* to_;
  Statement insert_, insert_removed_, removed_;
  std::map<LogId, Sequence> firsts_;
  std::map<LogId, std::map<Sequence, Sequence>> ranges_;  // First to last of a segment.
  std::set<SegmentId> seen_;
  std::vector<Damaged> damaged_;
  std::string bits_;
  std::uint64_t salvaged_ = 0, lost_ = 0;
  int rows_ = 0, error_ = SQLITE_OK;
  bool torn_ = false, doubtful_, uncounted_;
  bool sequences_known_;  // The newest of each log, but for what bad rows held.
  std::uint64_t bad_rows_ = 0;
  std::vector<std::string> recovered_;
  StoreRecovery before_;  // Of a salvage that is not accounted for yet.
};

}  // namespace

Copied copy_readable(sqlite3* from, sqlite3* to, const std::string& quarantined, bool cut) {
  return Copier(from, to, cut).run(quarantined);
}

void read_salvage(std::string_view text, StoreRecovery& recovery) {
  const std::string all(text);
  unsigned long long salvaged = 0, lost = 0;
  int uncounted = 0, used = 0;
  if (std::sscanf(all.c_str(), "%llu %llu %d %n", &salvaged, &lost, &uncounted, &used) != 3) return;
  recovery.salvaged_messages = salvaged;
  recovery.lost_messages = lost;
  recovery.lost_uncounted = uncounted != 0;
  std::vector<std::string> lines;
  text.remove_prefix(static_cast<std::size_t>(used));
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    lines.emplace_back(line);
  }
  if (lines.empty()) return;
  recovery.quarantined = lines.front();
  recovery.recovered_logs.assign(lines.begin() + 1, lines.end());
}

}  // namespace petiole
