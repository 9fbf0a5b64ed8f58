#include "storage/directory.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace petiole {
namespace {

constexpr std::uint64_t kSmallBytes = kSegmentBytes / 2;
constexpr std::uint64_t kRunBytes = kSegmentBytes * 3 / 4;  // A run of small segments is merged at
constexpr std::size_t kRunSegments = 256;                   // this size, or with so many.
constexpr std::uint64_t kDeadBytesMin = 256 << 10;          // Less is not worth a compaction.

bool sparse(const SegmentInfo& info) { return info.live() * 2 <= info.count; }

}  // namespace

// A word at a time: this is asked for with each message, and a segment has thousands of bits.
std::size_t Bits::first_clear(std::size_t from) const {
  for (std::size_t word = from / 64; word < words_.size(); ++word, from = word * 64) {
    const std::uint64_t clear = ~words_[word] >> (from % 64);
    if (clear != 0) return from + static_cast<std::size_t>(std::countr_zero(clear));
  }
  return from;
}

std::string Bits::encode() const {
  std::string bytes;
  for (const std::uint64_t word : words_) {
    for (unsigned shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(word >> shift);
  }
  while (!bytes.empty() && bytes.back() == 0) bytes.pop_back();
  return bytes;
}

Bits Bits::decode(std::string_view bytes) {
  Bits bits;
  for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
    if ((static_cast<unsigned char>(bytes[i / 8]) >> (i % 8) & 1) != 0) bits.set(i);
  }
  return bits;
}

std::size_t SegmentInfo::index_of(Sequence sequence) const {
  if (sequence < first || sequence > last) return count;
  const auto offset = static_cast<std::uint32_t>(sequence - first);
  if (!details || details->offsets.empty()) return offset;
  const auto& offsets = details->offsets;
  const auto at = std::lower_bound(offsets.begin(), offsets.end(), offset);
  if (at == offsets.end() || *at != offset) return count;
  return static_cast<std::size_t>(at - offsets.begin());
}

std::size_t SegmentInfo::index_behind(Sequence sequence) const {
  if (sequence < first) return 0;
  if (sequence >= last) return count;
  const auto offset = static_cast<std::uint32_t>(sequence - first);
  if (!details || details->offsets.empty()) return offset + 1;
  const auto& offsets = details->offsets;
  return static_cast<std::size_t>(std::upper_bound(offsets.begin(), offsets.end(), offset) -
                                  offsets.begin());
}

Sequence SegmentInfo::sequence_of(std::size_t i) const {
  return first + (details && !details->offsets.empty() ? details->offsets[i] : i);
}

SegmentInfo::Details& SegmentInfo::make_details() {
  if (!details) details = std::make_unique<Details>();
  return *details;
}

SegmentInfo make_info(SegmentId id, const SegmentHead& head, std::vector<std::uint32_t> offsets) {
  SegmentInfo info;
  info.id = id;
  info.first = head.first;
  info.last = head.last;
  info.count = head.count;
  info.bytes = head.bytes;
  info.first_time = head.first_time;
  if (!offsets.empty()) info.make_details().offsets = std::move(offsets);
  return info;
}

void Directory::add(SegmentInfo info) {
  messages_ += info.live();
  bytes_ += info.live_bytes();
  stored_bytes_ += info.bytes;
  if (sparse(info) && !std::exchange(info.queued, true)) half_dead_.push_back(info.first);
  const bool small = info.bytes < kSmallBytes;
  small_count_ = small ? small_count_ + 1 : 0;
  small_bytes_ = small ? small_bytes_ + info.live_bytes() : 0;
  segments_.push_back(std::move(info));
}

std::size_t Directory::find(Sequence sequence) const {
  const auto at =
      std::lower_bound(segments_.begin(), segments_.end(), sequence,
                       [](const SegmentInfo& info, Sequence s) { return info.last < s; });
  return static_cast<std::size_t>(at - segments_.begin());
}

void Directory::mark(SegmentInfo& info, std::size_t index) {
  bytes_ -= info.live_bytes();
  info.make_details().removed.set(index);
  ++info.removed;
  --messages_;
  bytes_ += info.live_bytes();
}

bool Directory::remove(Sequence sequence) {
  const std::size_t at = find(sequence);
  if (at == segments_.size()) return false;
  SegmentInfo& info = segments_[at];
  const std::size_t index = info.index_of(sequence);
  if (index == info.count || info.is_removed(index)) return false;
  mark(info, index);
  if (info.live() == 0 && !info.busy) {
    drops_.push_back(info.id);
    stored_bytes_ -= info.bytes;
    segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(at));
    return true;
  }
  if (!std::exchange(info.dirty, true)) dirty_.push_back(info.first);
  if (sparse(info) && !std::exchange(info.queued, true)) half_dead_.push_back(info.first);
  return true;
}

