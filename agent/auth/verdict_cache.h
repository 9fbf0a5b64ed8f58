// Remembers answers by subject: publishers and deliveries repeat themselves.
//
// One place for each subject by its hash; who comes last stays. It grows while most questions are
// new, up to kEntriesMax. No allocation once the texts have grown; nothing at all before the first
// use. Loop thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/subject/token_hash.h"

namespace petiole {

class VerdictCache {
 public:
  // The answer for `subject`, by `ask(subject)` when it is not known.
  template <class Ask>
  std::uint8_t get(std::string_view subject, const Ask& ask) {
    if (last_ && last_->subject == subject) return last_->verdict;
    if (subject.empty() || subject.size() > kSubjectBytesMax) return ask(subject);
    Entry* entry = find(subject);
    if (!entry || entry->subject != subject) {
      entry = place(subject);
      entry->verdict = ask(subject);
      entry->subject.assign(subject);
    }
    last_ = entry;
    return entry->verdict;
  }

 private:
  static constexpr std::size_t kEntriesMin = 16, kEntriesMax = 1024;
  static constexpr std::size_t kSubjectBytesMax = 256;  // Longer ones are asked each time.
  // A peer that chooses subjects which collide slows down itself alone.
  static constexpr std::uint64_t kSeed = 0x5bd1e995;

  struct Entry {
    std::string subject;  // Empty: free.
    std::uint8_t verdict = 0;
  };

  Entry* find(std::string_view subject) {
    if (entries_.empty()) return nullptr;
    return &entries_[token_hash(kSeed, subject) & (entries_.size() - 1)];
  }
  Entry* place(std::string_view subject) {
    if (entries_.empty()) {
      entries_.resize(kEntriesMin);
    } else if (++misses_ > entries_.size() * 4 && entries_.size() < kEntriesMax) {
      const std::size_t size = entries_.size() * 4;
      entries_ = std::vector<Entry>(size);
      misses_ = 0;
    }
    return find(subject);
  }

  std::vector<Entry> entries_;  // A power of two.
  std::size_t misses_ = 0;
  Entry* last_ = nullptr;
};

}  // namespace petiole
