#include "storage/segment.h"

#include <array>
#include <bit>

#include "platform/crc32c.h"

namespace petiole {
namespace {

char* put_varint(char* to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<char>(value | 0x80);
  *to++ = static_cast<char>(value);
  return to;
}

// Takes a varint from the front of `text`; false when it is cut or longer than 64 bits.
bool take_varint(std::string_view& text, std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < text.size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (i == 9 && byte > 1) return false;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      text.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

// Small numbers of either sign become small numbers. Wraps around, so any pair of times works.
std::uint64_t zigzag(std::uint64_t delta) { return (delta << 1) ^ (0 - (delta >> 63)); }
std::uint64_t unzigzag(std::uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); }

bool take_bytes(std::string_view& data, std::uint64_t count, std::string_view& piece) {
  if (count > data.size()) return false;
  piece = data.substr(0, count);
  data.remove_prefix(count);
  return true;
}

// The state between two records while a segment is read.
struct Reader {
  std::string_view index, data;
  Sequence sequence;  // Of the record before.
  std::uint64_t time;
  std::string_view subject;

  bool take(RecordView& record) {
    std::array<std::uint64_t, 5> number{};
    for (std::uint64_t& value : number) {
      if (!take_varint(index, value)) return false;
    }
    const Sequence next = sequence + 1 + number[0];
    if (next <= sequence) return false;
    sequence = next;
    time += unzigzag(number[1]);
    if (number[2] != 0 && !take_bytes(data, number[2] - 1, subject)) return false;
    record.sequence = sequence;
    record.time = WallTime(Duration(std::bit_cast<std::int64_t>(time)));
    record.subject = subject;
    return take_bytes(data, number[3], record.header) &&
           take_bytes(data, number[4], record.payload);
  }
};

}  // namespace

void Segment::add(const RecordView& record) {
  const std::int64_t time = record.time.time_since_epoch().count();
  if (head.count == 0) {
    head.first = record.sequence;
    head.last = record.sequence - 1;
    head.first_time = head.last_time = time;
  }
  const bool same = head.count != 0 &&
                    record.subject == std::string_view(data).substr(subject_at_, subject_bytes_);
  if (!same) {
    subject_at_ = data.size();
    subject_bytes_ = record.subject.size();
    data.append(record.subject);
  }
  data.append(record.header).append(record.payload);
  std::array<char, 50> numbers;
  char* end = put_varint(numbers.data(), record.sequence - head.last - 1);
  end = put_varint(end, zigzag(std::bit_cast<std::uint64_t>(time) -
                               std::bit_cast<std::uint64_t>(head.last_time)));
  end = put_varint(end, same ? 0 : record.subject.size() + 1);
  end = put_varint(end, record.header.size());
  end = put_varint(end, record.payload.size());
  index.append(numbers.data(), static_cast<std::size_t>(end - numbers.data()));
  head.last = record.sequence;
  head.last_time = time;
  ++head.count;
  head.bytes +=
      record.subject.size() + record.header.size() + record.payload.size() + kRecordOverheadBytes;
}

void Segment::clear() {
  head = {};
  index.clear();
  data.clear();
  subject_at_ = subject_bytes_ = 0;
}

std::uint32_t checksum(LogId log, const SegmentHead& head, std::string_view index,
                       std::string_view data) {
  std::array<char, 80> numbers;
  char* end = numbers.data();
  if (log != 0) end = put_varint(end, std::bit_cast<std::uint64_t>(log));
  end = put_varint(end, head.first);
  end = put_varint(end, head.last);
  end = put_varint(end, head.count);
  end = put_varint(end, head.bytes);
  end = put_varint(end, std::bit_cast<std::uint64_t>(head.first_time));
  end = put_varint(end, std::bit_cast<std::uint64_t>(head.last_time));
  end = put_varint(end, index.size());
  const std::size_t count = static_cast<std::size_t>(end - numbers.data());
  return crc32c(crc32c(crc32c(0, {numbers.data(), count}), index), data);
}

Status decode(const SegmentHead& head, std::string_view index, std::string_view data,
              std::vector<RecordView>& records) {
  const std::size_t before = records.size();
  // Five bytes of index is the least that a record takes: a wrong count cannot make us allocate.
  bool good = head.count > 0 && head.first > 0 && head.count <= index.size() / 5;
  Reader reader{index, data, head.first - 1, std::bit_cast<std::uint64_t>(head.first_time), {}};
  for (std::uint32_t i = 0; good && i < head.count; ++i) {
    RecordView record;
    good = reader.take(record) && (i != 0 || record.sequence == head.first);
    if (good) records.push_back(record);
  }
  if (good && reader.index.empty() && reader.data.empty() && reader.sequence == head.last)
    return {};
  records.resize(before);
  return {Errc::kCorrupt, "segment: index, data and head do not belong together"};
}

std::vector<std::uint32_t> sequence_offsets(const SegmentHead& head, std::string_view index) {
  std::vector<std::uint32_t> offsets;
  if (head.count > index.size() / 5 || head.last - head.first > UINT32_MAX) return {};
  offsets.reserve(head.count);
  Sequence sequence = head.first - 1;
  for (std::uint32_t i = 0; i < head.count; ++i) {
    std::uint64_t number = 0, ignored = 0;
    if (!take_varint(index, number)) return {};
    for (int field = 1; field < 5; ++field) {
      if (!take_varint(index, ignored)) return {};
    }
    if (sequence + 1 + number <= sequence || sequence + 1 + number > head.last) return {};
    sequence += 1 + number;
    offsets.push_back(static_cast<std::uint32_t>(sequence - head.first));
  }
  if (offsets.empty() || offsets.front() != 0 || sequence != head.last || !index.empty()) return {};
  return offsets;
}

}  // namespace petiole