void Directory::trim(Sequence upto) {
  while (!segments_.empty() && segments_.front().last <= upto && !segments_.front().busy) {
    SegmentInfo& front = segments_.front();
    messages_ -= front.live();
    bytes_ -= front.live_bytes();
    stored_bytes_ -= front.bytes;
    drops_.push_back(front.id);
    segments_.pop_front();
  }
  for (SegmentInfo& info : segments_) {
    if (info.first > upto) break;
    std::size_t end = info.last <= upto ? info.count : 0;
    if (end == 0) {
      while (end < info.count && info.sequence_of(end) <= upto) ++end;
    }
    for (std::size_t i = 0; i < end; ++i) {
      if (!info.is_removed(i)) mark(info, i);
    }
  }
}

std::vector<SegmentId> Directory::take_drops() { return std::exchange(drops_, {}); }

std::vector<RemovalWrite> Directory::take_removals() {
  std::vector<RemovalWrite> removals = std::exchange(lost_, {});
  for (const Sequence first : std::exchange(dirty_, {})) {
    const std::size_t at = find(first);
    if (at == segments_.size() || !segments_[at].dirty) continue;
    segments_[at].dirty = false;
    removals.push_back({segments_[at].id, segments_[at].details->removed.encode()});
  }
  return removals;
}

std::vector<Compaction> Directory::plan_compactions(std::size_t max, LogId log) {
  std::vector<Compaction> plans;
  note_small_run();
  if (small_bytes_ >= kRunBytes || small_count_ >= kRunSegments) {
    start(segments_.size() - small_count_, segments_.size(), log, plans);
    small_count_ = 0;
    small_bytes_ = 0;
  }
  while (plans.size() < max && !half_dead_.empty() && stored_bytes_ > 2 * bytes_ + kDeadBytesMin) {
    const Sequence first = half_dead_.back();
    half_dead_.pop_back();
    const std::size_t at = find(first);
    if (at == segments_.size() || !std::exchange(segments_[at].queued, false)) continue;
    plan_one(at, log, plans);
  }
  return plans;
}

// The counters of the run grow with each commit; trims and removals make it shorter.
void Directory::note_small_run() {
  if (small_bytes_ < kRunBytes && small_count_ < kRunSegments) return;
  small_count_ = 0;
  small_bytes_ = 0;
  for (std::size_t at = segments_.size(); at > 0; --at) {
    const SegmentInfo& info = segments_[at - 1];
    if (info.bytes >= kSmallBytes || info.busy || info.stuck) break;
    ++small_count_;
    small_bytes_ += info.live_bytes();
  }
}

// A half-dead segment, and those neighbours that are half-dead or small and still fit with it.
void Directory::plan_one(std::size_t at, LogId log, std::vector<Compaction>& plans) {
  const auto fits = [](const SegmentInfo& info, std::uint64_t bytes) {
    return !info.busy && !info.stuck && (sparse(info) || info.bytes < kSmallBytes) &&
           bytes + info.live_bytes() <= kSegmentBytes;
  };
  if (!fits(segments_[at], 0)) return;
  std::size_t begin = at, end = at + 1;
  std::uint64_t bytes = segments_[at].live_bytes();
  while (end < segments_.size() && end - begin < kRunSegments && fits(segments_[end], bytes)) {
    bytes += segments_[end++].live_bytes();
  }
  while (begin > 0 && end - begin < kRunSegments && fits(segments_[begin - 1], bytes)) {
    bytes += segments_[--begin].live_bytes();
  }
  // Offsets in a segment are 32 bits.
  while (segments_[end - 1].last - segments_[begin].first > UINT32_MAX) --end;
  start(begin, end, log, plans);
}

void Directory::start(std::size_t begin, std::size_t end, LogId log,
                      std::vector<Compaction>& plans) {
  if (end <= begin || segments_[end - 1].last - segments_[begin].first > UINT32_MAX) return;
  Compaction& plan = plans.emplace_back();
  plan.log = log;
  for (std::size_t at = begin; at < end; ++at) {
    SegmentInfo& info = segments_[at];
    info.busy = true;
    plan.inputs.emplace_back(info.id, info.details ? info.details->removed : Bits{});
  }
}

