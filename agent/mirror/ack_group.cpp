#include "agent/mirror/ack_group.h"

#include <algorithm>
#include <utility>

namespace petiole {

namespace {

constexpr std::size_t kNeededMax = 1 << 20;

// Answers come in the stream's order as a rule.
bool add_distinct(std::vector<std::uint64_t>& list, std::uint64_t sequence) {
  const bool ascends = list.empty() || sequence > list.back();
  if (!ascends && std::find(list.begin(), list.end(), sequence) != list.end()) return false;
  list.push_back(sequence);
  if (!ascends) std::sort(list.begin(), list.end());
  return true;
}

}  // namespace

std::uint64_t AckGroup::lowest() const { return sequences.empty() ? 0 : sequences.front(); }

void AckGroups::stored(std::string_view stream) {
  if (stream != stream_) {
    stream_ = stream;
    calm_ = 0;
  }
  ++calm_;
}

std::uint64_t AckGroups::join(std::uint64_t order) {
  if (open_ && !groups_.empty()) {
    AckGroup& newest = groups_.back();
    if (order == newest.first + newest.count && newest.count < messages_max_) {
      ++newest.count;
      return newest.number;
    }
  }
  groups_.push_back({.number = next_++, .first = order, .count = 1});
  open_ = true;
  return groups_.back().number;
}

AckGroups::Answer AckGroups::answered(std::uint64_t number, const PubAck& ack) {
  const auto at = std::find_if(groups_.begin(), groups_.end(),
                               [&](const AckGroup& each) { return each.number == number; });
  if (at == groups_.end()) return surprised(), Answer{};  // Decided already.
  AckGroup& group = *at;
  const bool fits = ack.kind == PubAck::Kind::kStored && !ack.duplicate && ack.stream == stream_ &&
                    add_distinct(group.sequences, ack.sequence);
  if (!fits) {
    if (std::next(at) == groups_.end()) open_ = false;
    Answer answer{.verdict = Verdict::kBroken, .group = std::move(group)};
    groups_.erase(at);
    surprised();
    needed_ = std::min(needed_ * 8, kNeededMax);
    return answer;
  }
  if (group.sequences.size() < group.count) return {};
  group.stream = ack.stream;
  if (std::next(at) == groups_.end()) open_ = false;
  Answer answer{.verdict = Verdict::kConfirmed, .group = std::move(group)};
  groups_.erase(at);
  return answer;
}

void AckGroups::drop() {
  groups_.clear();
  open_ = false;
  surprised();
}

void AckGroups::link_up() {
  drop();
  needed_ = after_;
  stream_.clear();
}

}  // namespace petiole
