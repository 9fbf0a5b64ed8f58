#include "agent/routing/match_cache.h"

#include <algorithm>
#include <utility>

#include "agent/subject/subject.h"
#include "agent/subject/token_hash.h"

namespace petiole {

namespace {

constexpr std::size_t kGenerationsMin = 256;  // Of a cache with few entries, and of any other.
constexpr std::size_t kGenerationsMax = 2048;
constexpr std::size_t kSlotsMin = 64;

// The first `count` tokens of `subject`, or fewer when it has fewer.
std::string_view first_tokens(std::string_view subject, int count) {
  std::size_t end = 0;
  for (int i = 0; i < count; ++i) {
    end = subject.find('.', i == 0 ? 0 : end + 1);
    if (end == subject.npos) return subject;
  }
  return subject.substr(0, end);
}

}  // namespace

MatchCache::MatchCache(const Limits& limits, std::uint64_t seed)
    : entries_max_(limits.match_cache_entries_max),
      targets_max_(limits.match_cache_targets_max),
      seed_(seed) {}

MatchCache::~MatchCache() = default;

std::uint32_t MatchCache::hash(std::string_view text) const { return token_hash(seed_, text); }

std::uint16_t MatchCache::generation_of(std::string_view prefix) const {
  return static_cast<std::uint16_t>(hash(prefix) & (generations_.size() - 1));
}

MatchEntry* MatchCache::find(std::string_view subject, std::uint32_t hash) {
  if (slots_.empty()) return nullptr;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask; slots_[i].entry != 0; i = (i + 1) & mask) {
    if (slots_[i].hash != hash) continue;
    MatchEntry& entry = *entries_[slots_[i].entry - 1];
    if (entry.subject == subject) return &entry;
  }
  return nullptr;
}

MatchEntry& MatchCache::look_up(std::string_view subject) {
  const std::uint32_t key = hash(subject);
  MatchEntry* entry = find(subject, key);
  if (entry && holds(*entry)) {
    last_ = entry;
    return hit(*entry);
  }
  ++misses_;
  if (entries_.size() >= generations_.size()) grow_generations();
  if (!entry) {
    entry = &place_for(key);
    entry->subject = subject;
  } else if (entry->pins != 0) {
    entry = &spare();  // An outer publish still walks what is stale now.
    entry->subject = subject;
  }
  entry->first = generation_of(first_tokens(subject, 1));
  entry->second = generation_of(first_tokens(subject, 2));
  targets_ -= entry->listed ? entry->result.pointer_count() : 0;
  entry->filled = false;
  ++entry->pins;
  return *entry;
}

void MatchCache::fill_done(MatchEntry& entry) {
  if (!entry.listed) return;
  targets_ += entry.result.pointer_count();
  entry.stamp = stamp(entry);
  entry.filled = entry.recent = true;
  if (targets_ > targets_max_) shed();
}

// An entry may have come to hold more than what it replaced, or than it held before: others go.
void MatchCache::shed() {
  for (std::size_t tries = 2 * entries_.size(); tries != 0 && targets_ > targets_max_; --tries) {
    hand_ = (hand_ + 1) % static_cast<std::uint32_t>(entries_.size());
    MatchEntry& entry = *entries_[hand_];
    if (!replaceable(entry)) continue;
    targets_ -= entry.result.pointer_count();
    entry.result.clear(0);
    entry.filled = false;
  }
}

MatchEntry& MatchCache::spare() {
  for (const auto& each : spares_) {
    if (each->pins == 0) return *each;
  }
  return *spares_.emplace_back(std::make_unique<MatchEntry>());
}

bool MatchCache::replaceable(MatchEntry& entry) {
  if (entry.pins != 0) return false;
  if (entry.filled && entry.stamp != stamp(entry)) return true;
  return !std::exchange(entry.recent, false);
}

// An entry for a subject that has none: a new one while there is room, else the first that the
// hand finds unused; two rounds clear all `recent` marks.
MatchEntry& MatchCache::place_for(std::uint32_t hash) {
  if (entries_max_ == 0) return spare();
  std::uint32_t number = 0;
  if (entries_.size() < entries_max_ && (targets_ < targets_max_ || entries_.empty())) {
    number = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back(std::make_unique<MatchEntry>());
  } else {
    std::size_t tries = 2 * entries_.size();
    for (; tries != 0; --tries) {
      hand_ = (hand_ + 1) % static_cast<std::uint32_t>(entries_.size());
      if (replaceable(*entries_[hand_])) break;
    }
    if (tries == 0) return spare();
    number = hand_;
    delist(number);
  }
  entries_[number]->hash = hash;
  enlist(number);
  return *entries_[number];
}

void MatchCache::enlist(std::uint32_t number) {
  if (slots_.size() < entries_.size() * 2) grow_table();
  const std::size_t mask = slots_.size() - 1;
  MatchEntry& entry = *entries_[number];
  std::size_t i = entry.hash & mask;
  while (slots_[i].entry != 0) i = (i + 1) & mask;
  slots_[i] = {entry.hash, number + 1};
  entry.listed = true;
}

void MatchCache::delist(std::uint32_t number) {
  const std::size_t mask = slots_.size() - 1;
  MatchEntry& entry = *entries_[number];
  if (!entry.listed) return;
  std::size_t hole = entry.hash & mask;
  while (slots_[hole].entry != number + 1) hole = (hole + 1) & mask;
  for (std::size_t i = (hole + 1) & mask; slots_[i].entry != 0; i = (i + 1) & mask) {
    const std::size_t home = slots_[i].hash & mask;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = {};
  entry.listed = false;
  targets_ -= entry.result.pointer_count();
  entry.result.clear(targets_max_ / 16);
}

void MatchCache::grow_table() {
  slots_.assign(std::max(kSlotsMin, slots_.size() * 2), {});
  for (std::uint32_t number = 0; number < entries_.size(); ++number) {
    if (entries_[number]->listed) enlist(number);
  }
}

// All that was filled before is stale: its generations were others.
void MatchCache::grow_generations() {
  if (generations_.size() == kGenerationsMax) return;
  for (const std::uint32_t each : generations_) everything_ += 2 * each;
  ++everything_;
  generations_.assign(generations_.empty() ? kGenerationsMin : kGenerationsMax, 0);
}

void MatchCache::invalidate(std::string_view subject) {
  if (entries_.empty()) return;
  if (!has_wildcard(subject)) {
    if (MatchEntry* entry = find(subject, hash(subject))) entry->stamp = ~std::uint64_t{0};
    return;
  }
  const std::string_view one = first_tokens(subject, 1);
  const std::string_view two = first_tokens(subject, 2);
  if (has_wildcard(one)) {
    ++everything_;
  } else {
    ++generations_[generation_of(has_wildcard(two) ? one : two)];
  }
}

}  // namespace petiole