void Directory::compacted(const Compaction& plan, const CompactionDone& done) {
  const SegmentId head = plan.inputs.front().first;
  auto begin = segments_.begin();
  while (begin != segments_.end() && begin->id != head) ++begin;
  if (begin == segments_.end()) return;
  auto end = begin + static_cast<std::ptrdiff_t>(plan.inputs.size());
  if (!done.ok) return keep(begin, end, done.damaged);
  SegmentInfo info;
  if (done.head.count > 0) info = make_info(plan.id, done.head, done.offsets);
  for (auto at = begin; at != end; ++at) {
    messages_ -= at->live();
    bytes_ -= at->live_bytes();
    stored_bytes_ -= at->bytes;
  }
  // Removed while the new segment was being written: not on disk yet.
  for (std::size_t i = 0; i < info.count; ++i) {
    const Sequence sequence = info.sequence_of(i);
    auto at = begin;
    while (at->last < sequence) ++at;
    if (!at->is_removed(at->index_of(sequence))) continue;
    info.make_details().removed.set(i);
    ++info.removed;
    info.dirty = true;
  }
  begin = segments_.erase(begin, end);
  if (info.count == 0) return;
  if (info.live() == 0) {
    drops_.push_back(info.id);
    return;
  }
  messages_ += info.live();
  bytes_ += info.live_bytes();
  stored_bytes_ += info.bytes;
  if (info.dirty) dirty_.push_back(info.first);
  segments_.insert(begin, std::move(info));
}

LateRemovals Directory::removed_since(const Compaction& plan) const {
  LateRemovals late{plan.id, {}};
  auto input = plan.inputs.begin();
  for (const SegmentInfo& info : segments_) {
    if (input == plan.inputs.end() || info.id != input->first) continue;
    for (std::size_t i = 0; i < info.count; ++i) {
      if (info.is_removed(i) && !input->second.get(i))
        late.sequences.push_back(info.sequence_of(i));
    }
    ++input;
  }
  return late;
}

// A compaction came to nothing: its inputs stay, but for those without a live record by now.
void Directory::keep(Iterator begin, Iterator end, bool damaged) {
  for (auto left = end - begin; left > 0; --left) {
    begin->busy = false;
    begin->stuck = damaged;
    if (begin->live() > 0) {
      if (sparse(*begin) && !std::exchange(begin->queued, true)) half_dead_.push_back(begin->first);
      ++begin;
      continue;
    }
    if (!begin->lost) drops_.push_back(begin->id);
    stored_bytes_ -= begin->bytes;
    begin = segments_.erase(begin);
  }
}

std::vector<ReadPlan::Part> Directory::plan_read(Sequence after, std::size_t count_max,
                                                 std::size_t bytes_max) const {
  std::vector<ReadPlan::Part> parts;
  std::uint64_t count = 0, bytes = 0;
  for (std::size_t at = find(after + 1); at < segments_.size(); ++at) {
    const SegmentInfo& info = segments_[at];
    if (info.live() == 0) continue;
    parts.push_back(
        {info.id, info.details ? info.details->removed : Bits{}, info.live(), info.last});
    // The first segment may lie before `after` for the most part: it counts as one record.
    const bool cut = info.first <= after;
    count += cut ? 1 : info.live();
    bytes += cut ? 0 : info.live_bytes();
    if (count >= count_max || bytes >= bytes_max) break;
  }
  return parts;
}

// Its row is not deleted: freeing the pages of a damaged chain could do harm.
std::vector<Sequence> Directory::lose(SegmentId id) {
  std::vector<Sequence> live;
  for (auto at = segments_.begin(); at != segments_.end(); ++at) {
    if (at->id != id) continue;
    for (std::size_t i = 0; i < at->count; ++i) {
      if (at->is_removed(i)) continue;
      live.push_back(at->sequence_of(i));
      mark(*at, i);
    }
    lost_.push_back({id, at->make_details().removed.encode()});
    at->lost = true;
    at->dirty = false;
    if (at->busy) return live;
    stored_bytes_ -= at->bytes;
    segments_.erase(at);
    return live;
  }
  return live;
}

bool Directory::has_work() const {
  return !drops_.empty() || !dirty_.empty() || !lost_.empty() || small_bytes_ >= kRunBytes ||
         small_count_ >= kRunSegments ||
         (!half_dead_.empty() && stored_bytes_ > 2 * bytes_ + kDeadBytesMin);
}

Sequence Directory::next_live(Sequence after) const {
  for (std::size_t at = find(after + 1); at < segments_.size(); ++at) {
    const SegmentInfo& info = segments_[at];
    if (info.live() == 0) continue;
    std::size_t i = info.index_behind(after);
    if (info.details) i = info.details->removed.first_clear(i);
    if (i < info.count) return info.sequence_of(i);
  }
  return 0;
}

std::int64_t Directory::first_live_time() const {
  for (const SegmentInfo& info : segments_) {
    if (info.live() > 0) return info.first_time;
  }
  return 0;
}

}  // namespace petiole
