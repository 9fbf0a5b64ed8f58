// Messages on disk, in order: what the mirror and the streams are made of.
//
// Knows no NATS: a message is a subject, header bytes and payload bytes. All calls and callbacks
// are on the loop's thread; the database is touched on the store's worker only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "platform/status.h"
#include "platform/time.h"

namespace petiole {

// The first record of a log is 1 (more, if the run before crashed); never reused, not after a
// crash, which leaves a gap of 2^20.
using Sequence = std::uint64_t;

// What a record takes in LogState::bytes beside its parts: index bytes, about.
inline constexpr std::uint64_t kRecordOverheadBytes = 8;

struct RecordView {
  Sequence sequence = 0;
  WallTime time{};
  std::string_view subject;
  std::string_view header;  // Empty, or a whole NATS/1.0 block; opaque here.
  std::string_view payload;
};

// Records that were read, oldest first; the views live as long as the page.
struct Page {
  std::vector<RecordView> records;
  std::vector<std::shared_ptr<const std::string>> holds;  // What the views point into.
  Sequence next = 0;  // Read on after this one; records that were removed are skipped.
};

struct LogState {
  Sequence first = 0;          // The oldest record that is still there; last + 1 when empty.
  Sequence last = 0;           // The newest one ever appended.
  Sequence durable = 0;        // The newest one on disk.
  std::uint64_t messages = 0;  // Still there: not trimmed, not removed.
  std::uint64_t bytes = 0;     // Of those: subject, header, payload and the record's own overhead;
                               // a removed record counts as much as the mean of its segment.
  WallTime oldest{};           // Of the first, or of one up to a segment (64 KiB) before it; epoch
                               // when empty.
};

class Log {
 public:
  virtual ~Log() = default;

  // Copies `record` (its sequence is ignored) into the open segment and returns its sequence at
  // once. It is committed with the group that gathers while the commit before is under way; see
  // on_durable. 0 when the store refuses: see Store::status.
  virtual Sequence append(const RecordView& record) = 0;

  // `durable` is called after each commit that covered this log, with the newest sequence on disk.
  virtual void on_durable(std::function<void(Sequence upto)> durable) = 0;

  // Reads committed records after `after`, oldest first, and hands them over in a later turn: at
  // least one if there is one, then until either limit. Reads run between commits. kStorage: the
  // disk refused; ask again later. Where it gives others, a segment that it refused ten times
  // counts as damaged.
  using ReadDone = std::function<void(Result<Page>)>;
  virtual void read(Sequence after, std::size_t count_max, std::size_t bytes_max,
                    ReadDone done) = 0;

  // Forgets all records up to and with `upto`; the space comes back with a later commit.
  virtual void trim(Sequence upto) = 0;
  // Forgets one record; cheap, a bit in its segment's bitmap, written with the next commit.
  virtual void remove(Sequence sequence) = 0;

  // The first record behind `after` that is still there, on disk or not yet; none: last + 1. Looks
  // at no gap record by record: a crash leaves wide ones.
  virtual Sequence next(Sequence after) const = 0;

  virtual LogState state() const = 0;
  virtual Sequence last() const { return state().last; }  // The same; asked for with each message.
};

}  // namespace petiole
