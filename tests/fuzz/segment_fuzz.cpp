// Properties of segments that hold for any bytes:
//  - decoding them neither crashes nor reads beyond them, and takes all or nothing;
//  - what decodes, encodes to the same records again;
//  - what was added comes back, and any cut of it is an error.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "storage/segment.h"

namespace {

using namespace petiole;

bool same(const std::vector<RecordView>& a, const std::vector<RecordView>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const RecordView& x, const RecordView& y) {
        return x.sequence == y.sequence && x.time == y.time && x.subject == y.subject &&
               x.header == y.header && x.payload == y.payload;
      });
}

struct Input {
  const unsigned char* at;
  std::size_t left;

  std::uint64_t number() {
    std::uint64_t value = 0;
    const std::size_t count = std::min<std::size_t>(left, 8);
    if (count > 0) std::memcpy(&value, at, count);
    at += count;
    left -= count;
    return value;
  }
  std::string_view text(std::size_t most) {
    const std::size_t count = std::min(left, most);
    const std::string_view piece(reinterpret_cast<const char*>(at), count);
    at += count;
    left -= count;
    return piece;
  }
};

void decode_any(Input input) {
  SegmentHead head;
  head.first = input.number();
  head.last = input.number();
  head.count = static_cast<std::uint32_t>(input.number() % 5000);
  head.first_time = static_cast<std::int64_t>(input.number());
  const std::string index(input.text(input.number() % 4096));
  const std::string data(input.text(input.left));
  std::vector<RecordView> records;
  const bool good = decode(head, index, data, records).ok();
  if (records.size() != (good ? head.count : 0)) std::abort();
  const auto offsets = sequence_offsets(head, index);
  if (!good) return;
  if (!offsets.empty() && offsets.size() != records.size()) std::abort();
  Segment again;
  for (const RecordView& record : records) again.add(record);
  std::vector<RecordView> reread;
  if (!decode(again.head, again.index, again.data, reread).ok() || !same(records, reread))
    std::abort();
}

void round_trip(Input input) {
  Segment segment;
  std::vector<RecordView> records;
  Sequence sequence = 0;
  while (input.left > 0 && records.size() < 100) {
    const std::uint64_t shape = input.number();
    sequence += 1 + shape % 70;
    records.push_back({.sequence = sequence,
                       .time = WallTime(Duration(static_cast<std::int64_t>(input.number()))),
                       .subject = input.text(shape >> 8 & 15),
                       .header = input.text(shape >> 12 & 31),
                       .payload = input.text(shape >> 17 & 255)});
    segment.add(records.back());
  }
  if (records.empty()) return;
  std::vector<RecordView> reread;
  if (!decode(segment.head, segment.index, segment.data, reread).ok() || !same(records, reread))
    std::abort();
  if (sequence_offsets(segment.head, segment.index).size() != records.size()) std::abort();
  const std::size_t cut = sequence % segment.index.size();
  if (decode(segment.head, segment.index.substr(0, cut), segment.data, reread).ok()) std::abort();
  if (segment.data.empty()) return;
  const std::size_t data_cut = sequence % segment.data.size();
  if (decode(segment.head, segment.index, segment.data.substr(0, data_cut), reread).ok())
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t count) {
  decode_any({bytes, count});
  round_trip({bytes, count});
  return 0;
}
