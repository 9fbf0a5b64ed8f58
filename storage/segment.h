// A segment: the records of one commit and log as two blobs, and how to read them back.
//
// Pure: no SQLite, no files. `index` holds five varints a record: sequence minus the one before
// minus 1, time delta (zigzag, nanoseconds), subject bytes + 1 (0: the subject before), header
// bytes, payload bytes. `data` holds subject (unless repeated), header and payload, end to end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "platform/status.h"
#include "storage/log.h"

namespace petiole {

inline constexpr std::size_t kSegmentBytes = 64 << 10;     // A segment is closed at this size,
inline constexpr std::uint32_t kSegmentRecordsMax = 4096;  // or with so many records.

// What the row of a segment says beside its blobs.
struct SegmentHead {
  Sequence first = 0;
  Sequence last = 0;
  std::uint32_t count = 0;
  std::uint64_t bytes = 0;      // Subjects, headers, payloads, and an overhead for each record.
  std::int64_t first_time = 0;  // Nanoseconds since 1970.
  std::int64_t last_time = 0;

  bool contiguous() const { return last - first + 1 == count; }
};

struct Segment {
  SegmentHead head;
  std::string index;
  std::string data;

  std::size_t stored_bytes() const { return index.size() + data.size(); }
  bool full() const { return stored_bytes() >= kSegmentBytes || head.count >= kSegmentRecordsMax; }
  // Appends a record; its sequence is above head.last.
  void add(const RecordView& record);
  // Empties it and keeps the memory.
  void clear();

 private:
  std::size_t subject_at_ = 0, subject_bytes_ = 0;  // Of the record before, in data.
};

using LogId = std::int64_t;

// Over the log that it is of, the head and both blobs. Log 0: without it, as schema 1 has it.
std::uint32_t checksum(LogId log, const SegmentHead& head, std::string_view index,
                       std::string_view data);

// Appends the records to `records`, with views into `data`. kCorrupt, and `records` as it was, when
// index, data and head do not belong together to the byte.
Status decode(const SegmentHead& head, std::string_view index, std::string_view data,
              std::vector<RecordView>& records);

// The sequence of each record less head.first, from the index alone; empty when it is damaged or
// spans more than 32 bits.
std::vector<std::uint32_t> sequence_offsets(const SegmentHead& head, std::string_view index);

}  // namespace petiole
