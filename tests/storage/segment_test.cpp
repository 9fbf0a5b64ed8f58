#include "storage/segment.h"

#include <doctest/doctest.h>

#include "platform/crc32c.h"

namespace petiole {
namespace {

RecordView record(Sequence sequence, std::int64_t time, std::string_view subject,
                  std::string_view payload) {
  return {.sequence = sequence,
          .time = WallTime(Duration(time)),
          .subject = subject,
          .header = "h",
          .payload = payload};
}

Segment sample() {
  Segment segment;
  segment.add(record(5, 1000, "a.b", "one"));
  segment.add(record(6, 900, "a.b", ""));
  segment.add(record(1ull << 40, INT64_MIN, "", std::string_view("\0x", 2)));
  segment.add(record(UINT64_MAX, INT64_MAX, "c", "four"));
  return segment;
}

TEST_CASE("crc32c: the vectors of RFC 3720, appendix B.4") {
  CHECK(crc32c(0, std::string(32, '\0')) == 0x8a9136aa);
  CHECK(crc32c(0, std::string(32, '\xff')) == 0x62a8ab43);
  CHECK(crc32c(0, "123456789") == 0xe3069283);
  CHECK(crc32c(crc32c(0, "1234"), "56789") == 0xe3069283);
}

TEST_CASE("segment: what was added comes back") {
  const Segment segment = sample();
  std::vector<RecordView> records;
  REQUIRE(decode(segment.head, segment.index, segment.data, records).ok());
  REQUIRE(records.size() == 4);
  CHECK(records[0].sequence == 5);
  CHECK(records[1].subject == "a.b");
  CHECK(records[1].time == WallTime(Duration(900)));
  CHECK(records[2].sequence == 1ull << 40);
  CHECK(records[2].time == WallTime(Duration(INT64_MIN)));
  CHECK(records[2].subject.empty());
  CHECK(records[3].sequence == UINT64_MAX);
  CHECK(records[3].payload == "four");
  CHECK(records[3].header == "h");
}

TEST_CASE("segment: cleared, it can be filled again") {
  Segment segment = sample();
  segment.clear();
  segment.add(record(1, 1, "a.b", "x"));
  std::vector<RecordView> records;
  CHECK(decode(segment.head, segment.index, segment.data, records).ok());
  CHECK(records.at(0).subject == "a.b");
}

TEST_CASE("segment: any cut of index or data is an error, and leaves the records alone") {
  const Segment segment = sample();
  std::vector<RecordView> records(1);
  for (std::size_t i = 0; i < segment.index.size(); ++i) {
    CHECK(decode(segment.head, segment.index.substr(0, i), segment.data, records).code() ==
          Errc::kCorrupt);
  }
  for (std::size_t i = 0; i < segment.data.size(); ++i) {
    CHECK(decode(segment.head, segment.index, segment.data.substr(0, i), records).code() ==
          Errc::kCorrupt);
  }
  CHECK_FALSE(decode(segment.head, segment.index + "\1", segment.data, records).ok());
  CHECK_FALSE(decode(segment.head, segment.index, segment.data + "x", records).ok());
  CHECK(records.size() == 1);
}

TEST_CASE("segment: the checksum covers the log, the head, the index and the data") {
  const Segment segment = sample();
  const std::uint32_t good = checksum(1, segment.head, segment.index, segment.data);
  CHECK(checksum(2, segment.head, segment.index, segment.data) != good);
  SegmentHead head = segment.head;
  head.last_time ^= 1;
  CHECK(checksum(1, head, segment.index, segment.data) != good);
  std::string bytes = segment.index;
  bytes[3] ^= 1;
  CHECK(checksum(1, segment.head, bytes, segment.data) != good);
  bytes = segment.data;
  bytes.back() ^= 0x40;
  CHECK(checksum(1, segment.head, segment.index, bytes) != good);
}

TEST_CASE("segment: the offsets are those of the records") {
  Segment segment;
  for (const Sequence sequence : {7u, 8u, 20u, 300u}) segment.add(record(sequence, 1, "s", "p"));
  CHECK(sequence_offsets(segment.head, segment.index) == std::vector<std::uint32_t>{0, 1, 13, 293});
  CHECK(sequence_offsets(segment.head, segment.index.substr(1)).empty());
  CHECK(sequence_offsets(sample().head, sample().index).empty());  // More than 32 bits apart.
}

}  // namespace
}  // namespace petiole
