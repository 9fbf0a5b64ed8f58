// Messages of which it is not known whether the hub has them, by subject and in order; and what is
// to be believed of those that were not found there.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/subject/token_hash.h"
#include "platform/time.h"

namespace petiole {

// What matters of a hub's stream: STREAM.INFO.
struct StreamFacts {
  std::uint64_t first = 0;                            // The oldest sequence that is there.
  std::optional<std::vector<std::uint64_t>> removed;  // Behind it, ascending; none: not known.
  std::uint64_t per_subject = 0;  // Keeps the newest so many of a subject; 0: any number.
  Duration duplicate_window{};

  // Whether something between these two, themselves not counted, was removed or may have been.
  bool removed_between(std::uint64_t before, std::uint64_t behind) const;
};

// Of what came before a message its stream forgets.
enum class Rollup : std::uint8_t { kNone, kSubject, kAll };
Rollup rollup_of(std::string_view header);

struct SuspectSubject {
  struct Item {
    std::uint64_t key;  // Order in the window, or sequence in the log.
    std::uint64_t id_hash;
    Duration age{};              // At most, since it was sent; Duration::max(): not known.
    std::uint64_t sequence = 0;  // In the stream, if it was seen there.
    bool arrived = false;
    std::uint64_t bytes = 0;
    bool elsewhere = false;  // It was seen in a stream that had the subject before.
    Rollup rollup = Rollup::kNone;
    bool seen() const { return sequence != 0 || elsewhere; }
  };
  std::string subject;
  std::vector<Item> items;
  std::uint64_t base = 0;       // A sequence in the stream from before all of them.
  std::uint64_t there = 0;      // Messages of the subject that were looked at behind it,
  bool looked = false;          // and that is all of them.
  std::uint64_t rolled_up = 0;  // Those with a key below came before a roll-up that was seen.

  // Learns that the stream has the message with this id. False: not ours.
  bool found(std::uint64_t id_hash, std::uint64_t at, bool elsewhere = false);
  // So many up to the last that was seen.
  std::size_t reach() const;
  // Those were all seen.
  bool proven() const;
  bool all_seen() const;
  // Says of each whether it arrived. What was not seen, and has one behind it that was, did not if
  // nothing was removed from its place. If the stream keeps so few of a subject that it would be
  // gone by now, or a roll-up behind it was seen, it counts as arrived: sent again it would be
  // behind that, and a hub that began anew drops no repeat of what its stream has not any more.
  // Else nobody knows: where the hub would drop a repeat, or `holes` (it refused some), it did not;
  // where a repeat would be stored once more, it did. `facts`: null, not known; `since`: passed
  // since the ages were taken.
  void judge(const StreamFacts* facts, Duration since, bool holes);
};

class SuspectList {
 public:
  explicit SuspectList(std::uint64_t hash_seed) : index_(0, TokenHash{hash_seed}) {}

  void add(std::string_view subject, std::uint64_t key, std::uint64_t id_hash, Duration age,
           std::uint64_t bytes, Rollup rollup = Rollup::kNone);
  bool contains(std::string_view subject) const { return index_.contains(subject); }
  void forget(std::string_view subject);
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  std::uint64_t bytes() const { return bytes_; }
  void clear();
  std::vector<SuspectSubject>& subjects() { return subjects_; }
  const std::vector<SuspectSubject>& subjects() const { return subjects_; }
  // Keys of all that arrived, ascending.
  std::vector<std::uint64_t> arrived() const;
  // One is not among these, and has one behind it that is.
  bool missing_before(const std::vector<std::uint64_t>& arrived) const;

 private:
  std::size_t count_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<SuspectSubject> subjects_;
  std::unordered_map<std::string, std::size_t, TokenHash, std::equal_to<>> index_;
};

}  // namespace petiole
